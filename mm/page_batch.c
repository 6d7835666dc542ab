/* SPDX-License-Identifier: BSD-2-Clause */
/* See page_batch.h. */
#include "mm/page_batch.h"

#include "lib/bitmap.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/page_debug.h"
#include "mm/page_internal.h"
#include "mm/reservation.h"

#define WORD_BYTES (64 * PAGE_BYTES)

/* ---- allocating ---- */

/* Take up to `nr` pages more from the word of the reservation, if it is the one at `base`. */
static u64 take_more(struct reservation *reservation, paddr_t base, unsigned order, u64 nr)
{
    u32 entry = pageblock_lock(reservation->pageblock);
    u64 taken = 0;
    if ((entry & PB_RESERVED) == reservation->tag && reservation->base == base) {
        u64 starts = frame_bits_run_starts(*reservation->word, order);
        for (; starts != 0 && nr > 0; nr--) {
            taken |= starts & -starts;
            starts &= starts - 1;
            entry -= 1u << order;
        }
        *reservation->word -= taken * frame_bits_mask(order);
    }
    pageblock_unlock(reservation->pageblock, entry);
    return taken;
}

static void tell_taken(struct page_batch batch, unsigned order)
{
    for (; PAGE_DEBUG && batch.pages != 0; batch.pages &= batch.pages - 1)
        page_debug_taken(page_batch_first(batch), (u64)1 << order);
}

struct page_batch page_alloc_batch(const struct page_owner *owner, u64 nr)
{
    unsigned number = RESERVATION_OF_OWNER(owner->number);
    paddr_t first = page_alloc_reserved(owner->order, number);
    if (first == PADDR_NONE)
        return (struct page_batch){0};
    struct page_batch batch = {align_down(first, WORD_BYTES), (u64)1 << frame_bit(first)};
    if (owner->order < FRAME_WORD_ORDER)
        batch.pages |= take_more(own_reservation(number), batch.base, owner->order, nr - 1);
    tell_taken(batch, owner->order);
    return batch;
}

/* ---- freeing ---- */

/* Free the frames, or return false: some are free, or it is not so simple. */
static bool free_bits(paddr_t base, u64 bits)
{
    struct pageblock pb = pageblock_at(base);
    u64 *word = section_word(pb.section, base);
    u64 nr_frames = bitmap_count_ones(bits);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (!(entry & PB_COMPLETE) || (entry & PB_RESERVED) || (*word & bits)) {
        pageblock_unlock(pageblock_entry(pb), entry);
        return false;
    }
    *word |= bits;
    entry += (u32)nr_frames;
    pageblock_unlock(pageblock_entry(pb), entry);
    page_count_freed(entry, nr_frames);
    u32 frames = entry & PB_FREE;
    if (frames == nr_frames || frames == PAGEBLOCK_FRAMES) { /* it was full, or is empty now */
        spin_lock(&page_lock);
        pageblock_requeue(pb, FREE_LIST_TOP);
        spin_unlock(&page_lock);
    }
    return true;
}

/* What cannot be freed at once is left to page_free(), which also finds what is wrong. */
void page_free_batch(const struct page_owner *owner, struct page_batch batch)
{
    if (batch.pages == 0)
        return;
    if (!PAGE_DEBUG && owner->order < FRAME_WORD_ORDER &&
        free_bits(batch.base, batch.pages * frame_bits_mask(owner->order)))
        return;
    for (; batch.pages != 0; batch.pages &= batch.pages - 1)
        page_free(page_batch_first(batch), owner->order);
}
