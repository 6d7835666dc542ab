/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What placement knows of a pageblock: its free list, the order that it is for, and
 * how much of it a search found free. Numbers, kept bit by bit in masks of the section, so that
 * all pageblocks with a number are found at once, in a few words. page_lock held.
 */
#ifndef TIDE_MM_PAGEBLOCK_PLACE_H
#define TIDE_MM_PAGEBLOCK_PLACE_H

#include "mm/account.h"
#include "mm/section.h"

/* The pageblocks that have this number in the masks of the number's bits. */
static inline u64 section_with_number(const u64 *masks, unsigned nr_bits, unsigned number)
{
    u64 others = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < nr_bits; i++)
        others |= masks[i] ^ -(u64)(number >> i & 1);
    return ~others;
}

static inline unsigned section_number(const u64 *masks, unsigned nr_bits, unsigned index)
{
    unsigned number = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < nr_bits; i++)
        number |= (unsigned)(masks[i] >> index & 1) << i;
    return number;
}

static inline void section_set_number(u64 *masks, unsigned nr_bits, unsigned index, unsigned number)
{
#pragma GCC unroll 4
    for (unsigned i = 0; i < nr_bits; i++)
        masks[i] = (masks[i] & ~((u64)1 << index)) | (u64)(number >> i & 1) << index;
}

/* The pageblocks that stand on the free list. */
static inline u64 section_on_list(const struct section *section, unsigned list)
{
    return section->listed & section_with_number(section->free_lists, LIST_BITS, list);
}

/* The order that an unmovable pageblock is for. While it stands on no free list. */
static inline void pageblock_set_order(struct pageblock pb, unsigned order)
{
    section_set_number(pb.section->orders, ORDER_BITS, pb.index, order);
}

static inline unsigned pageblock_order(struct pageblock pb)
{
    return section_number(pb.section->orders, ORDER_BITS, pb.index);
}

/* How many whole quarters of it a search found free since it stands on its free list; 0 to 3. */
static inline unsigned pageblock_free_quarters(struct pageblock pb)
{
    return section_number(pb.section->free_quarters, QUARTER_BITS, pb.index);
}

static inline void pageblock_set_free_quarters(struct pageblock pb, unsigned quarters)
{
    section_set_number(pb.section->free_quarters, QUARTER_BITS, pb.index, quarters);
}

/* More than one in four of those on a free list have emptied by a quarter. */
static inline bool place_is_sparse(void)
{
    return account_listed[LISTED_EMPTIED] * 3 > account_listed[LISTED_FULL];
}

/* Split: how many whole quarters of its frames are free; not all four, as it is not idle. */
static inline unsigned entry_free_quarters(u32 entry)
{
    return (entry & PB_FREE) / (PAGEBLOCK_FRAMES / 4);
}

/* As many for a search; in sparse memory one at most, so that it finds the lowest. */
static inline unsigned entry_quarters_to_find(u32 entry)
{
    unsigned quarters = entry_free_quarters(entry);
    return quarters > 1 && place_is_sparse() ? 1 : quarters;
}

#endif
