/* SPDX-License-Identifier: BSD-2-Clause */
/* Which pageblock of plugged memory an unmovable page comes from: see mm/place.c. */
#include "include/status.h"
#include "include/units.h"
#include "lib/bitmap.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "mm/pageblock_place.h"
#include "mm/reservation.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE   ((paddr_t)0x200000000000)
#define NR_PAGEBLOCKS 40
#define REGION        (NR_PAGEBLOCKS * PAGEBLOCK_BYTES)

static void setup(void)
{
    static struct boot_info boot; /* mm keeps a pointer */
    fake_mm_start(&boot, 16 * MIB);
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, PAGEBLOCK_BYTES, 0, "test"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

static paddr_t pageblock(unsigned index)
{
    return REGION_BASE + index * PAGEBLOCK_BYTES;
}

static unsigned index_of(paddr_t page)
{
    assert_true(page >= REGION_BASE && page < REGION_BASE + REGION);
    return (unsigned)((page - REGION_BASE) / PAGEBLOCK_BYTES);
}

/* What a processor has reserved is not looked for. */
static void end_reservations(void)
{
    spin_lock(&page_lock);
    (void)reservation_end_all(RESERVED_ANY);
    spin_unlock(&page_lock);
}

/* Only where it is meant; and again, as its processor does not know yet, there is nothing to end.
 */
TEST_WITH(a_reservation_ends_once, setup, teardown)
{
    assert_int_not_equal(page_alloc(0, PAGE_USER), PADDR_NONE);
    spin_lock(&page_lock);
    assert_false(reservation_end_all(RESERVED_BOOT));
    assert_true(reservation_end_all(RESERVED_ANY));
    assert_false(reservation_end_all(RESERVED_ANY));
    spin_unlock(&page_lock);
}

/* All of the pageblocks 0 to count - 1, and none is reserved afterwards. */
static void fill(unsigned count, unsigned order)
{
    for (u64 i = 0; i < (u64)count * PAGEBLOCK_FRAMES >> order; i++)
        assert_int_equal(page_alloc(order, PAGE_USER), REGION_BASE + (i << (PAGE_SHIFT + order)));
    end_reservations();
}

static void free_pages(unsigned index, u64 count, unsigned order)
{
    for (u64 i = 0; i < count; i++)
        page_free(pageblock(index) + (i << (PAGE_SHIFT + order)), order);
}

static void expect_from(unsigned index, u64 count, unsigned order)
{
    for (u64 i = 0; i < count; i++)
        assert_int_equal(index_of(page_alloc(order, PAGE_USER)), index);
}

TEST_WITH(orders_share_no_pageblock, setup, teardown)
{
    u32 orders_in[NR_PAGEBLOCKS] = {0};
    paddr_t pages[9 * 16];
    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
        pages[i] = page_alloc(i % 9, PAGE_USER);
        orders_in[index_of(pages[i])] |= 1u << i % 9;
    }
    u32 seen = 0;
    for (unsigned i = 0; i < NR_PAGEBLOCKS; i++) {
        assert_int_equal(orders_in[i] & (orders_in[i] - 1), 0);
        seen |= orders_in[i];
    }
    assert_int_equal(seen, 0x1ff);
    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++)
        page_free(pages[i], i % 9);
    end_reservations();
    assert_int_equal(hotplug_used_frames(REGION_BASE, REGION), 0);
}

/* Orders 3 to 8 have one reservation in turn: what it leaves half full is taken up again. */
TEST_WITH(a_change_of_order_opens_nothing_new, setup, teardown)
{
    unsigned first = index_of(page_alloc(3, PAGE_USER));
    unsigned second = index_of(page_alloc(5, PAGE_USER));
    for (unsigned i = 1; i < 16; i++) {
        expect_from(first, 1, 3);
        expect_from(second, 1, 5);
    }
}

/* Eight more, for another order and with room for one page of it: then little counts as free. */
static void add_nearly_full(unsigned first)
{
    for (unsigned i = first; i < first + 8; i++)
        expect_from(i, 32, 4);
    end_reservations();
    for (unsigned i = first; i < first + 8; i++)
        free_pages(i, 1, 4);
}

TEST_WITH(the_fullest_comes_first, setup, teardown)
{
    fill(3, 0);
    add_nearly_full(3);
    free_pages(0, 400, 0);
    free_pages(1, 300, 0);
    free_pages(2, 10, 0);
    expect_from(2, 10, 0);
    expect_from(1, 300, 0);
    expect_from(0, 400, 0);
    expect_from(11, 1, 0);
    free_pages(0, 1, 0); /* it counts as full again */
    page_check();
}

/* The same quarter of each is free. */
TEST_WITH(of_equals_the_lowest_comes_first, setup, teardown)
{
    fill(2, 0);
    free_pages(1, 20, 0);
    free_pages(0, 30, 0);
    expect_from(0, 30, 0);
    expect_from(1, 20, 0);
}

/* Two pageblocks for order 3, of which a search for order 3 has found that so many are free. */
static void empty_two(u64 nr_free)
{
    fill(2, 3);
    add_nearly_full(2);
    free_pages(0, nr_free, 3);
    free_pages(1, nr_free, 3);
    expect_from(0, 1, 3);
}

TEST_WITH(a_half_empty_one_comes_before_an_idle_one, setup, teardown)
{
    empty_two(32);
    expect_from(1, 32 * 2, 2);
    expect_from(10, 1, 2);
    free_pages(1, 2 * 32, 2); /* it is for order 2 now */
    expect_from(0, 31, 3);
    expect_from(11, 1, 3);
}

TEST_WITH(a_fuller_one_does_not, setup, teardown)
{
    empty_two(31);
    expect_from(10, 1, 2);
    expect_from(0, 30, 3);
    expect_from(1, 31, 3);
}

/* A pageblock for a smaller order is no better than an idle one: its holes are in pieces. */
TEST_WITH(a_half_empty_one_for_less_does_not, setup, teardown)
{
    fill(2, 0);
    add_nearly_full(2);
    free_pages(0, 300, 0);
    free_pages(1, 300, 0);
    expect_from(0, 1, 0);
    expect_from(10, 1, 3);
}

/* One of four on a free list is found to have emptied, then one of three. */
TEST_WITH(where_much_is_free_it_does, setup, teardown)
{
    fill(5, 0);
    for (unsigned i = 0; i < 5; i++)
        free_pages(i, i < 2 ? 300 : 1, 0);
    end_reservations();
    expect_from(2, 1, 0); /* 0 and 1 are not full any more, and are passed over */
    expect_from(3, 1, 0);
    expect_from(0, 128, 1);
}

TEST_WITH(then_those_for_smaller_orders_are_first, setup, teardown)
{
    fill(2, 0);
    expect_from(2, 64, 3);
    end_reservations();
    free_pages(0, 400, 0);
    free_pages(1, 200, 0);
    free_pages(2, 20, 3);
    expect_from(1, 1, 0);
    expect_from(0, 50, 3); /* 1 is reserved */
    expect_from(2, 1, 3);
}

/* As a processor does that frees all that is left of it, before it waits for page_lock. */
static void begin_to_free_rest(unsigned index, u32 count)
{
    struct pageblock pb = pageblock_at(pageblock(index));
    bitmap_set_range(pageblock_free_bits(pb), 0, PAGEBLOCK_FRAMES);
    *pageblock_entry(pb) += count;
    page_count_freed(*pageblock_entry(pb), count);
}

/* Else page_check() finds that it counts as emptier than it is when it is split again. */
TEST_WITH(one_found_idle_is_as_new, setup, teardown)
{
    fill(2, 0);
    free_pages(0, 400, 0);
    free_pages(1, 1, 0);
    expect_from(1, 1, 0); /* 0 is known to have emptied */
    end_reservations();
    free_pages(1, 1, 0);
    begin_to_free_rest(1, PAGEBLOCK_FRAMES - 1);
    expect_from(0, 400, 0);
    expect_from(1, 1, 0);
}

/* And of those that have emptied the lowest comes first, not the fullest. */
TEST_WITH(then_the_lowest_comes_first, setup, teardown)
{
    fill(3, 0);
    free_pages(0, 200, 0);
    free_pages(1, 400, 0);
    free_pages(2, 200, 0);
    expect_from(0, 200, 0);
    expect_from(1, 400, 0);
    expect_from(2, 200, 0);
}

/* More than one in four that are counted. */
TEST_WITH(where_sparse_memory_begins, setup, teardown)
{
    static const struct {
        u64 nr_full, nr_emptied;
        bool is_sparse;
    } cases[] = {{0, 0, false}, {3, 1, false}, {2, 1, true}, {300, 100, false}, {299, 100, true}};
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        account_listed[LISTED_FULL] = cases[i].nr_full;
        account_listed[LISTED_EMPTIED] = cases[i].nr_emptied;
        assert_int_equal(place_is_sparse(), cases[i].is_sparse);
    }
    account_listed[LISTED_FULL] = account_listed[LISTED_EMPTIED] = 0;
}

/* From there the next one is claimed without a search: only then it counts as taken. */
TEST_WITH(a_processor_knows_where_huge_pages_are, setup, teardown)
{
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(page_alloc(PAGE_ORDER_MAX, PAGE_USER), pageblock(i));
    assert_int_equal(own_reservation(PAGE_USER)->taken, 2 * PAGEBLOCK_FRAMES);
}

/* Pageblocks without a run of two, more than one search looks at: when none is idle all are
 * searched. */
TEST(the_last_run_is_found)
{
    static struct boot_info boot;
    const u64 bytes = 300 * MIB;
    fake_mm_start(&boot, bytes);
    while (page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        ;
    for (paddr_t page = FAKE_RAM_BASE + 4 * MIB; page < FAKE_RAM_BASE + bytes;
         page += 2 * PAGE_BYTES)
        page_free(page, 0);
    paddr_t last = FAKE_RAM_BASE + bytes - 2 * PAGE_BYTES;
    page_free(last + PAGE_BYTES, 0);
    assert_int_equal(page_alloc(1, PAGE_KERNEL), last);
    page_check();
    fake_shutdown();
}

/* When none is idle, whatever fits will do, of a larger order first. */
TEST_WITH(the_last_frames_serve_any_order, setup, teardown)
{
    fill(NR_PAGEBLOCKS / 2, 0);
    for (unsigned i = NR_PAGEBLOCKS / 2; i < NR_PAGEBLOCKS; i++)
        expect_from(i, 64, 3);
    end_reservations();
    free_pages(NR_PAGEBLOCKS - 1, 2, 3);
    free_pages(7, 8, 0);
    expect_from(NR_PAGEBLOCKS - 1, 2 * 4, 1);
    expect_from(7, 2, 2);
    end_reservations();
    assert_true(page_alloc(0, PAGE_USER) < REGION_BASE);
}

/* What is left of a longer run is used before a pageblock is split for it. */
TEST_WITH(the_rest_of_a_run_is_used, setup, teardown)
{
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(index_of(page_alloc_run(5, PAGE_USER)), 0);
    expect_from(1, 1, 3); /* it finds pageblock 0 used up but for these */
    expect_from(0, 64, 1);
    expect_from(2, 1, 1);
    expect_from(0, 64, 0);
}
