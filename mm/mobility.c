/* SPDX-License-Identifier: BSD-2-Clause */
/* See mobility.h. */
#include "mm/mobility.h"

#include "lib/bitmap.h"
#include "mm/free_index.h"

static u64 pageblock_used(struct pageblock pb, u32 entry)
{
    if (entry & PB_PARTIAL)
        return bitmap_count_range(pageblock_present_bits(pb), 0, PAGEBLOCK_FRAMES) -
               (entry & PB_FREE);
    if (entry & PB_SPLIT)
        return PAGEBLOCK_FRAMES - (entry & PB_FREE);
    return entry & (PB_HUGE | PB_METADATA) ? PAGEBLOCK_FRAMES : 0;
}

enum mobility pageblock_mobility(struct pageblock pb, u64 *used)
{
    if (!pb.section || !(pb.section->present & pageblock_bit(pb)))
        return MOBILITY_ABSENT;
    u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED);
    u64 frames = pageblock_used(pb, entry);
    *used += frames;
    if (frames == 0)
        return MOBILITY_IDLE;
    if (entry & PB_METADATA && !is_isolated_huge(entry))
        return MOBILITY_METADATA;
    if (entry & PB_MOVABLE)
        return pb.section->migration_failed & pageblock_bit(pb) ? MOBILITY_FAILED
                                                                : MOBILITY_MOVABLE;
    return MOBILITY_UNMOVABLE;
}

enum mobility granule_mobility(paddr_t granule, u64 granule_bytes, u64 *used)
{
    enum mobility worst = MOBILITY_ABSENT;
    *used = 0;
    for (paddr_t at = granule; at < granule + granule_bytes; at += PAGEBLOCK_BYTES) {
        enum mobility mobility = pageblock_mobility(pageblock_at(at), used);
        if (mobility > worst)
            worst = mobility;
    }
    return worst;
}
