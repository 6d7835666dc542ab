/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks emptied by moving pages: which, how often, in what steps, and that the contents last. */
#include <string.h>

#include "include/status.h"
#include "mm/free_index.h"
#include "mm/reservation.h"
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
    assert_int_equal(hotplug_used_frames(keep, 2 * MIB),
                     0); /* nobody's, though nobody may have it */
    assert_int_equal(hotplug_migrate_step(&session, &range), E_NODEV);
    assert_int_equal(hotplug_migrate_take(&session, MIB, &range), E_NODEV);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.base, keep);
    assert_int_equal(range.bytes, 2 * MIB);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 1);
    check_pages(9);
}

static bool is_reported(paddr_t paddr)
{
    struct pageblock pb = pageblock_at(paddr);
    return (pb.section->reported & pageblock_bit(pb)) != 0;
}

/* The host is told anew of what was in use, whether its pages were freed or moved away. */
TEST_WITH(what_was_in_use_is_not_reported, setup_owners, teardown_owners)
{
    take(&owner_of_6, 8);
    paddr_t in_pieces = pages[0];
    assert_true(is_reported(in_pieces));
    for (u64 i = 0; i < 8; i++)
        drop(i, 6);
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_ANY);
    spin_unlock(&page_lock);
    assert_false(is_reported(in_pieces));

    take(&owner_of_9, 2);
    paddr_t whole = pages[nr_pages - 1];
    assert_true(is_reported(whole));
    assert_int_equal(fake_choose(&session, whole, whole + 2 * MIB, 1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(empty_all(), 1);
    hotplug_migrate_end(&session);
    assert_false(is_reported(whole));
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

/* Only what is empty by now, and no more than is asked for. */
TEST_WITH(emptied_blocks_leave_one_by_one, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    take(&owner_of_9, 6);
    paddr_t top = pages[5];
    assert_int_equal(top, pages[0] + 5 * 2 * MIB);
    assert_int_equal(fake_choose(&session, pages[0], top + 2 * MIB, 6, HOTPLUG_FIRST_TRY), 6);
    assert_int_equal(hotplug_migrate_step(&session, &range), OK);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.base, top);
    assert_int_equal(range.bytes, 2 * MIB);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(hotplug_migrate_step(&session, &range), OK);
    assert_int_equal(hotplug_migrate_take(&session, 3 * 2 * MIB, &range), OK);
    assert_int_equal(range.bytes, 3 * 2 * MIB);
    assert_int_equal(hotplug_migrate_take(&session, 2 * MIB, &range), OK);
    assert_int_equal(range.bytes, 2 * MIB);
    hotplug_migrate_end(&session);
    check_pages(9);
}

/* Blocks of two pageblocks: one that is half emptied is not taken, nor one below it. */
TEST_WITH(half_emptied_blocks_stay, setup_owners, teardown_owners)
{
    const paddr_t base = REGION_BASE - GIB;
    struct hotplug_range range;
    int status;
    fake_online(base, 16 * MIB, 4 * MIB);
    take(&owner_of_9, 8);
    for (unsigned i = 0; i < 8; i++)
        assert_in_range(pages[i], base, base + 14 * MIB);
    assert_int_equal(fake_choose(&session, base, base + 16 * MIB, 3, HOTPLUG_FIRST_TRY), 3);
    while ((status = hotplug_migrate_step(&session, &range)) == E_AGAIN)
        ;
    assert_int_equal(status, OK);
    assert_int_equal(range.base, base + 12 * MIB);
    assert_int_equal(hotplug_migrate_step(&session, &range), E_AGAIN);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), OK);
    assert_int_equal(range.base, base + 12 * MIB);
    assert_int_equal(range.bytes, 4 * MIB);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), E_NODEV);
    hotplug_migrate_end(&session);
    check_pages(9);
    fake_unback(base, 16 * MIB);
}

/* Of two pageblocks the one with less to move, to a page, whatever their places. */
TEST_WITH(a_page_less_is_cheaper, setup_owners, teardown_owners)
{
    take(&owner_of_0, 2 * 512);
    paddr_t low = pages[0] & ~(paddr_t)(2 * MIB - 1);
    unsigned kept[2] = {0, 0};
    for (u64 i = 0; i < nr_pages; i++) {
        bool is_low = pages[i] < low + 2 * MIB;
        /* 4 frames in use against 5: a bucket each, as there are 255 for 512 frames */
        if (kept[is_low] < (is_low ? 4 : 5))
            kept[is_low]++;
        else
            drop(i, 0);
    }
    struct hotplug_range range;
    assert_int_equal(fake_choose(&session, low, low + 4 * MIB, 1, HOTPLUG_FIRST_TRY), 1);
    while (hotplug_migrate_step(&session, &range) == E_AGAIN)
        ;
    assert_int_equal(range.base, low);
    hotplug_migrate_end(&session);
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

/* Another processor is about to have the second pageblock of a block whole: it has claimed it, and
 * the entry does not say so yet. Then the first one is left alone, too. */
TEST_WITH(what_another_processor_takes_is_not_chosen, setup_owners, teardown_owners)
{
    const paddr_t base = REGION_BASE - GIB;
    fake_online(base, 16 * MIB, 4 * MIB);
    take(&owner_of_6, 1);
    assert_int_equal(pages[0], base);
    struct pageblock second = pageblock_at(base + PAGEBLOCK_BYTES);
    assert_true(section_claim_one(second.section, second.index));
    assert_int_equal(fake_choose(&session, base, base + 4 * MIB, 1, HOTPLUG_FIRST_TRY), 0);
    hotplug_migrate_end(&session);
    assert_int_equal(second.section->isolated, 0);
    section_return_one(second.section, second.index);
    assert_int_equal(fake_choose(&session, base, base + 4 * MIB, 1, HOTPLUG_FIRST_TRY), 1);
    hotplug_migrate_end(&session);
    check_pages(6);
    fake_unback(base, 16 * MIB);
}

/* What is kept of boot RAM is no room for movable pages, nor is what is free beside unmovable ones:
 * two pages that have nowhere else to go are not chosen. */
TEST_WITH(what_is_no_room_for_movable_pages, setup_owners, teardown_owners)
{
    static paddr_t fixed[4 * PAGEBLOCK_FRAMES];
    for (u64 i = 0; i < ARRAY_SIZE(fixed); i++)
        fixed[i] = page_alloc(0, PAGE_USER);
    for (u64 i = 0; i < ARRAY_SIZE(fixed); i++) {
        if (i % PAGEBLOCK_FRAMES != 0)
            page_free(fixed[i], 0);
    }
    take(&owner_of_0, (NR_BLOCKS - 4) * PAGEBLOCK_FRAMES);
    for (u64 i = nr_pages - PAGEBLOCK_FRAMES + 2; i < nr_pages; i++)
        drop(i, 0);
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    hotplug_migrate_end(&session);
    static paddr_t boot_pages[16 * MIB / PAGE_BYTES];
    u64 nr = 0;
    while ((boot_pages[nr] = page_alloc(0, PAGE_BOOT_FIRST)) < REGION_BASE)
        nr++;
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 0);
    hotplug_migrate_end(&session);
    while ((boot_pages[nr] = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE)
        nr++;
    for (u64 i = 0; i < nr; i += 2)
        page_free(boot_pages[i], 0);
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 0);
    hotplug_migrate_end(&session);
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
