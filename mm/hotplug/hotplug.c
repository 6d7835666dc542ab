/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hotplug door: regions, and the order of steps in which memory comes and
 * goes. See hotplug.h.
 *
 * hotplug_lock makes one change at a time. It is not page_lock: mapping and
 * unmapping call page_alloc() for their tables, so page_lock is let go around
 * them. In between the range is with neither side: nothing can allocate it.
 */
#include "mm/hotplug/hotplug.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/metadata.h"
#include "mm/metadata_pool.h"
#include "mm/page_internal.h"

struct region {
    paddr_t base;
    u64 bytes; /* 0: the reservation is unused */
    u64 block_bytes;
    u64 online_bytes;
    u32 node_id;
    const char *name;
};

struct spinlock hotplug_lock;
bool hotplug_has_large_granules;
static struct region regions[HOTPLUG_REGIONS_MAX];
static unsigned regions_end; /* no region has been at this number or above */

void hotplug_init(void)
{
    for (unsigned i = 0; i < HOTPLUG_REGIONS_MAX; i++)
        regions[i] = (struct region){0};
    regions_end = 0;
    page_reserve = (struct page_reserve){0};
    hotplug_has_large_granules = false;
}

/* Boot RAM that is left for page tables that unmapping needs, while there is a region. */
#define SPLIT_FRAMES 32

/* What growing nodes of boot RAM: that, and as much for rings and the like. */
#define ROOM_LEFT_FRAMES (2 * SPLIT_FRAMES)

/*
 * What will be wanted of boot RAM for each absent GiB: a page table and the
 * sections' structs; more for each region's ends. At most half of boot RAM: a
 * region that needs more does not come online whole.
 */
static void update_reserve(void)
{
    u64 frames = 0;
    hotplug_has_large_granules = false;
    for (unsigned i = 0; i < regions_end; i++) {
        hotplug_has_large_granules |= regions[i].block_bytes > PAGEBLOCK_BYTES;
        if (regions[i].bytes != 0)
            frames += SPLIT_FRAMES + 2 * ((regions[i].bytes - regions[i].online_bytes) / GIB);
    }
    page_reserve.growth_frames = min_u64(frames, account_managed[true] / 2);
    page_reserve.split_frames = frames != 0 ? SPLIT_FRAMES : 0;
}

/* The region that holds all of the range, or NULL. Either lock keeps it in place. */
static struct region *find_region(paddr_t base, u64 bytes)
{
    for (unsigned i = 0; i < regions_end; i++) {
        struct region *region = &regions[i];
        if (base >= region->base && base - region->base < region->bytes &&
            bytes <= region->bytes - (base - region->base))
            return region;
    }
    return NULL;
}

/* What the new region would share a byte with; NULL if with nothing. */
static const char *find_overlap(paddr_t base, u64 bytes)
{
    for (unsigned i = 0; i < regions_end; i++) {
        if (ranges_overlap(base, bytes, regions[i].base, regions[i].bytes))
            return regions[i].name;
    }
    for (u32 i = 0; i < page_boot->nr_ranges; i++) {
        const struct boot_memory_range *range = &page_boot->ranges[i];
        if (!range_overflows(range->base, range->bytes) &&
            ranges_overlap(base, bytes, range->base, range->bytes))
            return range->type == BOOT_MEMORY_RAM ? "boot RAM" : "a reserved range";
    }
    return NULL;
}

static int check_region(paddr_t base, u64 bytes, u64 block_bytes, const char *name)
{
    if (block_bytes == 0 || bytes == 0 || bytes % block_bytes != 0 ||
        !is_aligned(base | block_bytes, PAGE_BYTES)) {
        log_error(LOG_MM, name,
                  "region 0x%llx of 0x%llx bytes: expected whole blocks of whole pages, but its "
                  "block is 0x%llx",
                  (unsigned long long)base, (unsigned long long)bytes,
                  (unsigned long long)block_bytes);
        return E_INVAL;
    }
    paddr_t limit = min_u64(platform_paddr_limit(), FREE_INDEX_LIMIT);
    if (range_overflows(base, bytes) || base >= limit || bytes > limit - base) {
        log_error(LOG_MM, name, "region 0x%llx of 0x%llx bytes: expected an end at or below 0x%llx",
                  (unsigned long long)base, (unsigned long long)bytes, (unsigned long long)limit);
        return E_RANGE;
    }
    const char *other = find_overlap(base, bytes);
    if (!other)
        return OK;
    log_error(LOG_MM, name, "region 0x%llx of 0x%llx bytes overlaps %s", (unsigned long long)base,
              (unsigned long long)bytes, other);
    return E_EXIST;
}

static int add_region(const struct region *wanted)
{
    int status = check_region(wanted->base, wanted->bytes, wanted->block_bytes, wanted->name);
    for (unsigned i = 0; status == OK && i < HOTPLUG_REGIONS_MAX; i++) {
        if (regions[i].bytes != 0)
            continue;
        spin_lock(&page_lock);
        regions[i] = *wanted;
        if (regions_end <= i)
            regions_end = i + 1;
        update_reserve();
        spin_unlock(&page_lock);
        return OK;
    }
    return status != OK ? status : E_NOMEM;
}

int hotplug_add_region(paddr_t base, u64 bytes, u64 block_bytes, u32 node_id, const char *name)
{
    const struct region wanted = {base, bytes, block_bytes, 0, node_id, name};
    spin_lock(&hotplug_lock);
    int status = add_region(&wanted);
    spin_unlock(&hotplug_lock);
    return status;
}

int hotplug_remove_region(paddr_t base)
{
    int status = E_INVAL;
    spin_lock(&hotplug_lock);
    struct region *region = find_region(base, 1);
    if (region && region->base == base)
        status = region->online_bytes != 0 ? E_BUSY : OK;
    if (status == OK) {
        spin_lock(&page_lock);
        *region = (struct region){0};
        update_reserve();
        spin_unlock(&page_lock);
    }
    spin_unlock(&hotplug_lock);
    return status;
}

/* ---- online, offline ---- */

/* The region of a range of whole blocks, or NULL. */
static struct region *find_blocks(paddr_t base, u64 bytes)
{
    struct region *region = bytes != 0 ? find_region(base, bytes) : NULL;
    if (!region || (base - region->base) % region->block_bytes != 0)
        return NULL;
    return bytes % region->block_bytes == 0 ? region : NULL;
}

static int prepare(paddr_t base, u64 bytes)
{
    int status = OK;
    spin_lock(&page_lock);
    if (!frames_absent(base, bytes)) {
        status = E_EXIST;
    } else if (!frames_prepare(base, bytes)) {
        frames_tidy(base, bytes);
        status = E_NOMEM;
    }
    spin_unlock(&page_lock);
    return status;
}

static int online(paddr_t base, u64 bytes)
{
    struct region *region = find_blocks(base, bytes);
    if (!region)
        return E_RANGE;
    int status = prepare(base, bytes);
    if (status != OK)
        return status;
    status = platform_map_ram(base, bytes);
    spin_lock(&page_lock);
    if (status == OK) {
        if (account_managed[false] == 0)
            reservation_end_all(
                RESERVED_ANY); /* users may hold boot RAM while nothing is plugged */
        frames_add(base, bytes);
        region->online_bytes += bytes;
        update_reserve();
    } else {
        frames_tidy(base, bytes);
    }
    spin_unlock(&page_lock);
    return status;
}

int hotplug_online(paddr_t base, u64 bytes)
{
    spin_lock(&hotplug_lock);
    int status = online(base, bytes);
    spin_unlock(&hotplug_lock);
    return status;
}

static int take_away(paddr_t base, u64 bytes)
{
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_IDLE);
    metadata_migrate_home();
    int status = frames_remove(base, bytes);
    if (status != OK)
        frames_tidy(base, bytes);
    spin_unlock(&page_lock);
    return status;
}

int hotplug_offline_locked(paddr_t base, u64 bytes)
{
    struct region *region = find_blocks(base, bytes);
    if (!region)
        return E_RANGE;
    int status = take_away(base, bytes);
    if (status != OK)
        return status;
    status = platform_unmap_ram(base, bytes);
    spin_lock(&page_lock);
    if (status == OK) {
        region->online_bytes -= bytes;
        update_reserve();
    } else {
        frames_add(base, bytes);
    }
    frames_tidy(base, bytes);
    spin_unlock(&page_lock);
    return status;
}

int hotplug_offline(paddr_t base, u64 bytes)
{
    spin_lock(&hotplug_lock);
    int status = hotplug_offline_locked(base, bytes);
    spin_unlock(&hotplug_lock);
    return status;
}

/* ---- questions ---- */

/* What boot RAM must have free for page tables and metadata of so many bytes. */
static u64 frames_needed(const struct region *region, u64 bytes)
{
    return platform_map_tables(bytes) + metadata_frames_for(region->base, region->bytes, bytes) +
           ROOM_LEFT_FRAMES;
}

/* The most that so many frames are enough for, below `bytes`. */
static u64 most_for(const struct region *region, u64 bytes, u64 frames)
{
    u64 most = 0;
    for (u64 step = FREE_INDEX_LIMIT; step >= PAGE_BYTES; step /= 2) {
        if (most + step < bytes && frames_needed(region, most + step) <= frames)
            most += step;
    }
    return most;
}

u64 hotplug_room(paddr_t base, u64 bytes)
{
    const struct region *region = find_region(base, 1);
    if (!region)
        return 0;
    spin_lock(&page_lock);
    u64 room = page_boot_has(frames_needed(region, bytes))
                   ? bytes
                   : most_for(region, bytes, page_unused(true));
    spin_unlock(&page_lock);
    return room;
}

bool hotplug_next_on_node(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end)
{
    while (*number < HOTPLUG_REGIONS_MAX) {
        const struct region *region = &regions[(*number)++];
        if (region->bytes == 0 || region->node_id != node_id)
            continue;
        *base = region->base;
        *end = region->base + region->bytes;
        return true;
    }
    return false;
}

/* The first block boundary at or after paddr, counted from the region's base. */
static paddr_t block_up(const struct region *region, paddr_t paddr)
{
    u64 over = (paddr - region->base) % region->block_bytes;
    return over == 0 ? paddr : paddr + (region->block_bytes - over);
}

bool hotplug_find_granules(paddr_t from, paddr_t to, struct hotplug_granules *granules)
{
    *granules = (struct hotplug_granules){0};
    const struct region *region = find_region(from, 1);
    if (!region)
        return false;
    /* The largest power of two in a block's bytes tells how many blocks are whole pageblocks. */
    u64 power = min_u64(region->block_bytes & -region->block_bytes, PAGEBLOCK_BYTES);
    u64 blocks = PAGEBLOCK_BYTES / power;
    u64 bytes = blocks * region->block_bytes;
    paddr_t base = region->base;
    for (u64 i = 0; i < blocks && !is_aligned(base, PAGEBLOCK_BYTES); i++)
        base += region->block_bytes;
    to = min_u64(to, region->base + region->bytes);
    if (from > base)
        base += (from - base + bytes - 1) / bytes * bytes;
    if (!is_aligned(base, PAGEBLOCK_BYTES) || base >= to || to - base < bytes)
        return false;
    *granules = (struct hotplug_granules){base, to - (to - base) % bytes, bytes, blocks};
    return true;
}

bool hotplug_find_granule(paddr_t paddr, paddr_t *from, paddr_t *to)
{
    struct hotplug_granules granules;
    const struct region *region = find_region(paddr, 1);
    if (!region || !hotplug_find_granules(region->base, region->base + region->bytes, &granules) ||
        paddr < granules.from || paddr >= granules.to)
        return false;
    *from = paddr - (paddr - granules.from) % granules.granule_bytes;
    *to = *from + granules.granule_bytes;
    return true;
}

/* Somewhere idle at or after `at`: no earlier address starts an idle block. `to` if there is none.
 */
static paddr_t next_start(const struct region *region, paddr_t at, paddr_t to)
{
    struct pageblock pb;
    if (!is_aligned(region->base | region->block_bytes, PAGEBLOCK_BYTES))
        return frames_next_idle(at, to);
    return free_index_find_from(FREE_IDLE_PLUGGED, at, &pb) ? min_u64(pageblock_base(pb), to) : to;
}

static bool find_idle_blocks(const struct region *region, paddr_t from, paddr_t to,
                             struct hotplug_range *idle)
{
    paddr_t at = block_up(region, from);
    while (at < to) {
        paddr_t start = next_start(region, at, to);
        at = block_up(region, start);
        if (at != start || at >= to)
            continue;
        u64 run = frames_idle_run(at, to - at);
        run -= run % region->block_bytes;
        if (run != 0) {
            *idle = (struct hotplug_range){at, run};
            return true;
        }
        at += region->block_bytes;
    }
    return false;
}

bool hotplug_next_idle(paddr_t from, paddr_t to, struct hotplug_range *idle)
{
    const struct region *region = find_region(from, 1);
    if (!region)
        return false;
    to = min_u64(to, region->base + region->bytes);
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_IDLE);
    metadata_migrate_home();
    bool found = find_idle_blocks(region, from, to, idle);
    spin_unlock(&page_lock);
    return found;
}

u64 hotplug_used_frames(paddr_t base, u64 bytes)
{
    spin_lock(&page_lock);
    u64 used = frames_used(base, bytes);
    spin_unlock(&page_lock);
    return used;
}
