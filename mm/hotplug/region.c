/* SPDX-License-Identifier: BSD-2-Clause */
/* See region.h. */
#include "mm/hotplug/region.h"

#include "include/status.h"
#include "include/units.h"
#include "mm/account.h"
#include "mm/hotplug/hotplug.h"

struct spinlock hotplug_lock;
struct page_reserve page_reserve;
bool region_has_large_granules;
static struct region regions[HOTPLUG_REGIONS_MAX];
static unsigned regions_end; /* no region has been at this number or above */

void region_init(void)
{
    for (unsigned i = 0; i < HOTPLUG_REGIONS_MAX; i++)
        regions[i] = (struct region){0};
    page_reserve = (struct page_reserve){0};
    region_has_large_granules = false;
}

/*
 * Boot RAM that absent memory will need: for each GiB a page table and the
 * structs of its sections, and SPLIT_FRAMES for each region's ends. At most half of boot
 * RAM: a region that needs more does not come online whole.
 */
static void update_reserve(void)
{
    u64 frames = 0;
    region_has_large_granules = false;
    for (unsigned i = 0; i < regions_end; i++) {
        region_has_large_granules |= regions[i].block_bytes > PAGEBLOCK_BYTES;
        if (regions[i].bytes != 0)
            frames += SPLIT_FRAMES + 2 * ((regions[i].bytes - regions[i].online_bytes) / GIB);
    }
    page_reserve.growth_frames = min_u64(frames, account_managed[true] / 2);
    page_reserve.split_frames = frames != 0 ? SPLIT_FRAMES : 0;
}

int region_add(const struct region *wanted)
{
    unsigned i = 0;
    while (i < HOTPLUG_REGIONS_MAX && regions[i].bytes != 0)
        i++;
    if (i == HOTPLUG_REGIONS_MAX)
        return E_NOMEM;
    regions[i] = *wanted;
    if (regions_end <= i)
        regions_end = i + 1;
    update_reserve();
    return OK;
}

void region_remove(struct region *region)
{
    *region = (struct region){0};
    update_reserve();
}

void region_count_online(struct region *region, u64 change)
{
    region->online_bytes += change;
    update_reserve();
}

struct region *region_find(paddr_t base, u64 bytes)
{
    for (unsigned i = 0; i < regions_end; i++) {
        struct region *region = &regions[i];
        if (base - region->base < region->bytes && bytes <= region->bytes - (base - region->base))
            return region;
    }
    return NULL;
}

const char *region_overlap(paddr_t base, u64 bytes)
{
    for (unsigned i = 0; i < regions_end; i++) {
        if (ranges_overlap(base, bytes, regions[i].base, regions[i].bytes))
            return regions[i].name;
    }
    return NULL;
}

bool region_next_on_node(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end)
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

/* ---- offline granules ---- */

bool region_find_granules(paddr_t from, paddr_t to, struct granules *granules)
{
    *granules = (struct granules){0};
    const struct region *region = region_find(from, 1);
    if (!region)
        return false;
    /* The largest power of two in a block's bytes tells how many blocks are whole pageblocks. */
    u64 power = min_u64(region->block_bytes & -region->block_bytes, PAGEBLOCK_BYTES);
    u64 blocks = PAGEBLOCK_BYTES / power;
    u64 bytes = blocks * region->block_bytes;
    paddr_t base = region->base;
    for (u64 i = 0; i < blocks && !is_aligned(base, PAGEBLOCK_BYTES); i++)
        base += region->block_bytes;
    if (from > base)
        base += (from - base + bytes - 1) / bytes * bytes;
    if (!is_aligned(base, PAGEBLOCK_BYTES) || base >= to || to - base < bytes)
        return false;
    *granules = (struct granules){base, to - (to - base) % bytes, bytes, blocks};
    return true;
}

bool region_find_granule(paddr_t paddr, paddr_t *from, paddr_t *to)
{
    struct granules granules;
    const struct region *region = region_find(paddr, 1);
    if (!region || !region_find_granules(region->base, region->base + region->bytes, &granules) ||
        paddr < granules.from || paddr >= granules.to)
        return false;
    *from = paddr - (paddr - granules.from) % granules.granule_bytes;
    *to = *from + granules.granule_bytes;
    return true;
}
