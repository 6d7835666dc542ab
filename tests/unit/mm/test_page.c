/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator over boot RAM and one plugged region: what each call promises. */
#include <string.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/early.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/metadata.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE (4 * GIB)

static struct boot_info boot;

static void setup(void)
{
    fake_mm_start(&boot, 32 * MIB);
}

static void teardown(void)
{
    fake_shutdown();
}

static void plug(u64 bytes)
{
    assert_int_equal(hotplug_add_region(REGION_BASE, GIB, 2 * MIB, 0, "test"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, bytes), OK);
}

static bool in_boot_ram(paddr_t paddr)
{
    return paddr >= FAKE_RAM_BASE && paddr < FAKE_RAM_BASE + 32 * MIB;
}

static struct page_stats stats(void)
{
    struct page_stats now;
    page_get_stats(&now);
    return now;
}

/* Whichever processor came first: what each has reserved is given up when the memory is to go. */
TEST_WITH(reservations_of_every_processor_end, setup, teardown)
{
    plug(8 * MIB);
    for (unsigned i = 0; i < 2; i++) {
        fake_cpu_id = i == 0 ? 5 : 1;
        page_free(page_alloc(0, PAGE_USER), 0);
    }
    fake_cpu_id = 0;
    assert_int_equal(hotplug_offline(REGION_BASE, 8 * MIB), OK);
}

TEST_WITH(metadata_at_the_start, setup, teardown)
{
    assert_int_equal(stats().metadata_bytes, metadata_frames() * PAGE_BYTES);
}

/* A pageblock that a processor has reserved is on no list, so it does not stay on one either. */
TEST_WITH(reserved_pageblocks_are_not_settled, setup, teardown)
{
    for (unsigned order = 0; order < PAGE_ORDER_MAX; order++) {
        for (unsigned i = 0; i < 3; i++) {
            struct pageblock pb = pageblock_at(page_alloc(order, PAGE_KERNEL));
            u32 entry = *pageblock_entry(pb);
            assert_false(entry & PB_LOCK);
            if (entry & PB_RESERVED)
                assert_false(entry & PB_SETTLED);
        }
    }
}

TEST_WITH(every_order_is_aligned_and_counted, setup, teardown)
{
    paddr_t pages[PAGE_ORDER_MAX + 1];
    u64 used_before = stats().boot_used;
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
        u64 used = stats().boot_used;
        pages[order] = page_alloc(order, PAGE_KERNEL);
        assert_true(in_boot_ram(pages[order]));
        assert_true(is_aligned(pages[order], PAGE_BYTES << order));
        assert_int_equal(stats().boot_used, used + (1u << order));
    }
    page_check();
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        page_free(pages[order], order);
    assert_int_equal(stats().boot_used, used_before);
    page_check();
}

TEST_WITH(kinds_go_where_they_belong, setup, teardown)
{
    paddr_t early_user = page_alloc(0, PAGE_USER);
    assert_true(in_boot_ram(early_user));
    plug(64 * MIB);
    page_free(early_user, 0);
    paddr_t kernel = page_alloc(0, PAGE_KERNEL);
    paddr_t user = page_alloc(9, PAGE_USER);
    assert_true(in_boot_ram(kernel));
    assert_false(in_boot_ram(user));
    page_free(kernel, 0);
    page_free(user, 9);
    page_check();
}

/* Users drain the plugged memory, then boot RAM down to the reserve; the kernel has the rest, and
 * page tables the last of it. */
TEST_WITH(users_leave_the_kernels_reserve, setup, teardown)
{
    plug(4 * MIB);
    while (page_alloc(0, PAGE_USER) != PADDR_NONE)
        ;
    assert_int_equal(stats().plugged_used, 1024);
    u64 left = stats().boot_frames - stats().boot_used;
    assert_true(left >= 32);
    assert_true(left < 3 * 512);
    while (page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        left--;
    assert_true(left > 0 && left <= 32); /* for page tables */
    while (page_alloc_table() != PADDR_NONE)
        left--;
    assert_int_equal(left, 0);
    assert_int_equal(stats().boot_used, stats().boot_frames);
    page_check();
}

TEST_WITH(exhaustion_gives_each_frame_once, setup, teardown)
{
    static u8 seen[32 * MIB / PAGE_BYTES];
    memset(seen, 0, sizeof(seen));
    u64 used_before = stats().boot_used;
    u64 count = 0;
    for (paddr_t page; (page = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE; count++)
        assert_int_equal(seen[(page - FAKE_RAM_BASE) / PAGE_BYTES]++, 0);
    assert_int_equal(count + used_before, stats().boot_frames);
    page_check();
    for (u64 i = 0; i < sizeof(seen); i++) {
        if (seen[i * 7919 % sizeof(seen)])
            page_free(FAKE_RAM_BASE + i * 7919 % sizeof(seen) * PAGE_BYTES, 0);
    }
    assert_int_equal(stats().boot_used, used_before);
    page_check();
}

/* Memory in small pieces: a larger order must be found where two pieces join, and only there. */
TEST_WITH(joined_pieces_are_found, setup, teardown)
{
    plug(2 * MIB);
    while (stats().plugged_used < 512)
        assert_true(page_alloc(0, PAGE_USER) != PADDR_NONE);
    while (page_alloc(1, PAGE_USER) != PADDR_NONE)
        ;
    for (u64 frame = 0; frame < 512; frame += 2)
        page_free(REGION_BASE + frame * PAGE_BYTES, 0);
    assert_int_equal(page_alloc(1, PAGE_USER), PADDR_NONE);
    page_check();
    page_free(REGION_BASE + 201 * PAGE_BYTES, 0);
    page_check();
    assert_int_equal(page_alloc(1, PAGE_USER), REGION_BASE + 200 * PAGE_BYTES);
    assert_int_equal(page_alloc(1, PAGE_USER), PADDR_NONE);
    for (u64 frame = 257; frame < 320; frame += 2)
        page_free(REGION_BASE + frame * PAGE_BYTES, 0);
    assert_int_equal(page_alloc(6, PAGE_USER), REGION_BASE + 256 * PAGE_BYTES);
    page_check();
}

TEST_WITH(bad_frees_panic, setup, teardown)
{
    plug(4 * MIB);
    paddr_t page = page_alloc(3, PAGE_USER);
    paddr_t pageblock = page_alloc(9, PAGE_USER);
    assert_panics(page_free(page + PAGE_BYTES, 3), "not aligned");
    assert_panics(page_free(page, 10), "no such order");
    assert_panics(page_free(page, 9), "smaller order");
    assert_panics(page_free(page, 4), "partly free");
    assert_panics(page_free(pageblock, 4), "order 9");
    assert_panics(page_free(PADDR_NONE, 0), "not aligned");
    assert_panics(page_free(REGION_BASE + 4 * MIB, 0), "not memory of ours");
    assert_panics(page_free(REGION_BASE + 4 * MIB, 9), "not memory of ours");
    assert_panics(page_free(64 * GIB, 0), "not memory of ours");
    assert_panics(page_free((u64)1 << 52, 0), "not memory of ours");
    assert_panics(page_free(FAKE_RAM_BASE, 0), "not memory of ours"); /* the kernel's image */
    page_check();
    page_free(page, 3);
    assert_panics(page_free(page, 3), "already free");
    assert_panics(page_free(page, 0), "already free");
    page_free(pageblock, 9);
    assert_panics(page_free(pageblock, 9), "already free");
    assert_panics(page_free(pageblock, 0), "already free");
    page_check();
}

TEST_WITH(double_free_of_an_idle_pageblock_panics, setup, teardown)
{
    plug(8 * MIB);
    paddr_t first = page_alloc(9, PAGE_USER);
    paddr_t second = page_alloc(9, PAGE_USER);
    page_free(first, 9);
    page_free(second, 9);
    assert_panics(page_free(second, 9), "already free");
}

TEST_WITH(runs_of_every_length, setup, teardown)
{
    static const u64 lengths[] = {1,   2,   3,   5,   7,   63,   64,   65,   100,  255, 256,
                                  257, 300, 511, 512, 513, 1000, 1024, 1500, 2049, 4096};
    paddr_t runs[ARRAY_SIZE(lengths)];
    plug(128 * MIB);
    u64 used = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        runs[i] = page_alloc_run(lengths[i], PAGE_USER);
        used += lengths[i];
        assert_true(runs[i] != PADDR_NONE);
        u64 alignment = PAGE_BYTES;
        while (alignment < 2 * MIB && alignment * 2 <= lengths[i] * PAGE_BYTES)
            alignment *= 2;
        assert_true(is_aligned(runs[i], alignment));
        assert_int_equal(stats().plugged_used, used);
        for (unsigned other = 0; other < i; other++)
            assert_false(ranges_overlap(runs[i], lengths[i] * PAGE_BYTES, runs[other],
                                        lengths[other] * PAGE_BYTES));
        page_check();
    }
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
        page_free_run(runs[i], lengths[i]);
    assert_int_equal(stats().plugged_used, 0);
    page_check();
}

TEST_WITH(runs_cross_sections_and_respect_gaps, setup, teardown)
{
    assert_int_equal(hotplug_add_region(REGION_BASE, GIB, 2 * MIB, 0, "test"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, 100 * MIB), OK);
    assert_int_equal(hotplug_online(REGION_BASE + 102 * MIB, 200 * MIB), OK);
    assert_int_equal(page_alloc_run(201 * MIB / PAGE_BYTES, PAGE_USER), PADDR_NONE);
    paddr_t run = page_alloc_run(199 * MIB / PAGE_BYTES, PAGE_USER);
    assert_int_equal(run, REGION_BASE + 102 * MIB);
    assert_int_equal(page_alloc_run(~(u64)0, PAGE_USER), PADDR_NONE);
    page_check();
    page_free_run(run, 199 * MIB / PAGE_BYTES);
    page_check();
    assert_panics(run = page_alloc_run(0, PAGE_USER), "0 frames");
}

/* Two ranges that share no metadata. */
TEST_WITH(boot_ram_may_have_a_wide_gap, NULL, teardown)
{
    fake_boot(&boot, 300 * MIB);
    boot.nr_ranges = 2;
    boot.ranges[0].bytes = 16 * MIB;
    boot.ranges[1] =
        (struct boot_memory_range){FAKE_RAM_BASE + 280 * MIB, 16 * MIB, BOOT_MEMORY_RAM};
    early_init(&boot);
    page_init(&boot);
    assert_in_range(stats().boot_frames, 30 * MIB / PAGE_BYTES, 31 * MIB / PAGE_BYTES);
    u64 count = stats().boot_used;
    while (page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        count++;
    assert_int_equal(count, stats().boot_frames);
    page_check();
}

TEST_WITH(boot_maps_with_partial_edges, setup, teardown)
{
    boot.nr_ranges = 3;
    boot.ranges[0] = (struct boot_memory_range){FAKE_RAM_BASE, 5 * MIB + 0x3400, BOOT_MEMORY_RAM};
    boot.ranges[1] = (struct boot_memory_range){FAKE_RAM_BASE + 6 * MIB, MIB, BOOT_MEMORY_RESERVED};
    boot.ranges[2] =
        (struct boot_memory_range){FAKE_RAM_BASE + 7 * MIB + 0x1000, 9 * MIB, BOOT_MEMORY_RAM};
    early_init(&boot);
    early_alloc(5 * PAGE_BYTES);
    page_init(&boot);
    page_check();
    u64 managed = stats().boot_frames * PAGE_BYTES;
    assert_true(managed <= 4 * MIB + 9 * MIB);
    assert_true(managed >= 4 * MIB + 9 * MIB - 16 * PAGE_BYTES);
    u64 count = 0;
    for (paddr_t page; (page = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE; count++) {
        u64 offset = page - FAKE_RAM_BASE;
        assert_true((offset >= MIB && offset < 5 * MIB + 0x3000) || offset >= 7 * MIB + 0x1000);
    }
    assert_int_equal(count, stats().boot_frames);
    page_check();
    assert_panics(page_free(FAKE_RAM_BASE + 6 * MIB, 0), "not memory of ours");
    assert_panics(page_free(FAKE_RAM_BASE + 7 * MIB, 0), "not memory of ours");
}
