/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of any number of frames. Up to half a pageblock they are cut from the next
 * larger order; longer ones begin with a pageblock and go on in the next.
 */
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/metadata.h"
#include "mm/page_debug.h"
#include "mm/page_internal.h"
#include "mm/place.h"
#include "mm/reservation.h"

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
    paddr_t paddr = page_alloc_reserved(order, kind);
    if (paddr != PADDR_NONE)
        free_pieces(paddr + nr_frames * PAGE_BYTES, ((u64)1 << order) - nr_frames,
                    page_free_untouched);
    return page_debug_taken(paddr, nr_frames);
}

/* ---- more than half a pageblock; page_lock held ---- */

static paddr_t find_idle_pageblocks(unsigned class, u64 nr_pageblocks)
{
    paddr_t base = PADDR_NONE;
    paddr_t next = PADDR_NONE;
    u64 found = 0;
    struct pageblock pb;
    for (paddr_t at = 0; found < nr_pageblocks && free_index_find_from(class, at, &pb); at = next) {
        if (pageblock_base(pb) != next) {
            base = pageblock_base(pb);
            found = 0;
        }
        next = pageblock_base(pb) + PAGEBLOCK_BYTES;
        found++;
    }
    return found == nr_pageblocks ? base : PADDR_NONE;
}

/* Split a claimed pageblock and allocate its first frames. */
static void take_front(struct pageblock pb, u64 nr_frames, bool boot)
{
    u32 *pageblock = pageblock_entry(pb);
    pb.section->split |= pageblock_bit(pb);
    pageblock_lock(pageblock);
    bitmap_set_range(pageblock_free_bits(pb), 0, PAGEBLOCK_FRAMES);
    bitmap_clear_range(pageblock_free_bits(pb), 0, nr_frames);
    u32 entry = PB_COMPLETE | (boot ? PB_BOOT : 0) | (PAGEBLOCK_FRAMES - (u32)nr_frames);
    pageblock_enqueue(pb, entry_with_list(entry, FREE_LIST_TOP), FREE_LIST_TOP);
}

static paddr_t take_pageblocks(u64 nr_frames, enum page_kind kind, bool boot)
{
    u64 nr_whole = nr_frames / PAGEBLOCK_FRAMES;
    u64 rest = nr_frames % PAGEBLOCK_FRAMES;
    u64 nr_pageblocks = nr_whole + (rest != 0);
    paddr_t base, end;
    do {
        base = find_idle_pageblocks(boot ? FREE_IDLE_BOOT : FREE_IDLE_PLUGGED, nr_pageblocks);
        if (base == PADDR_NONE)
            return PADDR_NONE;
        end = base + nr_pageblocks * PAGEBLOCK_BYTES;
    } while (!frames_claim_pageblocks(base, end));
    paddr_t rest_at = base + nr_whole * PAGEBLOCK_BYTES;
    struct pageblock last = pageblock_at(rest_at);
    if (rest != 0 && !metadata_need_bitmap(last.section)) {
        frames_give_back_pageblocks(base, end);
        return PADDR_NONE;
    }
    for (paddr_t at = base; at < rest_at; at += PAGEBLOCK_BYTES) {
        struct pageblock pb = pageblock_at(at);
        pageblock_lock(pageblock_entry(pb));
        pageblock_unlock(pageblock_entry(pb), entry_of_huge(kind, boot));
    }
    if (rest != 0)
        take_front(last, rest, boot);
    account_used[boot] += nr_frames;
    return base;
}

static paddr_t place_pageblocks(u64 nr_frames, enum page_kind kind)
{
    for (unsigned i = 0; i < 2; i++) {
        bool boot = reservation_prefers_boot(kind) == (i == 0);
        if (!place_may_use(boot, kind, nr_frames))
            continue;
        paddr_t paddr = take_pageblocks(nr_frames, kind, boot);
        if (paddr != PADDR_NONE)
            return paddr;
    }
    return PADDR_NONE;
}

paddr_t page_alloc_run(u64 nr_frames, enum page_kind kind)
{
    if (nr_frames == 0)
        panic("page_alloc_run: 0 frames");
    if (nr_frames <= PAGEBLOCK_FRAMES / 2)
        return alloc_short(nr_frames, kind);
    spin_lock(&page_lock);
    paddr_t paddr = PADDR_NONE;
    if (nr_frames <= account_managed[false] + account_managed[true]) {
        paddr = place_pageblocks(nr_frames, kind);
        if (paddr == PADDR_NONE && reservation_end_all(RESERVED_ANY))
            paddr = place_pageblocks(nr_frames, kind);
    }
    spin_unlock(&page_lock);
    return page_debug_taken(paddr, nr_frames);
}

void page_free_run(paddr_t paddr, u64 nr_frames)
{
    if (nr_frames == 0 || !is_aligned(paddr, PAGE_BYTES))
        panic("page_free_run: 0x%llx of %llu frames", (unsigned long long)paddr,
              (unsigned long long)nr_frames);
    free_pieces(paddr, nr_frames, page_free);
}
