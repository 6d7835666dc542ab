/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps blocks from being emptied, and what is said of it. */
#include <string.h>
#include <sys/mman.h>

#include "extras/check/page_check.h"
#include "include/status.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_owners.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

/* A page that its owner frees while its block is being emptied, whole or single. */
TEST_WITH(pages_freed_in_an_isolated_block, setup_owners, teardown_owners)
{
    take(&owner_of_9, 1);
    take(&owner_of_6, 1);
    assert_int_equal(begin(2, HOTPLUG_FIRST_TRY), 2);
    drop(0, 9);
    drop(1, 6);
    page_check();
    assert_panics(page_free(REGION_BASE, 9), "page_free");
    paddr_t other = page_alloc(9, PAGE_USER);
    assert_true(other >= REGION_BASE + 4 * MIB);
    assert_int_equal(empty_all(), 2);
    assert_int_equal(take_all(), 2);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 0);
    assert_int_equal(fake_mapped_bytes(), REGION - 4 * MIB);
    page_free(other, 9);
}

TEST_WITH(a_refused_page_keeps_its_block_alone, setup_owners, teardown_owners)
{
    take(&owner_of_6, 5 * 8);
    for (u64 i = 0; i < nr_pages; i++) {
        if (i % 8 != 3)
            drop(i, 6);
    }
    refused_page = 19;
    paddr_t refused = pages[19];
    struct hotplug_range range;
    assert_int_equal(begin(3, HOTPLUG_FIRST_TRY), 3);
    unsigned busy = 0;
    for (int status; (status = hotplug_migrate_step(&session, &range)) != E_NODEV;) {
        busy += status == E_BUSY;
        assert_int_equal(status == E_BUSY, range.base == align_down(refused, 2 * MIB));
        page_check();
    }
    assert_int_equal(busy, 1);
    assert_int_equal(take_all(), 2);
    struct hotplug_pinned pinned = fake_count_pinned(REGION_BASE, REGION_BASE + REGION);
    assert_int_equal(pinned.nr_failed, 1);
    assert_int_equal(pinned.nr_failed_by[owner_of_6.number], 1);
    assert_string_equal(page_owner_name(owner_of_6.number), "chunks");
    assert_null(page_owner_name(3));
    /* Going on, another block takes its place; it is not asked for again. */
    assert_int_equal(begin(1, HOTPLUG_SAME_TRY), 1);
    assert_int_equal(empty_all(), 1);
    assert_int_equal(nr_refusals, 1);
    assert_int_equal(take_all(), 1);
    assert_int_equal(begin(1, HOTPLUG_SAME_TRY), 0);
    /* In the next try it is, and may have changed its mind. */
    refused_page = PAGES_MAX;
    assert_int_equal(begin(1, HOTPLUG_NEXT_TRY), 1);
    assert_int_equal(empty_all(), 1);
    hotplug_migrate_end(&session);
    assert_true(pages[19] != refused);
    check_pages(6);
    pinned = fake_count_pinned(REGION_BASE, REGION_BASE + REGION);
    assert_int_equal(pinned.nr_failed, 0);
}

TEST_WITH(fixed_pages_are_told_and_left_alone, setup_owners, teardown_owners)
{
    paddr_t fixed = page_alloc(0, PAGE_USER);
    take(&owner_of_6, 9);
    struct hotplug_pinned pinned = fake_count_pinned(REGION_BASE, REGION_BASE + REGION);
    assert_int_equal(pinned.granule_bytes, 2 * MIB);
    assert_int_equal(pinned.nr_user, 1);
    assert_int_equal(pinned.nr_movable, 2);
    assert_int_equal(pinned.nr_idle, NR_BLOCKS - 3);
    assert_int_equal(pinned.nr_metadata, 0);
    assert_true(align_down(fixed, 2 * MIB) != align_down(pages[0], 2 * MIB));
    assert_int_equal(begin(NR_BLOCKS, HOTPLUG_FIRST_TRY), 2);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 0);
    page_free(fixed, 0);
}

/* The host wants the memory after all: what was not moved yet stays, and can be allocated again. */
TEST_WITH(an_end_opens_what_is_isolated, setup_owners, teardown_owners)
{
    take_scattered(&owner_of_6, 50);
    struct hotplug_range range;
    assert_true(begin(40, HOTPLUG_FIRST_TRY) > 20);
    assert_int_equal(hotplug_migrate_step(&session, &range), OK);
    u64 moved = nr_moves;
    hotplug_migrate_end(&session);
    page_check();
    assert_int_equal(hotplug_migrate_step(&session, &range), E_NODEV);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), E_NODEV);
    assert_int_equal(nr_moves, moved);
    while (page_alloc_movable(&owner_of_6) != PADDR_NONE)
        ;
    struct page_stats stats;
    page_get_stats(&stats);
    assert_int_equal(stats.plugged_used, stats.plugged_frames);
    check_pages(6);
}

/* No session begins for blocks that the free memory cannot take in. */
TEST_WITH(no_more_is_chosen_than_there_is_room_for, setup_owners, teardown_owners)
{
    take(&owner_of_6, REGION / (256 * KIB));
    while (page_alloc(9, PAGE_BOOT_FIRST) != PADDR_NONE ||
           page_alloc(6, PAGE_BOOT_FIRST) != PADDR_NONE)
        ;
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 0);
    /* A page from each of twenty blocks: room for all the pages of two, and half of a third's. */
    for (u64 i = 0; i < 20; i++)
        drop(8 * i, 6);
    assert_int_equal(begin(NR_BLOCKS, HOTPLUG_FIRST_TRY), 2);
    assert_int_equal(empty_all(), 2);
    assert_int_equal(nr_moves, 14);
    assert_int_equal(take_all(), 2);
    hotplug_migrate_end(&session);
    check_pages(6);
}

/* Room, but in pageblocks of another owner: found out only in the middle. */
TEST_WITH(no_room_and_no_table, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    u64 nr_chunks = REGION / (256 * KIB) - 16;
    take(&owner_of_6, nr_chunks);
    take(&owner_of_0, 1024); /* a frame of each of the two pageblocks stays */
    while (page_alloc(9, PAGE_BOOT_FIRST) != PADDR_NONE ||
           page_alloc(6, PAGE_BOOT_FIRST) != PADDR_NONE)
        ;
    for (u64 i = nr_chunks + 1; i < nr_pages - 1; i++)
        drop(i, 0);
    drop(0, 6);
    paddr_t end = REGION_BASE + 2 * 2 * MIB;
    assert_int_equal(fake_choose(&session, REGION_BASE, end, 1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(hotplug_migrate_step(&session, &range), E_NOMEM);
    assert_int_equal(hotplug_migrate_step(&session, &range), E_NODEV);
    hotplug_migrate_end(&session);
    page_check();
    for (u64 i = 1; i < 16; i++)
        drop(i, 6);
    take(&owner_of_6, 1);
    drop(nr_pages - 1, 6);
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(hotplug_migrate_step(&session, &range), OK);
    fake_fail_unmap_after(0);
    assert_int_equal(hotplug_migrate_take(&session, REGION, &range), E_NOMEM);
    hotplug_migrate_end(&session);
    assert_int_equal(fake_mapped_bytes(), REGION);
    for (u64 i = 16; i < nr_chunks; i++)
        check_mark(i, 6);
    check_mark(nr_pages - 2, 0);
}

TEST_WITH(owners_are_checked, setup_owners, teardown_owners)
{
    static struct page_owner more[PAGE_OWNERS_MAX];
    static struct page_owner wrong = {.name = "wrong", .order = 10};
    assert_int_equal(page_add_owner(&wrong), E_INVAL);
    for (unsigned i = 3; i < PAGE_OWNERS_MAX; i++)
        assert_int_equal(page_add_owner(&more[i]), OK);
    assert_int_equal(page_add_owner(&more[0]), E_NOMEM);
}
