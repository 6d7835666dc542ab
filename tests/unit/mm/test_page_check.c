/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_check() finds what it looks for: each kind of state is broken once, as a
 * stray write would, and named. Tests that end with it rely on that.
 */
#include "include/status.h"
#include "include/units.h"
#include "mm/early.h"
#include "mm/hotplug/hotplug.h"
#include "mm/index.h"
#include "mm/page_internal.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define REGION_BASE (4 * GIB)

static struct boot_info boot;
static paddr_t page;

/* In one group an area in small use, idle ones and an odd one; another group is idle. */
static void start(void)
{
    fake_boot(&boot, 32 * MIB);
    page_lock = hotplug_lock = (struct spinlock){0}; /* the test before ended in a panic */
    early_init(&boot);
    page_init(&boot);
    assert_int_equal(hotplug_add_region(REGION_BASE, GIB, MIB, 0, "region"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, 33 * MIB), OK);
    assert_int_equal(hotplug_online(REGION_BASE + GROUP_BYTES, 4 * MIB), OK);
    paddr_t half = page_alloc(8, PAGE_USER); /* the odd area, which is filled first */
    assert_int_equal(half, REGION_BASE + 32 * MIB);
    page = page_alloc(0, PAGE_USER);
    assert_int_equal(page, REGION_BASE);
    spin_lock(&page_lock);
    (void)hold_end_all(false);
    spin_unlock(&page_lock);
    page_check();
}

static struct area_ref ref_of(paddr_t paddr)
{
    return (struct area_ref){index_group(paddr), area_index(paddr)};
}

static struct area_ref used(void)
{
    return ref_of(page);
}

static struct area_ref idle(void)
{
    return ref_of(REGION_BASE + 16 * MIB);
}

static struct area_ref odd(void)
{
    return ref_of(REGION_BASE + 32 * MIB);
}

/* ---- stray writes ---- */

static void flip_a_bit(void)
{
    area_words(used())[7] ^= 1;
}

static void free_an_absent_frame(void)
{
    area_words(odd())[7] |= 1;
    *area_entry(odd()) += 1;
}

static void lose_a_shelf(void)
{
    used().group->shelves[area_shelf(*area_entry(used()))] &= ~area_bit(used());
}

static void keep_an_idle_area(void)
{
    memset(area_words(used()), 0xff, AREA_WORDS * 8);
    *area_entry(used()) += 1;
}

static void lower_a_shelf(void)
{
    lose_a_shelf();
    used().group->shelves[0] |= area_bit(used());
    *area_entry(used()) = area_with_shelf(*area_entry(used()), 0);
}

static void stand_on_two_shelves(void)
{
    used().group->shelves[1] |= area_bit(used());
    used().group->shelves[2] |= area_bit(used());
}

static void change_small(void)
{
    used().group->small ^= area_bit(used());
}

static void close_an_area(void)
{
    *area_entry(idle()) = AREA_CLOSED_WHOLE;
}

static void change_movable(void)
{
    used().group->movable ^= area_bit(used());
}

static void change_odd(void)
{
    used().group->odd ^= area_bit(used());
}

static void change_idle(void)
{
    idle().group->idle ^= area_bit(idle());
}

static void change_origin(void)
{
    used().group->boot = true;
}

static void keep_a_bitmap(void)
{
    ref_of(REGION_BASE + GROUP_BYTES).group->bitmap = used().group->bitmap;
}

static void miscount(void)
{
    page_total[false]++;
}

static void expect_complaint(void (*write)(void), const char *complaint)
{
    start();
    write();
    assert_panics(page_check(), complaint);
    fake_shutdown();
}

TEST(test_stray_writes)
{
    static const struct {
        void (*write)(void);
        const char *complaint;
    } cases[] = {
        {flip_a_bit, "the count of free frames is not that of the bits"},
        {free_an_absent_frame, "an absent frame is free"},
        {lose_a_shelf, "on a shelf and should not be, or the reverse"},
        {keep_an_idle_area, "idle, but kept as used"},
        {lower_a_shelf, "a larger run is free than its shelf says"},
        {stand_on_two_shelves, "on a shelf, but not in small use, or on two"},
        {change_small, "the small mask is wrong"},
        {close_an_area, "closed in an open block"},
        {change_movable, "the movable mask is wrong"},
        {change_odd, "the odd mask is wrong"},
        {change_idle, "the idle mask is wrong"},
        {change_origin, "in use and not present, or of the wrong origin"},
        {keep_a_bitmap, "keeps a bitmap"},
        {miscount, "page_check: origin 0"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
        expect_complaint(cases[i].write, cases[i].complaint);
}

/* What no caller may ask for is found before anything is changed. */
TEST(test_wrong_arguments)
{
    start();
    assert_panics(page = page_alloc(PAGE_ORDER_MAX + 1, PAGE_USER), "page_alloc: order 10");
    assert_panics(page = page_alloc_run(0, PAGE_USER), "page_alloc_run: 0 frames");
    assert_panics(page_free_run(page, 0), "page_free_run");
    assert_panics(page_free_run(page + 1, 1), "page_free_run");
    page_check();
    page_free(page, 0);
    fake_shutdown();
}
