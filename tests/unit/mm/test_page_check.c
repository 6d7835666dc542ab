/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_check() finds what it looks for: each kind of state is broken once, as a
 * stray write would, and named. Tests that end with it rely on that.
 */
#include "extras/check/page_check.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/early.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/region.h"
#include "mm/page.h"
#include "mm/pageblock_place.h"
#include "mm/reservation.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define REGION_BASE (4 * GIB)

static struct boot_info boot;
static paddr_t page;

/* In one section a pageblock in small use, idle ones and a partial one; another section is idle. */
static void start(void)
{
    fake_boot(&boot, 32 * MIB);
    page_lock = hotplug_lock = (struct spinlock){0}; /* the test before ended in a panic */
    early_init(&boot);
    page_init(&boot);
    assert_int_equal(hotplug_add_region(REGION_BASE, GIB, MIB, 0, "region"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, 33 * MIB), OK);
    assert_int_equal(hotplug_online(REGION_BASE + SECTION_BYTES, 4 * MIB), OK);
    paddr_t half = page_alloc(8, PAGE_USER); /* the partial pageblock, which is filled first */
    assert_int_equal(half, REGION_BASE + 32 * MIB);
    page = page_alloc(0, PAGE_USER);
    assert_int_equal(page, REGION_BASE);
    spin_lock(&page_lock);
    (void)reservation_end_all(RESERVED_ANY);
    spin_unlock(&page_lock);
    page_check();
}

static struct pageblock ref_of(paddr_t paddr)
{
    return (struct pageblock){section_at(paddr), pageblock_index(paddr)};
}

static struct pageblock used(void)
{
    return ref_of(page);
}

static struct pageblock idle(void)
{
    return ref_of(REGION_BASE + 16 * MIB);
}

static struct pageblock partial(void)
{
    return ref_of(REGION_BASE + 32 * MIB);
}

/* ---- stray writes ---- */

static void flip_a_bit(void)
{
    pageblock_free_bits(used())[7] ^= 1;
}

static void free_an_absent_frame(void)
{
    pageblock_free_bits(partial())[7] |= 1;
    *pageblock_entry(partial()) += 1;
}

static void lose_a_free_list(void)
{
    used().section->listed &= ~pageblock_bit(used());
}

static void keep_an_idle_pageblock(void)
{
    memset(pageblock_free_bits(used()), 0xff, PAGEBLOCK_WORDS * 8);
    *pageblock_entry(used()) += 1;
}

static void lower_a_free_list(void)
{
    section_set_number(used().section->free_lists, LIST_BITS, used().index, 0);
    *pageblock_entry(used()) = entry_with_list(*pageblock_entry(used()), 0);
}

static void list_an_idle_pageblock(void)
{
    idle().section->listed |= pageblock_bit(idle());
}

static void change_the_free_list(void)
{
    section_set_number(used().section->free_lists, LIST_BITS, used().index, 1);
}

static void overstate_what_is_free(void)
{
    pageblock_set_free_quarters(partial(), 2);
}

static void give_boot_ram_an_order(void)
{
    pageblock_set_order((struct pageblock){free_index_next_section(0), 0}, 3);
}

static void give_no_order(void)
{
    pageblock_set_order(used(), NR_ORDERS);
}

static void change_split(void)
{
    used().section->split ^= pageblock_bit(used());
}

static void isolate_a_pageblock(void)
{
    *pageblock_entry(idle()) = PB_ISOLATED_HUGE;
}

static void change_movable(void)
{
    used().section->movable ^= pageblock_bit(used());
}

static void change_partial(void)
{
    used().section->partial ^= pageblock_bit(used());
}

static void change_idle(void)
{
    idle().section->idle ^= pageblock_bit(idle());
}

static void change_origin(void)
{
    used().section->boot = true;
}

static void keep_a_bitmap(void)
{
    ref_of(REGION_BASE + SECTION_BYTES).section->bitmap = used().section->bitmap;
}

static void miscount(void)
{
    account_managed[false]++;
}

static void miscount_the_listed(void)
{
    account_listed[LISTED_EMPTIED]++;
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
        {lose_a_free_list, "on a free list and should not be, or the reverse"},
        {keep_an_idle_pageblock, "idle, but kept as used"},
        {lower_a_free_list, "a larger run is free than its free list says"},
        {list_an_idle_pageblock, "on a free list, but not split"},
        {change_the_free_list, "on another free list than it says"},
        {overstate_what_is_free, "fuller than its class"},
        {give_boot_ram_an_order, "for an order that it cannot be for"},
        {give_no_order, "for an order that it cannot be for"},
        {change_split, "the split mask is wrong"},
        {isolate_a_pageblock, "isolated as a huge page"},
        {change_movable, "the movable mask is wrong"},
        {change_partial, "the partial mask is wrong"},
        {change_idle, "the idle mask is wrong"},
        {change_origin, "in use and not present, or of the wrong origin"},
        {keep_a_bitmap, "keeps a bitmap"},
        {miscount, "page_check: origin 0"},
        {miscount_the_listed, "nearly full pageblocks listed"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
        expect_complaint(cases[i].write, cases[i].complaint);
}

/* A forbidden call panics before it changes anything. */
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
