/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Movable pages allocated and freed together, with one lock for as many of them as
 * begin in one word of a pageblock's bits. For migration.
 */
#ifndef TIDE_MM_PAGE_BATCH_H
#define TIDE_MM_PAGE_BATCH_H

#include "include/units.h"
#include "mm/page.h"

/* Pages of one order, bit i for one that begins at base + i frames; base is aligned to 64. */
struct page_batch {
    paddr_t base;
    u64 pages;
};

/* The lowest page of a batch that has one. */
static inline paddr_t page_batch_first(struct page_batch batch)
{
    return batch.base + ((paddr_t)(unsigned)__builtin_ctzll(batch.pages) << PAGE_SHIFT);
}

/*
 * One to `nr` pages of the owner, as page_alloc_movable() gives; none without memory.
 * O(pages), with few instructions for each after the first.
 */
must_check struct page_batch page_alloc_batch(const struct page_owner *owner, u64 nr);

/* page_free() for each page of the batch, which may be empty. */
void page_free_batch(const struct page_owner *owner, struct page_batch batch);

#endif
