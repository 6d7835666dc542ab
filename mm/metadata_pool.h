/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bitmaps in plugged memory, for a machine whose boot RAM is too small for
 * them: whole pageblocks, each with a head in its first frame and 511 frames for
 * bitmaps. They keep their blocks plugged, so hotplug/metadata_home.h moves
 * them to boot RAM as soon as it has room. page_lock held.
 */
#ifndef TIDE_MM_METADATA_POOL_H
#define TIDE_MM_METADATA_POOL_H

#include "mm/section.h"

/* The pool is empty. Boot only. */
void metadata_pool_init(void);

/* A frame for a bitmap of the section; NULL if no plugged pageblock is idle. */
void *metadata_pool_get(const struct section *section);

/* True if the frame belongs to the pool; and give it back. */
bool metadata_pool_has(const void *frame);
void metadata_pool_put(const void *frame);

/* A bitmap in the pool and the section whose it is; NULL if the pool is empty. */
void *metadata_pool_first(struct section **section);

/* All frames of the pool's pageblocks. */
u64 metadata_pool_frames(void);

#endif
