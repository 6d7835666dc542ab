/* SPDX-License-Identifier: BSD-2-Clause */
/* Movable and unmovable pages in different blocks, also where a block is several pageblocks. */
#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE ((paddr_t)0x200000000000)
#define REGION      (64 * MIB)
#define BLOCK       (8 * MIB)

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    (void)owner, (void)from, (void)to;
    return false;
}

static struct page_owner owner_of_4 = {.name = "chunks", .order = 4, .move = move};
static struct page_owner owner_of_9 = {.name = "pageblocks", .order = 9, .move = move};

static void setup(void)
{
    static struct boot_info boot; /* mm keeps a pointer */
    fake_mm_start(&boot, 16 * MIB);
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, BLOCK, 0, "test"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
    assert_int_equal(page_add_owner(&owner_of_4), OK);
    assert_int_equal(page_add_owner(&owner_of_9), OK);
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

static struct hotplug_pinned count(void)
{
    return fake_count_pinned(REGION_BASE, REGION_BASE + REGION);
}

/* Both kinds in turn, so much of each. */
static void take_both(const struct page_owner *owner, u64 bytes)
{
    for (u64 i = 0; i < bytes >> (PAGE_SHIFT + owner->order); i++) {
        assert_true(page_alloc(owner->order, PAGE_USER) >= REGION_BASE);
        assert_true(page_alloc_movable(owner) >= REGION_BASE);
    }
}

static void expect_apart(const struct page_owner *owner)
{
    take_both(owner, 20 * MIB); /* two and a half blocks of each */
    struct hotplug_pinned pinned = count();
    assert_int_equal(pinned.nr_user, 3);
    assert_int_equal(pinned.nr_movable, 3);
    assert_int_equal(pinned.nr_idle, 2);
}

TEST_WITH(parts_of_pageblocks_are_kept_apart, setup, teardown)
{
    expect_apart(&owner_of_4);
}

TEST_WITH(whole_pageblocks_are_kept_apart, setup, teardown)
{
    expect_apart(&owner_of_9);
}

/* Where there is no other block left they share one: memory that is free can be had. */
TEST_WITH(the_last_memory_is_for_all, setup, teardown)
{
    take_both(&owner_of_4, 12 * MIB);
    while (page_alloc_movable(&owner_of_4) != PADDR_NONE)
        ;
    struct page_stats stats;
    page_get_stats(&stats);
    assert_true(stats.plugged_frames - stats.plugged_used < 512);
    assert_int_equal(count().nr_user, 2);
    assert_int_equal(count().nr_movable, 6);
}

/* A block with a page that pins it anyway is where the next one goes. */
TEST_WITH(unmovable_pages_join_their_like, setup, teardown)
{
    paddr_t movable = page_alloc_movable(&owner_of_9);
    paddr_t user = page_alloc(9, PAGE_USER);
    page_free(movable, 9);
    assert_true(align_down(movable, BLOCK) != align_down(user, BLOCK));
    movable = page_alloc_movable(&owner_of_9);
    paddr_t next = page_alloc(9, PAGE_USER);
    assert_int_equal(align_down(next, BLOCK), align_down(user, BLOCK));
    assert_true(align_down(movable, BLOCK) != align_down(user, BLOCK));
}
