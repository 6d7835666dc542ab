/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps blocks from being unplugged. See hotplug_count_pinned(). */
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/region.h"
#include "mm/mobility.h"
#include "mm/reservation.h"

/* The owner of the highest pageblock of which a page could not be moved. */
static void count_failure(struct hotplug_pinned *pinned, paddr_t granule)
{
    u64 used = 0;
    for (paddr_t at = granule + pinned->granule_bytes; at > granule;) {
        at -= PAGEBLOCK_BYTES;
        struct pageblock pb = pageblock_at(at);
        if (pageblock_mobility(pb, &used) != MOBILITY_FAILED)
            continue;
        u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED);
        if (!(entry & PB_MOVABLE)) /* freed meanwhile */
            continue;
        pinned->nr_failed_by[entry_owner(entry)]++;
        return;
    }
}

void hotplug_count_pinned(paddr_t from, paddr_t to, struct hotplug_pinned *pinned)
{
    struct granules granules;
    u64 counts[NR_MOBILITIES] = {0};
    if (!region_find_granules(from, to, &granules) || granules.blocks_per_granule != 1)
        granules = (struct granules){align_up(from, PAGEBLOCK_BYTES),
                                     align_down(to, PAGEBLOCK_BYTES), PAGEBLOCK_BYTES, 0};
    *pinned = (struct hotplug_pinned){.granule_bytes = granules.granule_bytes};
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_IDLE);
    for (paddr_t granule = granules.from; granule < granules.to;
         granule += granules.granule_bytes) {
        u64 used;
        enum mobility mobility = granule_mobility(granule, granules.granule_bytes, &used);
        counts[mobility]++;
        if (mobility == MOBILITY_FAILED)
            count_failure(pinned, granule);
    }
    spin_unlock(&page_lock);
    pinned->nr_idle = counts[MOBILITY_IDLE];
    pinned->nr_movable = counts[MOBILITY_MOVABLE];
    pinned->nr_failed = counts[MOBILITY_FAILED];
    pinned->nr_user = counts[MOBILITY_UNMOVABLE];
    pinned->nr_metadata = counts[MOBILITY_METADATA];
}
