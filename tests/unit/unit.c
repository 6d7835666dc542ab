/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main() of the unit tests: cmocka runs what the program's file has registered; see unit.h.
 * `program NAME` runs one of the tests; cmocka's ? and * stand for others.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#define TESTS_MAX 128

static struct CMUnitTest tests[TESTS_MAX];
static size_t nr_tests;
static unit_function_t group_set_up, group_tear_down;

static void run_if(unit_function_t function)
{
    if (function)
        function();
}

static void run(void **state)
{
    ((const struct unit_test *)*state)->run();
}

static int set_up(void **state)
{
    run_if(((const struct unit_test *)*state)->set_up);
    return 0;
}

static int tear_down(void **state)
{
    run_if(((const struct unit_test *)*state)->tear_down);
    return 0;
}

static int begin_group(void **state)
{
    (void)state;
    run_if(group_set_up);
    return 0;
}

static int end_group(void **state)
{
    (void)state;
    run_if(group_tear_down);
    return 0;
}

void unit_add(const struct unit_test *test)
{
    if (nr_tests == TESTS_MAX) {
        fprintf(stderr, "more than %d tests in one file\n", TESTS_MAX);
        abort();
    }
    tests[nr_tests++] = (struct CMUnitTest){
        .name = test->name,
        .test_func = run,
        .setup_func = set_up,
        .teardown_func = tear_down,
        .initial_state = (void *)(uintptr_t)test,
    };
}

void unit_set_group(unit_function_t set_up_once, unit_function_t tear_down_once)
{
    group_set_up = set_up_once;
    group_tear_down = tear_down_once;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("tests", tests, nr_tests, begin_group, end_group);
}
