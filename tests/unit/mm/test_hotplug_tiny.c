/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine of 16 MiB with a region of 512 GiB: all of it can come, be used
 * frame by frame in every pageblock, and go again. Its bitmaps alone are 16 MiB.
 */
#include <string.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/metadata.h"
#include "mm/metadata_pool.h"
#include "mm/page.h"
#include "mm/section.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE ((paddr_t)0x200000000000) /* free in a host program with sanitizers, too */
#define REGION      (512 * GIB)
#define SECTION     (128 * MIB) /* what one bitmap serves */
#define NR_SECTIONS (REGION / SECTION)

static struct boot_info boot;

static void setup(void)
{
    fake_mm_start(&boot, 15 * MIB);
    fake_back(REGION_BASE, REGION);
    memset(phys_to_virt(REGION_BASE), 0xa5, 16 * MIB); /* as memory is that was used before */
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, 2 * MIB, 0, "huge"), OK);
}

static void teardown(void)
{
    fake_unback(REGION_BASE, REGION);
    fake_shutdown();
}

static struct page_stats stats(void)
{
    struct page_stats now;
    page_get_stats(&now);
    return now;
}

/* As paging would: a table for each GiB, from the kernel's memory. */
static void take_page_tables(void)
{
    for (u64 i = 0; i < REGION / GIB; i++) {
        paddr_t table = page_alloc_table();
        assert_true(table < REGION_BASE);
    }
}

/* All but one pageblock of each section are taken whole; that one is idle. */
static void take_all_but_one_of_each(paddr_t *sections, u64 nr_sections)
{
    for (u64 i = 0; i < nr_sections; i++) {
        sections[i] = page_alloc_run(SECTION_PAGEBLOCKS * 512, PAGE_USER);
        assert_int_equal(sections[i] % SECTION, 0);
    }
    for (u64 i = 0; i < nr_sections; i++)
        page_free(sections[i], 9);
}

static void free_rest(const paddr_t *sections, u64 nr_sections)
{
    for (u64 i = 0; i < nr_sections; i++)
        page_free_run(sections[i] + 2 * MIB, (SECTION_PAGEBLOCKS - 1) * 512);
}

/* Where bitmaps lay the host is told anew that the memory is idle. */
TEST_WITH(what_held_bitmaps_is_not_reported, setup, teardown)
{
    assert_int_equal(hotplug_online(REGION_BASE, 2 * MIB), OK);
    struct section *section = section_at(REGION_BASE);
    assert_true(section->reported & 1);
    spin_lock(&page_lock);
    void *frame = metadata_pool_get(section);
    assert_non_null(frame);
    metadata_pool_put(frame);
    spin_unlock(&page_lock);
    assert_false(section->reported & 1);
}

/* Where the index has its node by now, no frame is needed for one. */
TEST_WITH(metadata_for_a_second_block, setup, teardown)
{
    u64 before = metadata_frames_for(REGION_BASE, 4 * MIB, 2 * MIB);
    assert_int_equal(hotplug_online(REGION_BASE, 2 * MIB), OK);
    assert_int_equal(metadata_frames_for(REGION_BASE, 4 * MIB, 2 * MIB), before - 1);
    assert_int_equal(hotplug_offline(REGION_BASE, 2 * MIB), OK);
}

TEST_WITH(all_of_it_and_back_to_nothing, setup, teardown)
{
    static paddr_t sections[NR_SECTIONS];
    static paddr_t halves[2 * NR_SECTIONS];
    take_page_tables();
    for (u64 at = 0; at < REGION; at += REGION / 4)
        assert_int_equal(hotplug_online(REGION_BASE + at, REGION / 4), OK);
    assert_true(stats().metadata_bytes <= REGION / GIB * 4 * KIB);
    take_all_but_one_of_each(sections, NR_SECTIONS);
    u64 nr_halves = 0;
    while (nr_halves < ARRAY_SIZE(halves) &&
           (halves[nr_halves] = page_alloc(8, PAGE_USER)) != PADDR_NONE)
        nr_halves++;
    /* The few pageblocks that are missing hold the bitmaps of all others. */
    assert_true(nr_halves >= 2 * NR_SECTIONS - 2 * 8);
    assert_true(stats().metadata_bytes > 16 * MIB - 9 * 32 * KIB);
    assert_true(stats().metadata_bytes <= REGION / GIB * 36 * KIB);
    page_check();
    for (u64 i = 0; i < nr_halves; i++)
        page_free(halves[i * 7919 % nr_halves], 8);
    page_check();
    free_rest(sections, NR_SECTIONS);
    assert_true(stats().metadata_bytes <= REGION / GIB * 4 * KIB);
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    assert_int_equal(stats().plugged_frames, 0);
    page_check();
}

/* A region with a part of a pageblock needs bitmaps. Boot RAM was full then, so they lie in another
 * region: asked what of that is in use, mm moves them home first. */
TEST_WITH(bitmaps_do_not_count_as_use, setup, teardown)
{
    static paddr_t frames[15 * MIB / PAGE_BYTES];
    u64 nr_frames = 0;
    assert_int_equal(hotplug_add_region(8 * GIB, 8 * MIB, 512 * KIB, 0, "parts"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, 8 * MIB), OK);
    while ((frames[nr_frames] = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE)
        nr_frames++;
    assert_int_equal(hotplug_online(8 * GIB, 512 * KIB), OK);
    assert_int_equal(stats().plugged_used, 512);
    for (u64 i = 0; i < nr_frames; i++)
        page_free(frames[i], 0);
    assert_int_equal(hotplug_used_frames(REGION_BASE, 8 * MIB), 0);
    assert_int_equal(hotplug_offline(REGION_BASE, 8 * MIB), OK);
    assert_int_equal(hotplug_offline(8 * GIB, 512 * KIB), OK);
    page_check();
}

/* A block of the only idle pageblock goes, though its bitmaps would fit nowhere but there or into
 * the reserve. */
TEST_WITH(bitmaps_do_not_take_what_goes, setup, teardown)
{
    static paddr_t frames[15 * MIB / PAGE_BYTES];
    u64 nr_frames = 0;
    assert_int_equal(hotplug_add_region(8 * GIB, 2 * MIB, 512 * KIB, 0, "parts"), OK);
    assert_int_equal(hotplug_online(8 * GIB, 2 * MIB), OK);
    while ((frames[nr_frames] = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE)
        nr_frames++;
    assert_int_equal(hotplug_offline(8 * GIB, 512 * KIB), OK);
    for (u64 i = 0; i < nr_frames; i++)
        page_free(frames[i], 0);
    assert_int_equal(hotplug_offline(8 * GIB + 512 * KIB, 1536 * KIB), OK);
    page_check();
}

/* In each section a page more than whole pageblocks: each has its bitmap. */
static void use_frames_of_each(paddr_t *sections, u64 nr_sections)
{
    for (u64 i = 0; i < nr_sections; i++) {
        sections[i] = page_alloc_run((SECTION_PAGEBLOCKS - 1) * 512 + 1, PAGE_USER);
        assert_int_equal(sections[i], REGION_BASE + i * SECTION);
    }
}

static void free_frames_of_each(const paddr_t *sections, u64 nr_sections)
{
    for (u64 i = 0; i < nr_sections; i++)
        page_free_run(sections[i], (SECTION_PAGEBLOCKS - 1) * 512 + 1);
}

/*
 * A block here and there beside boot RAM takes what is left of boot RAM's frame
 * of sections, and another frame of them.
 */
static void use_up_spare_sections(void)
{
    u64 before = stats().metadata_bytes;
    paddr_t at = 8 * GIB;
    assert_int_equal(hotplug_add_region(at, 4 * GIB, 2 * MIB, 0, "beside"), OK);
    for (; stats().metadata_bytes == before; at += SECTION)
        assert_int_equal(hotplug_online(at, 2 * MIB), OK);
    for (u64 i = 1; i < PAGE_BYTES / sizeof(struct section); i++, at += SECTION)
        assert_int_equal(hotplug_online(at, 2 * MIB), OK);
    assert_int_equal(stats().metadata_bytes, before + PAGE_BYTES);
}

/* A region of any size, far from boot RAM, costs at most 36 KiB a GiB. */
TEST_WITH(metadata_of_a_lone_region, setup, teardown)
{
    static const u64 sizes[] = {GIB, 2 * GIB, 3 * GIB, 8 * GIB, 31 * GIB, 33 * GIB, 64 * GIB};
    static paddr_t sections[64 * GIB / SECTION];
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        u64 nr_sections = sizes[i] / SECTION;
        use_up_spare_sections();
        u64 before = stats().metadata_bytes;
        assert_int_equal(hotplug_online(REGION_BASE, sizes[i]), OK);
        assert_true(stats().metadata_bytes - before <= sizes[i] / GIB * 4 * KIB);
        use_frames_of_each(sections, nr_sections);
        assert_true(stats().metadata_bytes - before >= sizes[i] / GIB * 32 * KIB);
        assert_true(stats().metadata_bytes - before <= sizes[i] / GIB * 36 * KIB);
        page_check();
        free_frames_of_each(sections, nr_sections);
        assert_int_equal(hotplug_offline(REGION_BASE, sizes[i]), OK);
        teardown();
        setup();
    }
}

/* Boot RAM is full: bitmaps go to plugged memory. It has room again: they come back. */
TEST_WITH(bitmaps_go_out_and_come_home, setup, teardown)
{
    static paddr_t sections[8];
    static paddr_t hogs[4096];
    paddr_t pages[8][2];
    u64 nr_hogs = 0;
    assert_int_equal(hotplug_online(REGION_BASE, GIB + 2 * MIB), OK);
    take_all_but_one_of_each(sections, 8);
    while (stats().boot_frames - stats().boot_used > 1000)
        hogs[nr_hogs++] = page_alloc(0, PAGE_KERNEL);
    u64 used = stats().plugged_used;
    for (unsigned i = 0; i < 7; i++) {
        pages[i][0] = page_alloc(8, PAGE_USER);
        pages[i][1] = page_alloc(8, PAGE_USER);
        assert_true(pages[i][1] != PADDR_NONE);
    }
    paddr_t held = page_alloc(0, PAGE_USER);
    assert_int_equal(stats().plugged_used, used + 7 * 512 + 1 + 512);
    assert_int_equal(hotplug_offline(sections[1], 2 * MIB), E_BUSY);
    page_check();

    while (nr_hogs > 0)
        page_free(hogs[--nr_hogs], 0);
    struct hotplug_range idle;
    assert_true(hotplug_next_idle(REGION_BASE, REGION_BASE + REGION, &idle));
    assert_int_equal(idle.base, sections[1]); /* the second pageblock that was wanted */
    assert_int_equal(stats().plugged_used, used + 7 * 512 + 1);
    assert_int_equal(hotplug_offline(sections[1], 2 * MIB), OK);
    page_check();
    /* Processors that hold a pageblock have followed its bits. */
    assert_int_equal(page_alloc(0, PAGE_USER), held + PAGE_BYTES);
    page_free(held, 0);
    page_free(held + PAGE_BYTES, 0);
    for (unsigned i = 0; i < 7; i++) {
        page_free(pages[i][0], 8);
        page_free(pages[i][1], 8);
    }
    page_check();
}

static bool has_idle(void)
{
    struct hotplug_range idle;
    return hotplug_next_idle(REGION_BASE, REGION_BASE + 64 * MIB, &idle);
}

/* Not even the reserve has a frame for those that alone keep a block plugged: they stay there. */
TEST(bitmaps_stay_where_boot_ram_is_out)
{
    static paddr_t hogs[4096];
    u64 nr_hogs = 0;
    fake_mm_start(&boot, 15 * MIB);
    fake_back(REGION_BASE, 64 * MIB);
    while ((hogs[nr_hogs] = page_alloc(0, PAGE_BOOT_FIRST)) != PADDR_NONE)
        nr_hogs++;
    assert_int_equal(hotplug_add_region(REGION_BASE, 64 * MIB, MIB, 0, "small blocks"), OK);
    assert_int_equal(hotplug_online(REGION_BASE + 4 * MIB, 4 * MIB), OK);
    assert_int_equal(hotplug_online(REGION_BASE + MIB, 3 * MIB), OK);
    assert_int_not_equal(metadata_pool_frames(), 0);
    while ((hogs[nr_hogs] = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE)
        nr_hogs++;
    while ((hogs[nr_hogs] = page_alloc_table()) != PADDR_NONE)
        nr_hogs++;
    assert_true(has_idle());
    assert_int_not_equal(metadata_pool_frames(), 0);
    page_check();
    while (nr_hogs > 0)
        page_free(hogs[--nr_hogs], 0);
    assert_true(has_idle());
    assert_int_equal(metadata_pool_frames(), 0);
    page_check();
    fake_unback(REGION_BASE, 64 * MIB);
    fake_shutdown();
}
