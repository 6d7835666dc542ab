/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a granule of unplugging holds: a block, or several where one is not whole pageblocks.
 * Read from the entries and masks alone, with page_lock held; others may allocate
 * and free meanwhile, so the answer is for choosing and for reports.
 */
#ifndef TIDE_MM_HOTPLUG_PINNED_H
#define TIDE_MM_HOTPLUG_PINNED_H

#include "mm/pageblock.h"

/* In the order of what weighs more. */
enum mobility {
    ABSENT, /* all of it is */
    IDLE,
    MOVABLE,
    REFUSED, /* movable, and the owner of a page refused in this session */
    USER,
    METADATA,
    NR_MOBILITIES,
};

/* The most of what its pageblocks hold; the frames in use in it go to *used. */
enum mobility granule_mobility(paddr_t granule, u64 granule_bytes, u64 *used);

/* A pageblock of the owner's largest order, in a block that is being emptied. */
static inline bool is_isolated_huge(u32 entry)
{
    return (entry & PB_ISOLATED_HUGE) == PB_ISOLATED_HUGE;
}

#endif
