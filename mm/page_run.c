/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of any number of frames. Up to an area's half they are cut from the
 * next larger order; above it they begin with an area and go on in the next.
 */
#include "extras/check/poison.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mm/index.h"
#include "mm/meta.h"
#include "mm/page_internal.h"

/* Free the frames by the largest aligned orders that fit. */
static void free_pieces(paddr_t paddr, u64 nr_frames, void (*free)(paddr_t paddr, unsigned order))
{
    while (nr_frames > 0) {
        unsigned order = PAGE_ORDER_MAX;
        while (!is_aligned(paddr, PAGE_BYTES << order) || (u64)1 << order > nr_frames)
            order--;
        free(paddr, order);
        paddr += PAGE_BYTES << order;
        nr_frames -= (u64)1 << order;
    }
}

static paddr_t alloc_short(u64 nr_frames, enum page_kind kind)
{
    unsigned order = 0;
    while ((u64)1 << order < nr_frames)
        order++;
    paddr_t paddr = page_alloc_slot(order, kind);
    if (paddr != PADDR_NONE)
        free_pieces(paddr + nr_frames * PAGE_BYTES, ((u64)1 << order) - nr_frames,
                    page_free_untouched);
    return poison_taken(paddr, nr_frames);
}

/* ---- more than half an area; page_lock held ---- */

/* The lowest run of idle areas of the category; PADDR_NONE if there is none. */
static paddr_t find_idle_areas(unsigned category, u64 nr_areas)
{
    paddr_t base = PADDR_NONE;
    paddr_t next = PADDR_NONE;
    u64 found = 0;
    struct area_ref ref;
    for (paddr_t at = 0; found < nr_areas && index_find_from(category, at, &ref); at = next) {
        if (area_base(ref) != next) {
            base = area_base(ref);
            found = 0;
        }
        next = area_base(ref) + AREA_BYTES;
        found++;
    }
    return found == nr_areas ? base : PADDR_NONE;
}

/* An idle area of which the first frames are used from now on. */
static void take_front(struct area_ref ref, u64 nr_frames, bool boot)
{
    u32 *area = area_entry(ref);
    ref.group->small |= area_bit(ref);
    area_lock(area);
    bitmap_set_range(area_words(ref), 0, AREA_FRAMES);
    bitmap_clear_range(area_words(ref), 0, nr_frames);
    u32 entry = AREA_PLAIN | (boot ? AREA_BOOT : 0) | (AREA_FRAMES - (u32)nr_frames);
    area_file(ref, area_with_shelf(entry, SHELF_UNKNOWN), SHELF_UNKNOWN);
}

static void give_back(paddr_t base, u64 nr_areas)
{
    for (u64 i = 0; i < nr_areas; i++) {
        paddr_t at = base + i * AREA_BYTES;
        group_add_idle(index_group(at), (u64)1 << area_index(at));
    }
}

/* All the areas, or none if another processor was faster with one. */
static bool claim(paddr_t base, u64 nr_areas)
{
    for (u64 i = 0; i < nr_areas; i++) {
        paddr_t at = base + i * AREA_BYTES;
        if (!group_claim_one(index_group(at), area_index(at))) {
            give_back(base, i);
            return false;
        }
    }
    return true;
}

static paddr_t take_areas(u64 nr_frames, enum page_kind kind, bool boot)
{
    u64 nr_whole = nr_frames / AREA_FRAMES;
    u64 rest = nr_frames % AREA_FRAMES;
    u64 nr_areas = nr_whole + (rest != 0);
    paddr_t base;
    do {
        base = find_idle_areas(boot ? CATEGORY_IDLE_BOOT : CATEGORY_IDLE_PLUGGED, nr_areas);
        if (base == PADDR_NONE)
            return PADDR_NONE;
    } while (!claim(base, nr_areas));
    paddr_t end = base + nr_whole * AREA_BYTES;
    struct area_ref last = index_area(end);
    if (rest != 0 && !meta_need_bitmap(last.group)) {
        give_back(base, nr_areas);
        return PADDR_NONE;
    }
    for (paddr_t at = base; at < end; at += AREA_BYTES) {
        struct area_ref ref = index_area(at);
        area_lock(area_entry(ref));
        area_unlock(area_entry(ref), page_whole_entry(kind, boot));
    }
    if (rest != 0)
        take_front(last, rest, boot);
    page_charged[boot] += nr_frames;
    return base;
}

static paddr_t place_areas(u64 nr_frames, enum page_kind kind)
{
    for (unsigned i = 0; i < 2; i++) {
        bool boot = page_prefers_boot(kind) == (i == 0);
        if (!place_may_use(boot, kind, nr_frames))
            continue;
        paddr_t paddr = take_areas(nr_frames, kind, boot);
        if (paddr != PADDR_NONE)
            return paddr;
    }
    return PADDR_NONE;
}

paddr_t page_alloc_run(u64 nr_frames, enum page_kind kind)
{
    if (nr_frames == 0)
        panic("page_alloc_run: 0 frames");
    if (nr_frames <= AREA_FRAMES / 2)
        return alloc_short(nr_frames, kind);
    spin_lock(&page_lock);
    paddr_t paddr = PADDR_NONE;
    if (nr_frames <= page_total[false] + page_total[true]) {
        paddr = place_areas(nr_frames, kind);
        if (paddr == PADDR_NONE && hold_end_all(HOLD_ANY))
            paddr = place_areas(nr_frames, kind);
    }
    spin_unlock(&page_lock);
    return poison_taken(paddr, nr_frames);
}

void page_free_run(paddr_t paddr, u64 nr_frames)
{
    if (nr_frames == 0 || !is_aligned(paddr, PAGE_BYTES))
        panic("page_free_run: 0x%llx of %llu frames", (unsigned long long)paddr,
              (unsigned long long)nr_frames);
    free_pieces(paddr, nr_frames, page_free);
}
