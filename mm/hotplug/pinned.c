/* SPDX-License-Identifier: BSD-2-Clause */
/* What keeps blocks from being unplugged. See pinned.h and hotplug_count_pinned(). */
#include "mm/hotplug/pinned.h"

#include "lib/bitmap.h"
#include "mm/hotplug/hotplug.h"
#include "mm/index.h"
#include "mm/page_internal.h"

/* Frames in use, of an area that is present. */
static u64 area_used(struct area_ref ref, u32 entry)
{
    if (entry & AREA_ODD)
        return bitmap_count_range(area_present_words(ref), 0, AREA_FRAMES) - (entry & AREA_FREE);
    if (entry & AREA_SMALL)
        return AREA_FRAMES - (entry & AREA_FREE);
    return entry & (AREA_WHOLE | AREA_META) ? AREA_FRAMES : 0;
}

static enum content area_content(struct area_ref ref, u64 *used)
{
    if (!ref.group || !(ref.group->present & area_bit(ref)))
        return ABSENT;
    u32 entry = __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED);
    u64 frames = area_used(ref, entry);
    *used += frames;
    if (frames == 0)
        return IDLE;
    if (entry & AREA_META && !is_closed_whole(entry))
        return METADATA;
    if (entry & AREA_MOVABLE)
        return ref.group->refused & area_bit(ref) ? REFUSED : MOVABLE;
    return USER;
}

enum content unit_content(paddr_t unit, u64 unit_bytes, u64 *used)
{
    enum content worst = ABSENT;
    *used = 0;
    for (paddr_t at = unit; at < unit + unit_bytes; at += AREA_BYTES) {
        enum content content = area_content(index_area(at), used);
        if (content > worst)
            worst = content;
    }
    return worst;
}

/* The owner that refused first, from the top. */
static void count_refusal(struct hotplug_pinned *pinned, paddr_t unit)
{
    u64 used = 0;
    for (paddr_t at = unit + pinned->unit_bytes; at > unit;) {
        at -= AREA_BYTES;
        u32 entry = __atomic_load_n(area_entry(index_area(at)), __ATOMIC_RELAXED);
        if (area_content(index_area(at), &used) == REFUSED) {
            pinned->nr_refused_by[movable_owner(entry)->number]++;
            return;
        }
    }
}

void hotplug_count_pinned(paddr_t from, paddr_t to, struct hotplug_pinned *pinned)
{
    struct hotplug_units units;
    u64 counts[NR_CONTENTS] = {0};
    if (!hotplug_find_units(from, to, &units) || units.blocks_per_unit != 1)
        units = (struct hotplug_units){align_up(from, AREA_BYTES), align_down(to, AREA_BYTES),
                                       AREA_BYTES, 0};
    *pinned = (struct hotplug_pinned){.unit_bytes = units.unit_bytes};
    spin_lock(&page_lock);
    hold_end_all(HOLD_IDLE);
    for (paddr_t unit = units.from; unit < units.to; unit += units.unit_bytes) {
        u64 used;
        enum content content = unit_content(unit, units.unit_bytes, &used);
        counts[content]++;
        if (content == REFUSED)
            count_refusal(pinned, unit);
    }
    spin_unlock(&page_lock);
    pinned->nr_idle = counts[IDLE];
    pinned->nr_movable = counts[MOVABLE];
    pinned->nr_refused = counts[REFUSED];
    pinned->nr_user = counts[USER];
    pinned->nr_metadata = counts[METADATA];
}
