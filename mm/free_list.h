/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a pageblock where it can be found: on a free list of its section, or
 * among the idle ones. The section's masks and the free index change together: a
 * pageblock that can serve an allocation is in exactly one class, any other in
 * none. page_lock held.
 */
#ifndef TIDE_MM_FREE_LIST_H
#define TIDE_MM_FREE_LIST_H

#include "mm/section.h"

/*
 * Put the pageblock where its entry says: on a free list, on none, or among the
 * idle. Called with the pageblock locked and its entry's new value; unlocks.
 * `list` is the new free list of an unmovable pageblock.
 */
void pageblock_enqueue(struct pageblock pb, u32 entry, unsigned list);

/* As pageblock_enqueue(), for a pageblock that is not locked. */
void pageblock_requeue(struct pageblock pb, unsigned list);

/*
 * A search found the pageblock, which is locked and in this class, emptier than others of
 * the class: put it right; unlocks.
 */
void pageblock_requeue_emptier(struct pageblock pb, u32 entry, unsigned class);

/* Take the pageblock, which is locked, off its free list, if it stands on one. */
void pageblock_dequeue(struct pageblock pb, u32 entry);

/* The same for one that stands in this class. */
void pageblock_dequeue_from(struct pageblock pb, unsigned class);

#endif
