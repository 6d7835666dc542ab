/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A region whose memory was all freed goes back to exactly 0, in whatever order boot RAM was
 * filled, because nothing that describes the region lies in it. Real page
 * tables under the allocator; random steps, by seed, for many sizes of boot RAM,
 * regions and blocks.
 */
#include "tests/unit/unit.h"

#include "arch/x86_64/page_tables.h"
#include "asm/cpu.h"
#include "include/status.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"

#define NR_REGIONS   2
#define REGION_BYTES (3 * GIB)
#define NR_STEPS     400
#define NR_SEEDS     4
#define PAGES_MAX    40000

/* While all is absent: for tables that split, and a pageblock and what growth needs more. */
#define KEPT_OF_KERNEL 32
#define KEPT_OF_USERS  (512 + NR_REGIONS * (32 + 2 * 3))

static struct boot_info boot;
static struct page_tables tables;
static u64 seed;
static u64 block_bytes;
static unsigned largest;

/* What is held, to be freed in any order. */
static struct page {
    paddr_t base;
    u64 nr_frames;
} pages[PAGES_MAX];
static u64 nr_pages;

static u64 random_below(u64 limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

static paddr_t base_of(unsigned region)
{
    return FAKE_REGION_BASE + region * 64 * GIB;
}

static void give_back_released(void)
{
    paddr_t table;
    while ((table = page_tables_take_released(&tables)) != PADDR_NONE)
        page_free(table, 0);
}

static int change_tables(paddr_t paddr, u64 bytes, bool map)
{
    int status = map ? page_tables_map(&tables, paddr, bytes, MAP_WRITE | MAP_NO_EXEC, largest)
                     : page_tables_unmap(&tables, paddr, bytes);
    give_back_released();
    return status;
}

static void start(u64 boot_bytes)
{
    fake_mm_start(&boot, boot_bytes);
    tables = (struct page_tables){.alloc = page_alloc_table};
    assert_int_equal(page_tables_init(&tables), OK);
    fake_on_map = change_tables;
    nr_pages = 0;
    for (unsigned i = 0; i < NR_REGIONS; i++) {
        fake_back(base_of(i), REGION_BYTES);
        assert_int_equal(hotplug_add_region(base_of(i), REGION_BYTES, block_bytes, 0, "region"),
                         OK);
    }
}

static void stop(void)
{
    page_check();
    for (unsigned i = 0; i < NR_REGIONS; i++)
        fake_unback(base_of(i), REGION_BYTES);
    fake_shutdown();
}

/* ---- steps ---- */

static void take(enum page_kind kind, u64 nr_frames, u64 count)
{
    for (u64 i = 0; i < count && nr_pages < PAGES_MAX; i++) {
        paddr_t base = page_alloc_run(nr_frames, kind);
        if (base == PADDR_NONE)
            return;
        assert_true(kind != PAGE_KERNEL || base < FAKE_REGION_BASE);
        pages[nr_pages++] = (struct page){base, nr_frames};
    }
}

static void give_back(u64 count)
{
    for (; count > 0 && nr_pages > 0; count--) {
        u64 i = random_below(nr_pages);
        page_free_run(pages[i].base, pages[i].nr_frames);
        pages[i] = pages[--nr_pages];
    }
}

static void give_back_plugged(void)
{
    for (u64 i = nr_pages; i > 0; i--) {
        struct page page = pages[i - 1];
        if (page.base < FAKE_REGION_BASE)
            continue;
        page_free_run(page.base, page.nr_frames);
        pages[i - 1] = pages[--nr_pages];
    }
}

/* As the driver does: no more than mm has room for. Others may be online there already. */
static void grow(paddr_t base)
{
    u64 nr_blocks = REGION_BYTES / block_bytes;
    u64 first = random_below(nr_blocks);
    u64 bytes = (1 + random_below(nr_blocks - first)) * block_bytes;
    u64 room = hotplug_room(base, bytes);
    assert_true(is_aligned(room, PAGE_BYTES));
    bytes = room / block_bytes * block_bytes;
    if (bytes != 0 && hotplug_online(base + first * block_bytes, bytes) == E_NOMEM)
        fail_msg("there was room for 0x%llx bytes", (unsigned long long)bytes);
}

static void shrink(paddr_t base)
{
    struct hotplug_range idle;
    u64 from = random_below(REGION_BYTES / block_bytes) * block_bytes;
    if (!hotplug_next_idle(base + from, base + REGION_BYTES, &idle))
        return;
    if (random_below(2))
        idle.bytes = (1 + random_below(idle.bytes / block_bytes)) * block_bytes;
    int status = hotplug_offline(idle.base, idle.bytes);
    assert_true(status == OK || status == E_NOMEM || status == E_BUSY);
}

static void step(void)
{
    static const enum page_kind kinds[] = {PAGE_KERNEL, PAGE_BOOT_FIRST, PAGE_BOOT_FIRST,
                                           PAGE_USER};
    paddr_t base = base_of((unsigned)random_below(NR_REGIONS));
    enum page_kind kind = kinds[random_below(ARRAY_SIZE(kinds))];
    switch (random_below(8)) {
    case 0: /* all that there is for the kind, in pieces of one size */
        take(kind, (u64)1 << random_below(10), PAGES_MAX / 4);
        break;
    case 1:
    case 2:
        take(kind, 1 + random_below(700), random_below(50));
        break;
    case 3:
        give_back(random_below(nr_pages + 1));
        break;
    case 4:
    case 5:
        grow(base);
        break;
    default:
        shrink(base);
    }
}

/* ---- the end ---- */

/* As UNPLUG ALL: whole runs, each of which ends at absent memory. */
static void all_goes(void)
{
    struct hotplug_range idle;
    for (unsigned i = 0; i < NR_REGIONS; i++) {
        while (hotplug_next_idle(base_of(i), base_of(i) + REGION_BYTES, &idle))
            assert_int_equal(hotplug_offline(idle.base, idle.bytes), OK);
    }
    struct page_stats stats;
    page_get_stats(&stats);
    if (stats.plugged_frames != 0)
        fail_msg("%llu frames stay plugged, %llu of them in use",
                 (unsigned long long)stats.plugged_frames, (unsigned long long)stats.plugged_used);
    assert_int_equal(fake_mapped_bytes(), 0);
}

static u64 used_but_for_metadata(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    return stats.boot_used - stats.metadata_bytes / PAGE_BYTES;
}

static void walk(u64 boot_bytes)
{
    start(boot_bytes);
    u64 before = used_but_for_metadata();
    for (unsigned i = 0; i < NR_STEPS; i++)
        step();
    page_check();
    give_back_plugged();
    all_goes();
    page_check();
    give_back(nr_pages);
    assert_int_equal(used_but_for_metadata(), before);
    stop();
}

TEST(whatever_filled_boot_ram)
{
    static const u64 boot_ram[] = {4 * MIB, 8 * MIB, 16 * MIB, 64 * MIB};
    static const u64 blocks[] = {GIB, 128 * MIB, 3 * MIB, 2 * MIB, MIB};
    for (unsigned i = 0; i < ARRAY_SIZE(boot_ram); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(blocks); j++) {
            for (u64 k = 1; k <= NR_SEEDS; k++) {
                seed = k * 0x9e3779b97f4a7c15;
                block_bytes = blocks[j];
                largest = k % 2 ? MAP_LARGEST_1G : MAP_LARGEST_2M;
                walk(boot_ram[i]);
            }
        }
    }
}

/* The kernel's rings and stacks leave frames for the tables that unmapping needs, whoever last had
 * a frame beside them. */
TEST(the_kernel_leaves_room_for_tables)
{
    struct page_stats stats;
    seed = 1;
    block_bytes = 2 * MIB;
    largest = MAP_LARGEST_1G;
    start(8 * MIB);
    assert_int_equal(hotplug_online(base_of(0), GIB), OK);
    take(PAGE_BOOT_FIRST, 1, 1);
    take(PAGE_KERNEL, 1, PAGES_MAX);
    assert_int_equal(hotplug_offline(base_of(0) + 512 * MIB, block_bytes), OK);
    while (nr_pages < PAGES_MAX && (pages[nr_pages].base = page_alloc_table()) != PADDR_NONE)
        pages[nr_pages++].nr_frames = 1;
    page_get_stats(&stats);
    assert_int_equal(stats.boot_used, stats.boot_frames);
    all_goes();
    give_back(nr_pages);
    stop();
}

/* Each processor holds a pageblock and takes frames of it without a look at what is kept. */
static void fill_by_processors(u32 nr_cpus, enum page_kind kind, u64 kept)
{
    struct page_stats stats;
    for (bool any = true; any;) {
        any = false;
        for (fake_cpu_id = 0; fake_cpu_id < nr_cpus; fake_cpu_id++) {
            u64 before = nr_pages;
            take(kind, 1, 1);
            any |= nr_pages != before;
        }
    }
    fake_cpu_id = 0;
    page_get_stats(&stats);
    if (stats.boot_frames - stats.boot_used != kept)
        fail_msg("%u processors left %llu frames, not %llu", nr_cpus,
                 (unsigned long long)(stats.boot_frames - stats.boot_used),
                 (unsigned long long)kept);
}

TEST(processors_leave_what_is_kept)
{
    block_bytes = 2 * MIB;
    for (u32 nr_cpus = 1; nr_cpus <= 8; nr_cpus++) {
        start(32 * MIB);
        fill_by_processors(nr_cpus, PAGE_BOOT_FIRST, KEPT_OF_USERS);
        fill_by_processors(nr_cpus, PAGE_KERNEL, KEPT_OF_KERNEL);
        give_back(nr_pages);
        stop();
    }
}
