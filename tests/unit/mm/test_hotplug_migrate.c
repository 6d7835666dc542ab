/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks emptied by moving pages: which, how often, in what steps, and that the contents last. */
#include <string.h>

#include "include/status.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_owners.h"
#include "tests/unit/unit.h"

/* As the driver does: idle blocks first, then by moving. Returns blocks taken offline. */
static u64 shrink(u64 wanted)
{
    u64 count = unplug_idle(wanted);
    begin(wanted - count, HOTPLUG_FIRST_TRY);
    u64 nr_empty = empty_all();
    assert_int_equal(take_all(), nr_empty);
    hotplug_migrate_end(&session);
    return count + nr_empty;
}

TEST_WITH(half_of_a_scattered_region_leaves, setup_owners, teardown_owners)
{
    take_scattered(&owner_of_6, 42);
    assert_int_equal(shrink(NR_BLOCKS / 2), NR_BLOCKS / 2);
    check_pages(6);
    assert_no_page_moved_twice();
    assert_int_equal(fake_mapped_bytes(), REGION / 2);
    /* The cheapest half of the blocks: fewer moves than half of the pages. */
    assert_true(nr_moves < count_live() / 2);
}

TEST_WITH(single_frames_move, setup_owners, teardown_owners)
{
    take_scattered(&owner_of_0, 30);
    assert_int_equal(shrink(NR_BLOCKS * 6 / 10), NR_BLOCKS * 6 / 10);
    check_pages(0);
    assert_no_page_moved_twice();
}

TEST_WITH(whole_pageblocks_move, setup_owners, teardown_owners)
{
    take(&owner_of_9, NR_BLOCKS);
    for (u64 i = 0; i < nr_pages; i += 2)
        drop(i, 9);
    paddr_t keep = pages[NR_BLOCKS - 1];
    paddr_t end = REGION_BASE + REGION;
    assert_int_equal(fake_choose(&session, end - 4 * MIB, end, 1, HOTPLUG_FIRST_TRY), 1);
    struct hotplug_range range;
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), E_NODEV);
    assert_int_equal(hotplug_migrate_step(&session, &range), OK);
    assert_int_equal(range.base, keep);
    assert_int_equal(hotplug_migrate_step(&session, &range), E_NODEV);
    assert_int_equal(hotplug_migrate_take(&session, MIB, &range), E_NODEV);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.base, keep);
    assert_int_equal(range.bytes, 2 * MIB);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 1);
    check_pages(9);
}

TEST_WITH(emptied_blocks_leave_in_runs, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    take(&owner_of_6, 8 * 8);
    for (u64 i = 0; i < nr_pages; i++) {
        if (i % 8 >= (i / 8 == 4 ? 3 : 1)) /* the fifth block holds more */
            drop(i, 6);
    }
    assert_int_equal(begin(7, HOTPLUG_FIRST_TRY), 7);
    assert_int_equal(empty_all(), 7);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.base, REGION_BASE + 5 * 2 * MIB);
    assert_int_equal(range.bytes, 3 * 2 * MIB);
    assert_int_equal(hotplug_migrate_take(&session, 3 * 2 * MIB, &range), OK);
    assert_int_equal(range.base, REGION_BASE + 2 * MIB);
    assert_int_equal(range.bytes, 3 * 2 * MIB);
    assert_int_equal(hotplug_migrate_take(&session, 3 * 2 * MIB, &range), OK);
    assert_int_equal(range.base, REGION_BASE);
    assert_int_equal(hotplug_migrate_take(&session, 3 * 2 * MIB, &range), E_NODEV);
    hotplug_migrate_end(&session);
    check_pages(6);
}

/* Of what one try moved, the next one of the same resize leaves the new places alone. */
TEST_WITH(no_page_moves_twice_in_one_resize, setup_owners, teardown_owners)
{
    take_scattered(&owner_of_6, 42);
    u64 before = unplug_idle(NR_BLOCKS);
    begin(NR_BLOCKS / 4, HOTPLUG_FIRST_TRY);
    u64 first = empty_all();
    assert_int_equal(first, NR_BLOCKS / 4);
    take_all();
    u64 moved = nr_moves;
    begin(NR_BLOCKS - before - first, HOTPLUG_NEXT_TRY);
    assert_true(empty_all() > 0);
    take_all();
    assert_true(nr_moves > moved);
    assert_no_page_moved_twice();
    /* Another resize may: then every block that the pages do not fill can go. */
    begin(NR_BLOCKS, HOTPLUG_FIRST_TRY);
    empty_all();
    take_all();
    hotplug_migrate_end(&session);
    assert_true(fake_mapped_bytes() <= (count_live() + 7) / 8 * 2 * MIB);
    check_pages(6);
}

/* Two sessions, each in a half: neither ends the isolation of the other's blocks. */
/* Of two pageblocks with as many pages in use the higher one is chosen, unless pages were moved
 * there in this resize. */
TEST_WITH(migration_targets_are_not_chosen, setup_owners, teardown_owners)
{
    take(&owner_of_6, 4 * 8 + 2);
    drop(30, 6);
    drop(31, 6);
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(empty_all(), 1); /* the fifth pageblock, into the fourth */
    assert_int_equal(take_all(), 1);
    for (u64 i = 10; i < 16; i++)
        drop(i, 6);
    for (u64 i = 24; i < 30; i++)
        drop(i, 6);
    assert_int_equal(begin(1, HOTPLUG_NEXT_TRY), 1);
    assert_int_equal(empty_all(), 1);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 4);
    assert_no_page_moved_twice();
    check_pages(6);
}

/* A processor reserves a pageblock between two parts of the choice, which then falls on it. */
TEST_WITH(nothing_is_allocated_in_what_is_chosen, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    take(&owner_of_6, 3 * 8);
    for (u64 i = 0; i < nr_pages; i++) {
        if (i % 8 >= (i < 8 ? 1 : 4))
            drop(i, 6);
    }
    hotplug_migrate_begin(&session, REGION_BASE, REGION_BASE + REGION, 3, HOTPLUG_FIRST_TRY);
    while (session.phase != HOTPLUG_CHOOSING)
        assert_int_equal(hotplug_migrate_step(&session, &range), E_AGAIN);
    take(&owner_of_6, 1);
    while (session.phase != HOTPLUG_MOVING)
        assert_int_equal(hotplug_migrate_step(&session, &range), E_AGAIN);
    assert_int_equal(session.nr_chosen, 3);
    u64 first = nr_pages;
    take(&owner_of_6, 4);
    assert_int_equal(empty_all(), 3);
    for (u64 i = first; i < nr_pages; i++)
        assert_int_equal(moves[i], 0);
    hotplug_migrate_end(&session);
    check_pages(6);
}

TEST_WITH(sessions_do_not_disturb_each_other, setup_owners, teardown_owners)
{
    struct hotplug_migration other = {0};
    struct hotplug_range range;
    paddr_t middle = REGION_BASE + REGION / 2;
    take_scattered(&owner_of_6, 30);
    assert_int_equal(fake_choose(&session, REGION_BASE, middle, 20, HOTPLUG_FIRST_TRY), 20);
    assert_int_equal(fake_choose(&other, middle, REGION_BASE + REGION, 20, HOTPLUG_FIRST_TRY), 20);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(hotplug_migrate_step(&session, &range), OK);
        assert_true(range.base < middle);
        assert_int_equal(hotplug_migrate_step(&other, &range), OK);
        assert_true(range.base >= middle);
    }
    hotplug_migrate_end(&other);
    page_check();
    assert_int_equal(empty_all(), 10);
    assert_int_equal(take_all(), 20);
    hotplug_migrate_end(&session);
    check_pages(6);
    assert_no_page_moved_twice();
}

/* The migration target is the cheapest block now, and is not emptied before another resize. */
TEST_WITH(migration_targets_stay, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    take(&owner_of_6, 8 * 8);
    for (u64 i = 0; i < nr_pages; i++) {
        if (i % 8 >= 3)
            drop(i, 6);
    }
    assert_int_equal(begin(4, HOTPLUG_FIRST_TRY), 4);
    assert_int_equal(empty_all(), 4);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.base, REGION_BASE + 4 * 2 * MIB);
    /* Twelve came: five to the first block, five to the second, two to the third. */
    assert_int_equal(pages[4 * 8 + 1], REGION_BASE + 2 * 2 * MIB + 3 * 256 * KIB);
    drop(2 * 8, 6);
    drop(2 * 8 + 1, 6);
    drop(2 * 8 + 2, 6);
    assert_int_equal(begin(2, HOTPLUG_NEXT_TRY), 1);
    assert_int_equal(empty_all(), 1);
    assert_no_page_moved_twice();
    assert_int_equal(begin(2, HOTPLUG_FIRST_TRY), 2);
    hotplug_migrate_end(&session);
    check_pages(6);
}

/* A block of 8 MiB is emptied a pageblock at a time. */
TEST_WITH(large_blocks_are_emptied_in_steps, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    paddr_t base = REGION_BASE + REGION;
    fake_online(base, 32 * MIB, 8 * MIB);
    paddr_t filler = page_alloc_run(REGION / PAGE_BYTES, PAGE_USER);
    take(&owner_of_6, 8 * 16);
    page_free_run(filler, REGION / PAGE_BYTES);
    for (u64 i = 0; i < nr_pages; i++) {
        if (i % 8 != 0)
            drop(i, 6);
    }
    assert_int_equal(fake_choose(&session, base, base + 32 * MIB, 1, HOTPLUG_FIRST_TRY), 1);
    for (unsigned i = 1; i <= 4; i++) {
        assert_int_equal(hotplug_migrate_step(&session, &range), i < 4 ? E_AGAIN : OK);
        assert_int_equal(nr_moves, i);
        assert_int_equal(range.bytes, 8 * MIB);
    }
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.bytes, 8 * MIB);
    hotplug_migrate_end(&session);
    check_pages(6);
    fake_unback(base, 32 * MIB);
}
