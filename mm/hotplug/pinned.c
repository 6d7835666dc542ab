/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps blocks from being unplugged. See pinned.h and hotplug_count_pinned(). */
#include "mm/hotplug/pinned.h"

#include "lib/bitmap.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page_internal.h"

/* Frames in use, of a pageblock that is present. */
static u64 pageblock_used(struct pageblock pb, u32 entry)
{
    if (entry & PB_PARTIAL)
        return bitmap_count_range(pageblock_present_bits(pb), 0, PAGEBLOCK_FRAMES) -
               (entry & PB_FREE);
    if (entry & PB_SPLIT)
        return PAGEBLOCK_FRAMES - (entry & PB_FREE);
    return entry & (PB_HUGE | PB_METADATA) ? PAGEBLOCK_FRAMES : 0;
}

static enum mobility pageblock_mobility(struct pageblock pb, u64 *used)
{
    if (!pb.section || !(pb.section->present & pageblock_bit(pb)))
        return ABSENT;
    u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED);
    u64 frames = pageblock_used(pb, entry);
    *used += frames;
    if (frames == 0)
        return IDLE;
    if (entry & PB_METADATA && !is_isolated_huge(entry))
        return METADATA;
    if (entry & PB_MOVABLE)
        return pb.section->migration_failed & pageblock_bit(pb) ? REFUSED : MOVABLE;
    return USER;
}

enum mobility granule_mobility(paddr_t granule, u64 granule_bytes, u64 *used)
{
    enum mobility worst = ABSENT;
    *used = 0;
    for (paddr_t at = granule; at < granule + granule_bytes; at += PAGEBLOCK_BYTES) {
        enum mobility mobility = pageblock_mobility(pageblock_at(at), used);
        if (mobility > worst)
            worst = mobility;
    }
    return worst;
}

/* The owner that refused first, from the top. */
static void count_failure(struct hotplug_pinned *pinned, paddr_t granule)
{
    u64 used = 0;
    for (paddr_t at = granule + pinned->granule_bytes; at > granule;) {
        at -= PAGEBLOCK_BYTES;
        u32 entry = __atomic_load_n(pageblock_entry(pageblock_at(at)), __ATOMIC_RELAXED);
        if (pageblock_mobility(pageblock_at(at), &used) == REFUSED) {
            pinned->nr_failed_by[page_owner_of(entry)->number]++;
            return;
        }
    }
}

void hotplug_count_pinned(paddr_t from, paddr_t to, struct hotplug_pinned *pinned)
{
    struct hotplug_granules granules;
    u64 counts[NR_MOBILITIES] = {0};
    if (!hotplug_find_granules(from, to, &granules) || granules.blocks_per_granule != 1)
        granules = (struct hotplug_granules){align_up(from, PAGEBLOCK_BYTES),
                                             align_down(to, PAGEBLOCK_BYTES), PAGEBLOCK_BYTES, 0};
    *pinned = (struct hotplug_pinned){.granule_bytes = granules.granule_bytes};
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_IDLE);
    for (paddr_t granule = granules.from; granule < granules.to;
         granule += granules.granule_bytes) {
        u64 used;
        enum mobility mobility = granule_mobility(granule, granules.granule_bytes, &used);
        counts[mobility]++;
        if (mobility == REFUSED)
            count_failure(pinned, granule);
    }
    spin_unlock(&page_lock);
    pinned->nr_idle = counts[IDLE];
    pinned->nr_movable = counts[MOVABLE];
    pinned->nr_failed = counts[REFUSED];
    pinned->nr_user = counts[USER];
    pinned->nr_metadata = counts[METADATA];
}
