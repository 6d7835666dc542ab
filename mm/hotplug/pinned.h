/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a unit of unplugging holds: a block, or several where one is not whole areas.
 * Read from the entries and masks alone, with page_lock held; others may allocate
 * and free meanwhile, so the answer is for choosing and for reports.
 */
#ifndef TIDE_MM_HOTPLUG_PINNED_H
#define TIDE_MM_HOTPLUG_PINNED_H

#include "mm/area.h"

/* In the order of what weighs more. */
enum content {
    ABSENT, /* all of it is */
    IDLE,
    MOVABLE,
    REFUSED, /* movable, and the owner of a page refused in this session */
    USER,
    METADATA,
    NR_CONTENTS,
};

/* The most of what its areas hold; the frames in use in it go to *used. */
enum content unit_content(paddr_t unit, u64 unit_bytes, u64 *used);

/* An area of the owner's largest order, in a block that is being emptied. */
static inline bool is_closed_whole(u32 entry)
{
    return (entry & AREA_CLOSED_WHOLE) == AREA_CLOSED_WHOLE;
}

#endif
