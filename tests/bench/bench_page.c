/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns of page allocation to be counted by an instruction counter:
 *
 *     valgrind --tool=callgrind --toggle-collect=measured bench_page PATTERN
 *
 * prints "PATTERN OPERATIONS" and lets the counter see the pattern alone, whose
 * instructions divided by the operations are the figure. An operation is an
 * allocation with its free, or one resize of 1 GiB.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"

#define REGION_BASE (4 * GIB)
#define REGION      (2 * GIB)
#define COUNT_MAX   (REGION / PAGE_BYTES)

static paddr_t pages[COUNT_MAX];
static u64 nr_pages;
static unsigned order;

static void take_all(void)
{
    for (u64 i = 0; i < nr_pages; i++)
        pages[i] = page_alloc(order, PAGE_USER);
}

static void give_all(void)
{
    for (u64 i = 0; i < nr_pages; i++)
        page_free(pages[i], order);
}

static void shuffle(void)
{
    srand(1);
    for (u64 i = nr_pages - 1; i > 0; i--) {
        u64 other = (u64)rand() % (i + 1);
        paddr_t page = pages[i];
        pages[i] = pages[other];
        pages[other] = page;
    }
}

/* ---- the patterns: each returns its operations ---- */

static u64 hot(void)
{
    for (u64 i = 0; i < 10000; i++)
        page_free(page_alloc(order, PAGE_USER), order);
    return 10000;
}

static u64 bulk(void)
{
    take_all();
    give_all();
    return nr_pages;
}

static u64 take(void)
{
    take_all();
    return nr_pages;
}

static u64 give(void)
{
    give_all();
    return nr_pages;
}

/* At high occupancy: give one anywhere, take one. */
static u64 churn(void)
{
    for (u64 i = 0; i < nr_pages; i++) {
        page_free(pages[i], order);
        pages[i] = page_alloc(order, PAGE_USER);
    }
    return nr_pages;
}

static u64 online(void)
{
    return hotplug_online(REGION_BASE + REGION, GIB) == OK;
}

static u64 offline(void)
{
    return hotplug_offline(REGION_BASE + REGION, GIB) == OK;
}

static u64 next_idle(void)
{
    struct hotplug_range idle;
    return hotplug_next_idle(REGION_BASE + REGION, REGION_BASE + REGION + GIB, &idle);
}

struct pattern {
    const char *name;
    unsigned order;
    void (*before[3])(void);
    u64 (*run)(void);
    u64 (*then)(void); /* after a shuffle, which is not counted */
};

static void do_online(void)
{
    online();
}

static void do_online_and_offline(void)
{
    online();
    offline();
}

static const struct pattern patterns[] = {
    {"hot-0", 0, {0}, hot, NULL},
    {"hot-9", 9, {0}, hot, NULL},
    {"hot-3", 3, {0}, hot, NULL},
    {"bulk-0", 0, {0}, bulk, NULL},
    {"bulk-9", 9, {0}, bulk, NULL},
    {"bulk-3", 3, {0}, bulk, NULL},
    {"take-0", 0, {0}, take, NULL},
    {"random-0", 0, {0}, take, give},
    {"random-9", 9, {0}, take, give},
    {"churn-0", 0, {take_all, shuffle}, churn, NULL},
    {"churn-9", 9, {take_all, shuffle}, churn, NULL},
    {"online-1g", 0, {0}, online, NULL},
    {"online-1g-again", 0, {do_online_and_offline}, online, NULL},
    {"offline-1g", 0, {do_online}, offline, NULL},
    {"next-idle-1g", 0, {do_online}, next_idle, NULL},
};

/* What the counter is told to look at. */
__attribute__((noinline)) static u64 measured(u64 (*run)(void))
{
    return run();
}

static void set_up(const struct pattern *pattern)
{
    static struct boot_info boot;
    fake_mm_start(&boot, 64 * MIB);
    if (hotplug_add_region(REGION_BASE, 8 * GIB, 2 * MIB, 0, "bench") != OK ||
        hotplug_online(REGION_BASE, REGION) != OK)
        exit(1);
    order = pattern->order;
    nr_pages = COUNT_MAX >> order;
    if (pattern->run == bulk)
        nr_pages = nr_pages * 9 / 10;
    for (unsigned i = 0; i < ARRAY_SIZE(pattern->before) && pattern->before[i]; i++)
        pattern->before[i]();
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
        if (argc < 2) {
            printf("%s\n", patterns[i].name);
        } else if (strcmp(argv[1], patterns[i].name) == 0) {
            set_up(&patterns[i]);
            u64 operations = measured(patterns[i].run);
            if (patterns[i].then) {
                shuffle();
                measured(patterns[i].then);
            }
            printf("%s %llu\n", argv[1], (unsigned long long)operations);
            page_check();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
