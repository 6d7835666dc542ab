/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving the pages out of one pageblock. They are found, given places and freed by
 * words of its bits, 64 frames at a time, so that no lock is taken for each of them.
 * Others may free pages of the pageblock meanwhile, but nobody allocates there.
 */
#include "mm/hotplug/hotplug_internal.h"

#include "include/status.h"
#include "lib/bitmap.h"
#include "mm/frame_bits.h"
#include "mm/free_index.h"
#include "mm/page_batch.h"
#include "mm/page_internal.h"

static void mark(struct pageblock pb, u64 *mask)
{
    if (__atomic_load_n(mask, __ATOMIC_RELAXED) & pageblock_bit(pb))
        return;
    spin_lock(&page_lock);
    *mask |= pageblock_bit(pb);
    spin_unlock(&page_lock);
}

/* The pages in use that begin in a word of the pageblock's bits. */
static struct page_batch pages_in_use(struct pageblock pb, unsigned word, unsigned order)
{
    u64 used = 0;
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (entry & PB_SPLIT)
        used = ~pageblock_free_bits(pb)[word];
    else if (is_isolated_huge(entry))
        used = 1;
    if (entry & PB_PARTIAL)
        used &= pageblock_present_bits(pb)[word];
    pageblock_unlock(pageblock_entry(pb), entry);
    u64 pages = order < FRAME_WORD_ORDER ? frame_bits_run_starts(used, order) : used & 1;
    return (struct page_batch){pageblock_base(pb) + ((paddr_t)word * 64 << PAGE_SHIFT), pages};
}

static bool is_in_use(struct pageblock pb, paddr_t page, unsigned order)
{
    unsigned frame = frame_index(page);
    return (pages_in_use(pb, frame / 64, order).pages >> frame % 64 & 1) != 0;
}

/* Move pages of *left, from the lowest on, as long as there are targets. */
static int move_batch(struct pageblock pb, struct page_owner *owner, struct page_batch *left,
                      struct page_batch targets, u64 *moved)
{
    struct pageblock target_pb = pageblock_at(targets.base);
    u64 all = targets.pages;
    int status = E_AGAIN;
    for (; left->pages != 0 && targets.pages != 0 && status == E_AGAIN;
         left->pages &= left->pages - 1) {
        paddr_t from = page_batch_first(*left);
        if (owner->move(owner, from, page_batch_first(targets))) {
            *moved |= left->pages & -left->pages;
            targets.pages &= targets.pages - 1;
        } else if (is_in_use(pb, from, owner->order)) {
            status = E_BUSY;
        }
    }
    if (targets.pages != all)
        mark(target_pb, &target_pb.section->migration_targets);
    page_free_batch(owner, targets);
    return status;
}

/* Move the pages that begin in one word. Results as migrate_pageblock(). */
static int move_word(struct pageblock pb, unsigned word, struct page_owner *owner)
{
    struct page_batch left = pages_in_use(pb, word, owner->order);
    struct page_batch moved = {left.base, 0};
    int status = left.pages == 0 ? OK : E_AGAIN;
    while (left.pages != 0 && status == E_AGAIN) {
        struct page_batch targets = page_alloc_batch(owner, bitmap_count_ones(left.pages));
        if (targets.pages != 0)
            status = move_batch(pb, owner, &left, targets, &moved.pages);
        else if (is_in_use(pb, page_batch_first(left), owner->order))
            status = E_NOMEM;
        else
            left.pages &= left.pages - 1;
    }
    page_free_batch(owner, moved);
    return status;
}

static int move_pages(struct pageblock pb, struct page_owner *owner)
{
    unsigned step = owner->order < FRAME_WORD_ORDER ? 1 : 1u << (owner->order - FRAME_WORD_ORDER);
    int result = OK;
    for (unsigned word = 0; word < PAGEBLOCK_WORDS && (result == OK || result == E_AGAIN);
         word += step) {
        int status = move_word(pb, word, owner);
        if (status != OK)
            result = status;
    }
    if (result == E_BUSY)
        mark(pb, &pb.section->migration_failed);
    return result;
}

int migrate_pageblock(struct pageblock pb)
{
    u32 entry = pb.section ? __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED) : 0;
    if (!(entry & PB_MOVABLE))
        return OK;
    struct page_owner *owner = page_owner_of(entry_owner(entry));
    if (owner->begin)
        owner->begin(owner, pageblock_base(pb));
    int status = move_pages(pb, owner);
    if (owner->end)
        owner->end(owner, pageblock_base(pb));
    return status;
}
