/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hotplug interface: adding regions, and the steps in which memory comes and
 * goes. See hotplug.h.
 *
 * page_lock is released while a range is mapped or unmapped, which allocates page
 * tables. The range is then not the allocator's, so nothing can allocate it.
 */
#include "mm/hotplug/hotplug.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug_internal.h"
#include "mm/hotplug/metadata_home.h"
#include "mm/hotplug/region.h"
#include "mm/metadata.h"
#include "mm/reservation.h"

/* What growing leaves of boot RAM: frames for unmapping, and as many for rings and the like. */
#define ROOM_LEFT_FRAMES (2 * SPLIT_FRAMES)

static const struct boot_info *boot_map;

void hotplug_init(const struct boot_info *boot)
{
    boot_map = boot;
    region_init();
}

/* What the new region would share a byte with; NULL if with nothing. */
static const char *find_overlap(paddr_t base, u64 bytes)
{
    const char *region = region_overlap(base, bytes);
    for (u32 i = 0; !region && i < boot_map->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot_map->ranges[i];
        if (!range_overflows(range->base, range->bytes) &&
            ranges_overlap(base, bytes, range->base, range->bytes))
            return range->type == BOOT_MEMORY_RAM ? "boot RAM" : "a reserved range";
    }
    return region;
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

int hotplug_add_region(paddr_t base, u64 bytes, u64 block_bytes, u32 node_id, const char *name)
{
    const struct region wanted = {base, bytes, block_bytes, 0, node_id, name};
    spin_lock(&hotplug_lock);
    int status = check_region(base, bytes, block_bytes, name);
    if (status == OK) {
        spin_lock(&page_lock);
        status = region_add(&wanted);
        spin_unlock(&page_lock);
    }
    spin_unlock(&hotplug_lock);
    return status;
}

int hotplug_remove_region(paddr_t base)
{
    int status = E_INVAL;
    spin_lock(&hotplug_lock);
    struct region *region = region_find(base, 1);
    if (region && region->base == base)
        status = region->online_bytes != 0 ? E_BUSY : OK;
    if (status == OK) {
        spin_lock(&page_lock);
        region_remove(region);
        spin_unlock(&page_lock);
    }
    spin_unlock(&hotplug_lock);
    return status;
}

/* ---- online, offline ---- */

static struct region *find_blocks(paddr_t base, u64 bytes)
{
    struct region *region = bytes != 0 ? region_find(base, bytes) : NULL;
    if (!region || (base - region->base) % region->block_bytes != 0)
        return NULL;
    return bytes % region->block_bytes == 0 ? region : NULL;
}

static int prepare_and_map(paddr_t base, u64 bytes)
{
    spin_lock(&page_lock);
    bool prepared = frames_prepare(base, bytes);
    spin_unlock(&page_lock);
    return prepared ? platform_map_ram(base, bytes) : E_NOMEM;
}

static int online(paddr_t base, u64 bytes)
{
    struct region *region = find_blocks(base, bytes);
    if (!region)
        return E_RANGE;
    int status = prepare_and_map(base, bytes);
    spin_lock(&page_lock);
    if (status == OK) {
        if (account_managed[false] == 0)
            reservation_end_all(RESERVED_ANY); /* users may reserve boot RAM until then */
        frames_add(base, bytes);
        region_count_online(region, bytes);
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
        region_count_online(region, -bytes);
    } else {
        frames_add(base, bytes);
    }
    frames_tidy(base, bytes);
    if (region->online_bytes == 0)
        metadata_trim(region->base, region->bytes);
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

/* Frames of boot RAM for the page tables and metadata of so many bytes. */
static u64 frames_needed(const struct region *region, u64 bytes)
{
    return platform_map_tables(bytes) + metadata_frames_for(region->base, region->bytes, bytes) +
           ROOM_LEFT_FRAMES;
}

/* The most bytes, below `bytes`, that so many frames are enough for. */
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
    const struct region *region = region_find(base, 1);
    if (!region)
        return 0;
    spin_lock(&page_lock);
    u64 room = page_boot_has(frames_needed(region, bytes))
                   ? bytes
                   : most_for(region, bytes, page_unused(true));
    spin_unlock(&page_lock);
    return room;
}

/* The first block boundary at or after paddr, counted from the region's base. */
static paddr_t block_up(const struct region *region, paddr_t paddr)
{
    u64 over = (paddr - region->base) % region->block_bytes;
    return over == 0 ? paddr : paddr + (region->block_bytes - over);
}

/* The lowest address from `at` on where an idle block can start, or `to`. */
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
        if (at != start)
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
    const struct region *region = region_find(from, 1);
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
    metadata_migrate_home();
    u64 used = frames_used(base, bytes);
    spin_unlock(&page_lock);
    return used;
}
