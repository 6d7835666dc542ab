/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmocka with the headers that must come before it, and tests that register themselves: unit.c has
 * the main() of every program, which runs the tests of its file in the order in which they stand.
 */
#ifndef TIDE_TESTS_UNIT_UNIT_H
#define TIDE_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef void (*unit_function_t)(void);

struct unit_test {
    const char *name;
    unit_function_t run;
    unit_function_t set_up; /* before it, or NULL */
    unit_function_t tear_down;
};

/* The test is kept, not copied. Called before main(). */
void unit_add(const struct unit_test *test);

/* Run once, before the first test and after the last; NULL for none. Called before main(). */
void unit_set_group(unit_function_t set_up, unit_function_t tear_down);

/* How often a part occurs in the text. */
static inline unsigned unit_count(const char *text, const char *part)
{
    unsigned times = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        times++;
    return times;
}

/* Fails unless the part occurs in the text. */
#define assert_has(text, part)                                 \
    do {                                                       \
        const char *all_of_it = (text), *wanted = (part);      \
        if (!strstr(all_of_it, wanted))                        \
            fail_msg("'%s' is not in: %s", wanted, all_of_it); \
    } while (0)

/* The head of a test's function. */
#define TEST_WITH(function, set_up, tear_down)                                         \
    static void function(void);                                                        \
    __attribute__((constructor)) static void add_##function(void)                      \
    {                                                                                  \
        static const struct unit_test test = {#function, function, set_up, tear_down}; \
        unit_add(&test);                                                               \
    }                                                                                  \
    static void function(void)

#define TEST(function) TEST_WITH(function, NULL, NULL)

/* Once in a file. */
#define TEST_GROUP(set_up, tear_down)                        \
    __attribute__((constructor)) static void add_group(void) \
    {                                                        \
        unit_set_group(set_up, tear_down);                   \
    }

#endif
