/* SPDX-License-Identifier: BSD-2-Clause */
/* The hotplug interface: what comes online, what may leave, and that a failure changes nothing. */
#include <string.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/frames.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/region.h"
#include "mm/metadata.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE (4 * GIB)
#define REGION      (8 * GIB)

static struct boot_info boot;

static void setup(void)
{
    fake_mm_start(&boot, 32 * MIB);
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

static void add_region(u64 block_bytes)
{
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, block_bytes, 0, "test"), OK);
}

static struct page_stats stats(void)
{
    struct page_stats now;
    page_get_stats(&now);
    return now;
}

static void assert_idle(paddr_t from, paddr_t to, paddr_t base, u64 bytes)
{
    struct hotplug_range idle;
    bool found = hotplug_next_idle(from, to, &idle);
    assert_int_equal(found, bytes != 0);
    if (found) {
        assert_int_equal(idle.base, base);
        assert_int_equal(idle.bytes, bytes);
    }
}

/* From each frame on: the next one that is idle, with none before it. Two pageblocks are absent. */
TEST_WITH(next_idle_frame, setup, teardown)
{
    const paddr_t hole = REGION_BASE + 2 * MIB, again = REGION_BASE + 6 * MIB;
    const paddr_t end = REGION_BASE + 10 * MIB;
    add_region(2 * MIB);
    assert_int_equal(hotplug_online(REGION_BASE, hole - REGION_BASE), OK);
    assert_int_equal(hotplug_online(again, 6 * MIB), OK);
    while (page_alloc(0, PAGE_USER) != PADDR_NONE)
        ;
    for (paddr_t page = REGION_BASE; page < hole; page += 3 * PAGE_BYTES)
        page_free(page, 0);
    for (paddr_t page = again; page < again + 2 * MIB; page += PAGE_BYTES)
        page_free(page, 0);
    paddr_t expected = end;
    for (paddr_t at = end - PAGE_BYTES; at >= REGION_BASE; at -= PAGE_BYTES) {
        if ((at < hole || at >= again) && frames_used(at, PAGE_BYTES) == 0)
            expected = at;
        assert_int_equal(frames_next_idle(at, end), expected);
    }
    assert_int_equal(expected, REGION_BASE);
}

/* Far apart each has a node of the index of its own, and what it took comes back. */
TEST_WITH(regions_far_apart, setup, teardown)
{
    struct page_stats before = stats();
    u64 used_online[2];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4; i++)
            fake_online(((paddr_t)1024 + 62 + i) * 32 * GIB, 4 * MIB, 2 * MIB);
        used_online[round] = stats().boot_used;
        for (unsigned i = 0; i < 4; i++) {
            paddr_t base = ((paddr_t)1024 + 62 + i) * 32 * GIB;
            assert_int_equal(hotplug_offline(base, 4 * MIB), OK);
            assert_int_equal(hotplug_remove_region(base), OK);
            fake_unback(base, 4 * MIB);
        }
        assert_int_equal(stats().boot_used, before.boot_used);
    }
    assert_int_equal(used_online[1], used_online[0]);
    while (page_alloc(9, PAGE_USER) != PADDR_NONE)
        ;
}

/* However large the region is, a block lies in two nodes of the index at most. */
TEST_WITH(metadata_for_a_block, setup, teardown)
{
    assert_in_range(metadata_frames_for((paddr_t)1024 * 32 * GIB, 1024 * GIB, 2 * MIB), 1, 8);
}

/* One section's struct leaves room in its frame: what the others need hardly changes. */
TEST_WITH(metadata_for_the_rest, setup, teardown)
{
    add_region(2 * MIB);
    u64 before = metadata_frames_for(REGION_BASE, REGION, REGION);
    assert_true(before >= REGION / SECTION_BYTES * sizeof(struct section) / PAGE_BYTES);
    assert_int_equal(hotplug_online(REGION_BASE, 2 * MIB), OK);
    assert_in_range(metadata_frames_for(REGION_BASE, REGION, REGION), before - 2, before);
}

/* Blocks of 6 MiB: what leaves at once begins at one of them, wherever the region does. */
TEST_WITH(granules_of_odd_blocks, setup, teardown)
{
    const paddr_t base = REGION_BASE + 4 * MIB;
    paddr_t from, to;
    assert_int_equal(hotplug_add_region(base, 60 * MIB, 6 * MIB, 0, "odd"), OK);
    for (paddr_t at = base; at < base + 60 * MIB; at += MIB) {
        assert_true(region_find_granule(at, &from, &to));
        assert_int_equal(from, at - (at - base) % (6 * MIB));
        assert_int_equal(to, from + 6 * MIB);
    }
    assert_false(region_find_granule(base - PAGE_BYTES, &from, &to));
    assert_false(region_find_granule(base + 60 * MIB, &from, &to));
}

/* Boot RAM and what is of no region or no whole block never goes. */
TEST_WITH(only_blocks_of_a_region_leave, setup, teardown)
{
    add_region(2 * MIB);
    assert_int_equal(hotplug_online(REGION_BASE, 4 * MIB), OK);
    assert_int_equal(hotplug_offline(FAKE_RAM_BASE + 16 * MIB, 2 * MIB), E_RANGE);
    assert_int_equal(hotplug_offline(REGION_BASE - 2 * MIB, 4 * MIB), E_RANGE);
    assert_int_equal(hotplug_offline(REGION_BASE + MIB, 2 * MIB), E_RANGE);
    assert_int_equal(hotplug_offline(REGION_BASE, MIB), E_RANGE);
    assert_int_equal(hotplug_offline(REGION_BASE, 4 * MIB), OK);
    assert_idle(FAKE_RAM_BASE, FAKE_RAM_BASE + 16 * MIB, 0, 0);
}

TEST_WITH(regions_are_checked, setup, teardown)
{
    add_region(2 * MIB);
    static const struct {
        paddr_t base;
        u64 bytes;
        u64 block;
        int status;
    } refused[] = {
        {REGION_BASE + REGION - MIB, 2 * MIB, MIB, E_EXIST},
        {FAKE_RAM_BASE, 2 * MIB, 2 * MIB, E_EXIST},
        {0, GIB, MIB, E_EXIST},
        {64 * GIB, 0, 2 * MIB, E_INVAL},
        {64 * GIB, 3 * MIB, 2 * MIB, E_INVAL},
        {64 * GIB + 2048, 2 * MIB, 2 * MIB, E_INVAL},
        {64 * GIB, 6 * MIB, 3 * MIB + 2048, E_INVAL},
        {64 * GIB, 7 * MIB, 3 * MIB, E_INVAL},
        {64 * GIB, 6 * MIB, 0, E_INVAL},
        {64 * GIB, 4096, 2048, E_INVAL},
        {(u64)1 << 46, GIB, MIB, E_RANGE},
        {((u64)1 << 46) - MIB, 2 * MIB, MIB, E_RANGE},
        {~(u64)0 - 2 * MIB + 1, 4 * MIB, 2 * MIB, E_RANGE},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        fake_console_clear();
        assert_int_equal(
            hotplug_add_region(refused[i].base, refused[i].bytes, refused[i].block, 0, "bad"),
            refused[i].status);
        fake_console_has("bad: error: region");
    }
    assert_int_equal(hotplug_online(REGION_BASE, 0), E_RANGE);
    assert_int_equal(hotplug_remove_region(REGION_BASE + 2 * MIB), E_INVAL);
    assert_int_equal(hotplug_online(REGION_BASE, 2 * MIB), OK);
    assert_int_equal(hotplug_remove_region(REGION_BASE), E_BUSY);
    assert_int_equal(hotplug_offline(REGION_BASE, 2 * MIB), OK);
    assert_int_equal(hotplug_remove_region(REGION_BASE), OK);
    assert_int_equal(hotplug_online(REGION_BASE, 2 * MIB), E_RANGE);
    for (unsigned i = 0; i < HOTPLUG_REGIONS_MAX; i++)
        assert_int_equal(hotplug_add_region(i * GIB + 64 * GIB, GIB, MIB, 0, "many"), OK);
    assert_int_equal(hotplug_add_region(512 * GIB, GIB, MIB, 0, "one too many"), E_NOMEM);
}

/* What lies behind the entries that the loader counted is none. */
TEST_WITH(regions_beside_what_is_no_entry, setup, teardown)
{
    boot.ranges[boot.nr_ranges] = (struct boot_memory_range){REGION_BASE, GIB, BOOT_MEMORY_RAM};
    add_region(2 * MIB);
}

/* The memory is at no address that the host has: one touch would end the program. */
TEST_WITH(online_and_back_to_nothing, setup, teardown)
{
    add_region(2 * MIB);
    struct page_stats before = stats();
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
    page_check();
    assert_true(fake_is_mapped(REGION_BASE, REGION));
    assert_int_equal(stats().plugged_frames, REGION / PAGE_BYTES);
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE, REGION);
    assert_int_equal(hotplug_online(REGION_BASE + 2 * MIB, 2 * MIB), E_EXIST);
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    assert_int_equal(fake_mapped_bytes(), 0);
    assert_int_equal(stats().plugged_frames, 0);
    assert_idle(REGION_BASE, REGION_BASE + REGION, 0, 0);
    assert_int_equal(hotplug_offline(REGION_BASE, 2 * MIB), E_BUSY);
    assert_int_equal(stats().metadata_bytes, before.metadata_bytes);
    assert_int_equal(stats().boot_used, before.boot_used);
}

/* The processor does not know yet that its reservation has ended, and will look at the entry. */
TEST_WITH(a_section_that_is_looked_at_stays, setup, teardown)
{
    add_region(2 * MIB);
    struct page_stats before = stats();
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
    paddr_t first = page_alloc_run(2 * GIB / PAGE_BYTES, PAGE_USER); /* not with boot RAM's */
    paddr_t page = page_alloc(0, PAGE_USER);
    assert_in_range(page, REGION_BASE + 2 * GIB, REGION_BASE + REGION - 1);
    page_free(page, 0);
    page_free_run(first, 2 * GIB / PAGE_BYTES);
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    assert_int_equal(stats().metadata_bytes, before.metadata_bytes + PAGE_BYTES);
    page = page_alloc(0, PAGE_USER);
    assert_true(page < REGION_BASE);
    page_free(page, 0);
    assert_int_equal(hotplug_online(REGION_BASE, 2 * MIB), OK);
    assert_int_equal(hotplug_offline(REGION_BASE, 2 * MIB), OK);
    assert_int_equal(stats().metadata_bytes, before.metadata_bytes);
}

TEST_WITH(only_idle_blocks_leave, setup, teardown)
{
    add_region(2 * MIB);
    assert_int_equal(hotplug_online(REGION_BASE, 16 * MIB), OK);
    paddr_t pageblocks[3];
    for (unsigned i = 0; i < 3; i++)
        pageblocks[i] = page_alloc(9, PAGE_USER);
    paddr_t page = page_alloc(0, PAGE_USER);
    assert_int_equal(page, REGION_BASE + 6 * MIB);
    page_free(pageblocks[1], 9);
    assert_int_equal(hotplug_offline(REGION_BASE, 16 * MIB), E_BUSY);
    assert_int_equal(hotplug_offline(REGION_BASE + 6 * MIB, 2 * MIB), E_BUSY);
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE + 2 * MIB, 2 * MIB);
    assert_idle(REGION_BASE + 4 * MIB, REGION_BASE + REGION, REGION_BASE + 8 * MIB, 8 * MIB);
    assert_idle(REGION_BASE + 4 * MIB, REGION_BASE + 10 * MIB, REGION_BASE + 8 * MIB, 2 * MIB);
    assert_int_equal(hotplug_used_frames(REGION_BASE, 16 * MIB), 1025);
    assert_int_equal(hotplug_offline(REGION_BASE + 2 * MIB, 2 * MIB), OK);
    assert_int_equal(hotplug_offline(REGION_BASE + 8 * MIB, 8 * MIB), OK);
    page_check();
    page_free(page, 0);
    assert_int_equal(hotplug_offline(REGION_BASE + 6 * MIB, 2 * MIB), OK);
    page_check();
    page_free(pageblocks[0], 9);
    page_free(pageblocks[2], 9);
    assert_int_equal(hotplug_offline(REGION_BASE, 2 * MIB), OK);
    assert_int_equal(hotplug_offline(REGION_BASE + 4 * MIB, 2 * MIB), OK);
    assert_int_equal(stats().plugged_frames, 0);
}

TEST_WITH(blocks_smaller_than_a_pageblock, setup, teardown)
{
    add_region(MIB);
    assert_int_equal(hotplug_online(REGION_BASE + MIB, 4 * MIB), OK);
    page_check();
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE + MIB, 4 * MIB);
    assert_int_equal(hotplug_online(REGION_BASE, MIB), OK);
    page_check();
    assert_int_equal(hotplug_offline(REGION_BASE + 3 * MIB, MIB), OK);
    page_check();
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE, 3 * MIB);
    paddr_t page = page_alloc(8, PAGE_USER);
    assert_true(page == REGION_BASE + 2 * MIB || page == REGION_BASE + 4 * MIB);
    assert_panics(page_free(REGION_BASE + 3 * MIB, 8), "not memory of ours");
    assert_int_equal(hotplug_offline(page, MIB), E_BUSY);
    assert_int_equal(hotplug_used_frames(REGION_BASE, 6 * MIB), 256);
    page_free(page, 8);
    for (u64 i = 0; i < 5; i++) {
        if (i != 3)
            assert_int_equal(hotplug_offline(REGION_BASE + i * MIB, MIB), OK);
        page_check();
    }
    assert_int_equal(stats().plugged_frames, 0);
    assert_int_equal(hotplug_remove_region(REGION_BASE), OK);
}

TEST_WITH(blocks_of_one_page, setup, teardown)
{
    add_region(PAGE_BYTES);
    for (u64 i = 0; i < 64; i += 2)
        assert_int_equal(hotplug_online(REGION_BASE + i * PAGE_BYTES, PAGE_BYTES), OK);
    assert_int_equal(page_alloc(1, PAGE_USER) >= REGION_BASE, false);
    for (u64 i = 0; i < 64; i += 2)
        assert_idle(REGION_BASE + (i ? i - 1 : 0) * PAGE_BYTES, REGION_BASE + REGION,
                    REGION_BASE + i * PAGE_BYTES, PAGE_BYTES);
    paddr_t page = page_alloc(0, PAGE_USER);
    assert_int_equal(page, REGION_BASE);
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE + 2 * PAGE_BYTES, PAGE_BYTES);
    page_free(page, 0);
    for (u64 i = 0; i < 64; i += 2)
        assert_int_equal(hotplug_offline(REGION_BASE + i * PAGE_BYTES, PAGE_BYTES), OK);
    assert_int_equal(stats().plugged_frames, 0);
}

/* 3 MiB, from a base that is no multiple: blocks are counted from there, and share pageblocks. */
TEST_WITH(blocks_of_no_power_of_two, setup, teardown)
{
    const paddr_t base = REGION_BASE + 12 * KIB;
    const u64 block = 3 * MIB;
    assert_int_equal(hotplug_add_region(base, 20 * block, block, 0, "partial"), OK);
    assert_int_equal(hotplug_online(REGION_BASE + block, block), E_RANGE);
    assert_int_equal(hotplug_online(base, 2 * MIB), E_RANGE);
    assert_int_equal(hotplug_online(base + block, 4 * block), OK);
    page_check();
    assert_idle(base, base + 20 * block, base + block, 4 * block);
    assert_idle(base + block + 1, base + 5 * block - 1, base + 2 * block, 2 * block);
    assert_int_equal(hotplug_offline(base + 2 * block, block), OK);
    page_check();
    assert_idle(base, base + 20 * block, base + block, block);
    assert_idle(base + 2 * block, base + 20 * block, base + 3 * block, 2 * block);
    paddr_t page = page_alloc(0, PAGE_USER);
    u64 in_use = (page - base) / block;
    assert_int_equal(hotplug_offline(base + in_use * block, block), E_BUSY);
    page_free(page, 0);
    for (u64 i = 1; i < 5; i++) {
        if (i != 2)
            assert_int_equal(hotplug_offline(base + i * block, block), OK);
        page_check();
    }
    assert_int_equal(stats().plugged_frames, 0);
    assert_int_equal(hotplug_remove_region(base), OK);
}

TEST_WITH(blocks_larger_than_a_section, setup, teardown)
{
    add_region(GIB);
    assert_int_equal(hotplug_online(REGION_BASE, 3 * GIB), OK);
    assert_int_equal(hotplug_online(REGION_BASE + 4 * GIB, MIB), E_RANGE);
    paddr_t page = page_alloc(4, PAGE_USER);
    assert_int_equal(page, REGION_BASE);
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE + GIB, 2 * GIB);
    assert_int_equal(hotplug_offline(REGION_BASE, GIB), E_BUSY);
    page_check();
    assert_int_equal(hotplug_offline(REGION_BASE + GIB, 2 * GIB), OK);
    page_free(page, 4);
    assert_int_equal(hotplug_offline(REGION_BASE, GIB), OK);
}

TEST_WITH(failed_mappings_change_nothing, setup, teardown)
{
    add_region(MIB);
    fake_fail_map_after(0);
    assert_int_equal(hotplug_online(REGION_BASE + MIB, 6 * MIB), E_NOMEM);
    page_check();
    assert_int_equal(stats().plugged_frames, 0);
    assert_int_equal(hotplug_online(REGION_BASE + MIB, 6 * MIB), OK);
    fake_fail_unmap_after(0);
    assert_int_equal(hotplug_offline(REGION_BASE + MIB, 6 * MIB), E_NOMEM);
    page_check();
    assert_idle(REGION_BASE, REGION_BASE + REGION, REGION_BASE + MIB, 6 * MIB);
    assert_true(fake_is_mapped(REGION_BASE + MIB, 6 * MIB));
    assert_int_equal(hotplug_offline(REGION_BASE + MIB, 6 * MIB), OK);
    assert_int_equal(hotplug_remove_region(REGION_BASE), OK);
}

/* With no frame left for metadata, online is refused and nothing is lost. */
TEST_WITH(no_memory_for_metadata, setup, teardown)
{
    static paddr_t pages[8192];
    u64 count = 0;
    add_region(MIB);
    while ((pages[count] = page_alloc_table()) != PADDR_NONE)
        count++;
    u64 metadata = stats().metadata_bytes;
    for (u64 gib = 0; gib < 8; gib++)
        assert_int_equal(hotplug_online(REGION_BASE + gib * GIB + MIB, GIB - MIB), E_NOMEM);
    assert_int_equal(stats().metadata_bytes, metadata);
    while (count > 0)
        page_free(pages[--count], 0);
    assert_int_equal(hotplug_online(REGION_BASE + MIB, REGION - MIB), OK);
}

/* The kernel has used up boot RAM: none of its memory is plugged, and all that is may go. */
TEST_WITH(the_kernels_memory_keeps_nothing, setup, teardown)
{
    const paddr_t base = FAKE_REGION_BASE;
    const u64 bytes = 16 * MIB;
    fake_online(base, bytes, 2 * MIB);
    paddr_t last = page_alloc(0, PAGE_BOOT_FIRST);
    while (page_alloc(9, PAGE_KERNEL) != PADDR_NONE || page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        ;
    assert_int_equal(page_alloc_run(300, PAGE_KERNEL), PADDR_NONE);
    u64 nr_tables = 0;
    while (page_alloc_table() != PADDR_NONE)
        nr_tables++;
    assert_true(nr_tables >= 32);
    assert_int_equal(stats().boot_used, stats().boot_frames);
    assert_idle(base, base + bytes, base, bytes);
    paddr_t pages[] = {page_alloc(0, PAGE_BOOT_FIRST), page_alloc(9, PAGE_BOOT_FIRST)};
    assert_true(last < base && pages[0] >= base && pages[1] >= base);
    assert_int_equal(hotplug_offline(base, bytes), E_BUSY);
    page_free(pages[0], 0);
    page_free(pages[1], 9);
    page_free(last, 0);
    assert_int_equal(hotplug_offline(base, bytes), OK);
    fake_unback(base, bytes);
}

/* However often boot RAM was allocated and freed, what is free again counts as room. */
TEST_WITH(room_is_not_used_up_by_time, setup, teardown)
{
    static paddr_t pages[3072];
    add_region(2 * MIB);
    const u64 frames = stats().boot_frames;
    for (u64 freed = 0; freed <= 2 * frames; freed += 3072) {
        for (unsigned i = 0; i < 3072; i++)
            pages[i] = page_alloc(0, PAGE_KERNEL);
        assert_true(pages[3071] != PADDR_NONE);
        for (unsigned i = 0; i < 3072; i++)
            page_free(pages[i], 0);
        assert_int_equal(hotplug_room(REGION_BASE, REGION), REGION);
    }
    assert_int_equal(hotplug_remove_region(REGION_BASE), OK);
}
