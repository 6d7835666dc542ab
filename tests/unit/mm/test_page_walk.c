/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A seeded random walk over the page allocator and the hotplug interface, beside a
 * model that knows one state for each frame. TIDE_WALK_STEPS=N walks further in
 * each test, TIDE_WALK_SEED=N elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_model.h"
#include "tests/unit/unit.h"

#define LIVE_MAX 60000
#ifdef TIDE_DEBUG
#define STEPS(normal) ((normal) / 10) /* each free fills the page */
#else
#define STEPS(normal) (normal)
#endif

struct live {
    paddr_t base;
    u64 nr_frames;
    i32 order; /* -1: a run */
};

static struct boot_info boot;
static u64 block_bytes;
static struct live lives[LIVE_MAX];
static u64 nr_lives;
static bool with_movable;
static u32 live_at[FRAMES_MAX]; /* by the first frame of a movable page in the region */

/* ---- the steps ---- */

static void remember(paddr_t base, u64 nr_frames, i32 order)
{
    model_take(base, nr_frames);
    lives[nr_lives++] = (struct live){base, nr_frames, order};
}

/* Of a movable page, which has moved to this place. */
static void note_live(u64 index)
{
    if (in_region(lives[index].base))
        live_at[(lives[index].base - REGION_BASE) / PAGE_BYTES] = (u32)index;
}

/* The kernel leaves room for bitmaps: the model knows of none in the region. */
static enum page_kind any_kind(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    bool room = stats.boot_frames - stats.boot_used > 2000;
    return room && random_below(16) == 0 ? PAGE_KERNEL : PAGE_USER;
}

static void step_alloc(void)
{
    unsigned order = random_below(3) ? (unsigned)random_below(4) : (unsigned)random_below(10);
    enum page_kind kind = any_kind();
    if (nr_lives == LIVE_MAX)
        return;
    paddr_t paddr = page_alloc(order, kind);
    if (paddr != PADDR_NONE) {
        assert_true(is_aligned(paddr, PAGE_BYTES << order));
        remember(paddr, (u64)1 << order, (i32)order);
    } else if (kind == PAGE_USER && !with_movable && random_below(64) == 0) {
        assert_false(model_has_run(order)); /* movable pages have pageblocks to themselves */
    }
}

static void step_alloc_run(void)
{
    u64 nr_frames = 1 + random_below(random_below(4) ? 700 : 1900);
    if (nr_lives == LIVE_MAX)
        return;
    paddr_t paddr = page_alloc_run(nr_frames, any_kind());
    if (paddr != PADDR_NONE)
        remember(paddr, nr_frames, -1);
}

static void step_free(void)
{
    if (nr_lives == 0)
        return;
    u64 index = random_below(nr_lives);
    struct live live = lives[index];
    lives[index] = lives[--nr_lives];
    note_live(index);
    model_give(live.base, live.nr_frames);
    if (live.order < 0)
        page_free_run(live.base, live.nr_frames);
    else
        page_free(live.base, (unsigned)live.order);
}

/* ---- movable pages ---- */

static u64 nr_moved;
static u64 nr_emptied;

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 index = live_at[(from - REGION_BASE) / PAGE_BYTES];
    assert_true(index < nr_lives && lives[index].base == from);
    if (random_below(32) == 0)
        return false;
    model_take(to, (u64)1 << owner->order);
    model_give(from, (u64)1 << owner->order);
    lives[index].base = to;
    note_live(index);
    nr_moved++;
    return true;
}

static struct page_owner walker = {.name = "walk", .order = 2, .move = move};

static void step_alloc_movable(void)
{
    paddr_t paddr = nr_lives < LIVE_MAX ? page_alloc_movable(&walker) : PADDR_NONE;
    if (paddr == PADDR_NONE)
        return;
    remember(paddr, (u64)1 << walker.order, (i32)walker.order);
    note_live(nr_lives - 1);
}

/* A run of blocks, short ones more often than long ones. */
static void any_blocks(u64 *first, u64 *count)
{
    u64 nr_blocks = region_bytes / block_bytes;
    u64 block = random_below(nr_blocks);
    u64 length =
        1 + random_below(random_below(8) ? min_u64(nr_blocks - block, 8) : nr_blocks - block);
    length = min_u64(length, nr_blocks - block);
    *first = block * (block_bytes / PAGE_BYTES);
    *count = length * (block_bytes / PAGE_BYTES);
}

static void step_online(void)
{
    u64 first, count;
    any_blocks(&first, &count);
    bool absent = model_all(first, count, ABSENT);
    bool fails = random_below(8) == 0;
    fake_fail_map_after(fails ? 0 : -1);
    int status = hotplug_online(REGION_BASE + first * PAGE_BYTES, count * PAGE_BYTES);
    fake_fail_map_after(-1);
    if (!absent) {
        assert_int_equal(status, E_EXIST);
    } else if (fails || status == E_NOMEM) {
        assert_int_equal(status, E_NOMEM);
    } else {
        assert_int_equal(status, OK);
        memset(region + first, FREE, count);
        nr_online += count;
    }
}

static void step_offline(void)
{
    u64 first, count;
    any_blocks(&first, &count);
    bool idle = model_all(first, count, FREE);
    bool fails = random_below(8) == 0;
    fake_fail_unmap_after(fails ? 0 : -1);
    int status = hotplug_offline(REGION_BASE + first * PAGE_BYTES, count * PAGE_BYTES);
    fake_fail_unmap_after(-1);
    if (idle && status == OK && !fails) {
        memset(region + first, ABSENT, count);
        nr_online -= count;
    } else if (idle) {
        assert_int_equal(status, E_NOMEM);
    } else {
        assert_true(status == E_BUSY || status == E_NOMEM);
    }
}

/* A whole session, or its beginning. Blocks taken are absent, whatever became of the rest. */
static void step_migrate(void)
{
    struct hotplug_migration session = {0};
    struct hotplug_range range;
    hotplug_migrate_begin(&session, REGION_BASE, REGION_BASE + region_bytes, 1 + random_below(16),
                          HOTPLUG_FIRST_TRY);
    while (hotplug_migrate_step(&session, &range) != E_NODEV && random_below(64) != 0)
        continue;
    while (hotplug_migrate_take(&session, region_bytes, &range) == OK) {
        u64 first = (range.base - REGION_BASE) / PAGE_BYTES;
        u64 count = range.bytes / PAGE_BYTES;
        assert_true(model_all(first, count, FREE));
        memset(region + first, ABSENT, count);
        nr_online -= count;
        nr_emptied += count;
    }
    hotplug_migrate_end(&session);
}

static void step_ask(void)
{
    u64 first, count;
    any_blocks(&first, &count);
    assert_int_equal(hotplug_used_frames(REGION_BASE + first * PAGE_BYTES, count * PAGE_BYTES),
                     model_used(first, count));
    u64 block = block_bytes / PAGE_BYTES;
    u64 end = first + count;
    u64 start = first;
    while (start < end && !model_all(start, block, FREE))
        start += block;
    u64 stop = start;
    while (stop < end && model_all(stop, block, FREE))
        stop += block;
    struct hotplug_range idle = {0, 0};
    bool found =
        hotplug_next_idle(REGION_BASE + first * PAGE_BYTES, REGION_BASE + end * PAGE_BYTES, &idle);
    assert_int_equal(found, start < end);
    if (found) {
        assert_int_equal(idle.base, REGION_BASE + start * PAGE_BYTES);
        assert_int_equal(idle.bytes, (stop - start) * PAGE_BYTES);
    }
}

static void check_all(void)
{
    struct page_stats stats;
    page_check();
    page_get_stats(&stats);
    assert_int_equal(stats.plugged_frames, nr_online);
    assert_int_equal(stats.plugged_used, nr_used);
    assert_int_equal(fake_mapped_bytes(), nr_online * PAGE_BYTES);
}

static void step(u64 number)
{
    bool growing = number / 4096 % 2 == 0;
    u64 choice = random_below(100);
    if (with_movable && number % 4 == 0)
        step_alloc_movable();
    else if (with_movable && number % 64 == 1)
        step_migrate();
    else if (choice < 2)
        step_ask();
    else if (choice < 6)
        step_online();
    else if (choice < 10)
        step_offline();
    else if (choice < 14)
        step_alloc_run();
    else if (choice < (growing ? 64u : 50u))
        step_alloc();
    else
        step_free();
    if (number % 1024 == 0)
        check_all();
}

static u64 number_from(const char *variable, u64 otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static void end_with_nothing(void)
{
    while (nr_lives > 0)
        step_free();
    check_all();
    for (u64 first = 0; first < region_bytes / PAGE_BYTES; first += block_bytes / PAGE_BYTES) {
        if (region[first] == FREE)
            assert_int_equal(hotplug_offline(REGION_BASE + first * PAGE_BYTES, block_bytes), OK);
    }
    memset(region, ABSENT, sizeof(region));
    nr_online = 0;
    check_all();
    assert_int_equal(hotplug_remove_region(REGION_BASE), OK);
}

static void walk(u64 region_size, u64 block_size, u64 steps)
{
    fake_mm_start(&boot, BOOT_BYTES);
    u64 seed = number_from("TIDE_WALK_SEED", 0x9e3779b97f4a7c15) ^ block_size;
    model_init(region_size, seed);
    block_bytes = block_size;
    nr_lives = 0;
    nr_moved = nr_emptied = 0;
    assert_int_equal(page_add_owner(&walker), OK);
    assert_int_equal(hotplug_add_region(REGION_BASE, region_bytes, block_bytes, 0, "walk"), OK);
    steps = number_from("TIDE_WALK_STEPS", steps);
    /* mm may put bitmaps into the region when boot RAM is out. */
    fake_back(REGION_BASE, region_bytes);
    for (u64 i = 0; i < steps; i++)
        step(i);
    end_with_nothing();
    fake_unback(REGION_BASE, region_bytes);
    fake_shutdown();
}

TEST(blocks_of_4k)
{
    walk(16 * MIB, PAGE_BYTES, STEPS(40000));
}

TEST(blocks_of_1m)
{
    walk(160 * MIB, MIB, STEPS(40000));
}

TEST(blocks_of_2m)
{
    walk(512 * MIB, 2 * MIB, STEPS(80000));
}

TEST(blocks_of_128m)
{
    walk(GIB, 128 * MIB, STEPS(40000));
}

TEST(blocks_of_1g)
{
    walk(4 * GIB, GIB, STEPS(40000));
}

TEST(movable_pages)
{
    with_movable = true;
    walk(512 * MIB, 2 * MIB, STEPS(80000));
    assert_true(nr_moved > 100 && nr_emptied > 512);
    with_movable = false;
}

TEST(movable_pages_in_small_blocks)
{
    with_movable = true;
    walk(160 * MIB, MIB, STEPS(40000));
    with_movable = false;
}

TEST(movable_pages_in_large_blocks)
{
    with_movable = true;
    walk(512 * MIB, 16 * MIB, STEPS(40000));
    with_movable = false;
}
