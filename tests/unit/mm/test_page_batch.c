/* SPDX-License-Identifier: BSD-2-Clause */
/* Movable pages allocated and freed a word of bits at a time, alone and under migration. */
#include "mm/page_batch.h"

#include "include/status.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug_internal.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_owners.h"
#include "tests/unit/unit.h"

static u64 nr_in(struct page_batch batch)
{
    u64 nr = 0;
    for (; batch.pages != 0; batch.pages &= batch.pages - 1)
        nr++;
    return nr;
}

static u64 plugged_used(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    return stats.plugged_used;
}

/* One batch after the other, as a migration does, until there are so many pages. */
static u64 take_batches(const struct page_owner *owner, u64 nr, struct page_batch *batches)
{
    u64 nr_batches = 0;
    for (u64 left = nr; left > 0; nr_batches++) {
        batches[nr_batches] = page_alloc_batch(owner, left);
        u64 got = nr_in(batches[nr_batches]);
        assert_true(got >= 1 && got <= left);
        assert_int_equal(batches[nr_batches].base % (64 * PAGE_BYTES), 0);
        left -= got;
    }
    return nr_batches;
}

static void take_and_free(const struct page_owner *owner, u64 nr, u64 most_batches)
{
    static struct page_batch batches[1024];
    u64 before = plugged_used();
    u64 nr_batches = take_batches(owner, nr, batches);
    assert_true(nr_batches <= most_batches);
    assert_int_equal(plugged_used() - before, nr << owner->order);
    page_check();
    for (u64 i = 0; i < nr_batches; i++)
        page_free_batch(owner, batches[i]);
    assert_int_equal(plugged_used(), before);
    page_check();
}

TEST_WITH(as_many_as_are_wanted, setup_owners, teardown_owners)
{
    /* Of single frames 64 are a batch, but for one more batch in each pageblock. */
    take_and_free(&owner_of_0, 1, 1);
    take_and_free(&owner_of_0, 512, 9);
    take_and_free(&owner_of_0, 2000, 37);
    take_and_free(&owner_of_6, 20, 20);
    take_and_free(&owner_of_9, 3, 3);
    page_free_batch(&owner_of_0, (struct page_batch){0});
}

TEST_WITH(the_rest_of_a_word, setup_owners, teardown_owners)
{
    take(&owner_of_0, 70);
    drop(66, 0);
    struct page_batch batch = page_alloc_batch(&owner_of_0, 64);
    assert_int_equal(batch.base, pages[64]);
    assert_int_equal(batch.pages, ~(u64)0 << 6 | 1 << 2);
    page_free_batch(&owner_of_0, batch);
    /* Nothing is reserved any more: the first is found by a search, the others are of its word. */
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    hotplug_migrate_end(&session);
    batch = page_alloc_batch(&owner_of_0, 3);
    assert_int_equal(page_batch_first(batch), pages[64] + 2 * PAGE_BYTES);
    page_free_batch(&owner_of_0, batch);
    batch = page_alloc_batch(&owner_of_0, 3);
    assert_int_equal(nr_in(batch), 3);
    page_free_batch(&owner_of_0, batch);
}

TEST_WITH(batches_until_memory_is_out, setup_owners, teardown_owners)
{
    static struct page_batch batches[REGION / PAGE_BYTES];
    u64 nr_batches = 0;
    u64 nr = 0;
    while ((batches[nr_batches] = page_alloc_batch(&owner_of_0, 64)).pages != 0)
        nr += nr_in(batches[nr_batches++]);
    assert_int_equal(plugged_used(), REGION / PAGE_BYTES);
    assert_true(nr >= REGION / PAGE_BYTES);
    page_check();
    /* Pageblocks that were full come back to their list, those that become empty are idle. */
    for (u64 i = 0; i < nr_batches; i++) {
        page_free_batch(&owner_of_0, batches[i]);
        if (i == 3)
            assert_int_equal(nr_in(page_alloc_batch(&owner_of_0, 1)), 1);
    }
    assert_int_equal(plugged_used(), 1);
    page_free(REGION_BASE, 0);
    assert_int_equal(plugged_used(), 0);
}

TEST_WITH(wrong_frees_are_found, setup_owners, teardown_owners)
{
    struct page_batch batch = page_alloc_batch(&owner_of_0, 64);
    batch = page_alloc_batch(&owner_of_0, 64);
    page_free(page_batch_first(batch), 0);
    assert_panics(page_free_batch(&owner_of_0, batch), "already free");
    /* The same while the pageblock is reserved by nobody. */
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    assert_panics(page_free_batch(&owner_of_0, batch), "already free");
    hotplug_migrate_end(&session);
    batch.pages &= batch.pages - 1;
    page_free_batch(&owner_of_0, batch);
    assert_panics(page_free_batch(&owner_of_0, batch), "already free");
}

/* ---- under migration ---- */

/* All pages of the owner in the first block; the rest of the region is free. */
static void hold_a_block(const struct page_owner *owner)
{
    take(owner, 512 >> owner->order);
    for (u64 i = 0; i < nr_pages; i++)
        assert_true(pages[i] < REGION_BASE + 2 * MIB);
}

TEST_WITH(a_refusal_in_the_middle_of_a_word, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    hold_a_block(&owner_of_0);
    refused_page = 100;
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(hotplug_migrate_step(&session, &range), E_BUSY);
    hotplug_migrate_end(&session);
    /* Those before it are elsewhere, and nothing is kept for those after it. */
    assert_int_equal(nr_moves, 100);
    assert_int_equal(hotplug_used_frames(REGION_BASE, 2 * MIB), 412);
    assert_int_equal(plugged_used(), 512);
    check_pages(0);
}

/* The owner frees, while a page of a word is moved, another one of it. */
static u64 freed_page;

static bool move_and_free(struct page_owner *owner, paddr_t from, paddr_t to)
{
    if (freed_page != PAGES_MAX) {
        drop(freed_page, owner->order);
        freed_page = PAGES_MAX;
    }
    for (u64 i = 0; i < nr_pages; i++) {
        if (pages[i] != from)
            continue;
        memcpy(phys_to_virt(to), phys_to_virt(from), PAGE_BYTES << owner->order);
        pages[i] = to;
        nr_moves++;
        return true;
    }
    return false;
}

static struct page_owner freeing_owner = {.name = "freeing", .order = 2, .move = move_and_free};

TEST_WITH(a_page_that_is_freed_meanwhile, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    assert_int_equal(page_add_owner(&freeing_owner), OK);
    hold_a_block(&freeing_owner);
    freed_page = 5;
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(hotplug_migrate_step(&session, &range), OK);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 127);
    assert_int_equal(hotplug_used_frames(REGION_BASE, 2 * MIB), 0);
    assert_int_equal(plugged_used(), 127 * 4);
    check_pages(2);
}

/* It names the page again after it has freed it, and lets it be moved. */
TEST_WITH(an_owner_that_frees_what_it_moved, setup_owners, teardown_owners)
{
    assert_int_equal(page_add_owner(&freeing_owner), OK);
    hold_a_block(&freeing_owner);
    assert_int_equal(begin(1, HOTPLUG_FIRST_TRY), 1);
    freed_page = 0;
    pages[nr_pages++] = pages[0];
    int status = OK;
    assert_panics(status = migrate_pageblock(pageblock_at(REGION_BASE)), "already free");
    assert_int_equal(status, OK);
    hotplug_migrate_end(&session);
}

/* The room is in pageblocks of another owner, but for twelve frames: found out only in the middle.
 */
TEST_WITH(no_room_in_the_middle_of_a_word, setup_owners, teardown_owners)
{
    struct hotplug_range range;
    hold_a_block(&owner_of_0);
    take(&owner_of_0, 512);
    take(&owner_of_6, 16);
    while (page_alloc(9, PAGE_BOOT_FIRST) != PADDR_NONE ||
           page_alloc(6, PAGE_BOOT_FIRST) != PADDR_NONE ||
           page_alloc(0, PAGE_BOOT_FIRST) != PADDR_NONE)
        ;
    for (u64 i = 512; i < 524; i++)
        drop(i, 0);
    for (u64 i = 1; i < 8; i++) {
        drop(1024 + i, 6);
        drop(1024 + 8 + i, 6);
    }
    paddr_t end = REGION_BASE + 2 * MIB;
    assert_int_equal(fake_choose(&session, REGION_BASE, end, 1, HOTPLUG_FIRST_TRY), 1);
    assert_int_equal(hotplug_migrate_step(&session, &range), E_NOMEM);
    hotplug_migrate_end(&session);
    assert_int_equal(nr_moves, 12);
    assert_int_equal(hotplug_used_frames(REGION_BASE, 2 * MIB), 500);
    for (u64 i = 0; i < 1024; i++) {
        if (pages[i])
            check_mark(i, 0);
    }
}
