/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mobility: whether what an offline granule holds can be moved out of it, as
 * Linux's migratetype says it of a pageblock. Read from entries and masks with
 * page_lock held; other processors allocate and free meanwhile, so the answer is
 * good for choosing and for reports.
 */
#ifndef TIDE_MM_MOBILITY_H
#define TIDE_MM_MOBILITY_H

#include "mm/section.h"

/* In rising order: of a granule the highest of its pageblocks counts. */
enum mobility {
    MOBILITY_ABSENT,
    MOBILITY_IDLE,
    MOBILITY_MOVABLE,
    MOBILITY_FAILED,    /* movable, but the owner of a page refused in this session */
    MOBILITY_UNMOVABLE, /* pages that stay where they are */
    MOBILITY_METADATA,
    NR_MOBILITIES,
};

/* Of one pageblock; its frames in use are added to *used. */
enum mobility pageblock_mobility(struct pageblock pb, u64 *used);

/* The most of its pageblocks; the frames in use go to *used. O(pageblocks). */
enum mobility granule_mobility(paddr_t granule, u64 granule_bytes, u64 *used);

#endif
