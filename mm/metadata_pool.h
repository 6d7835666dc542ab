/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bitmaps in plugged memory, for a machine whose boot RAM is too small for
 * them: whole pageblocks, each with a head in its first frame and 511 frames to
 * give. They pin their blocks only for as long as boot RAM has no room: then
 * metadata_migrate_home() brings them home. All with page_lock held.
 */
#ifndef TIDE_MM_METADATA_POOL_H
#define TIDE_MM_METADATA_POOL_H

#include "mm/section.h"

/* Boot only: there are none. */
void metadata_pool_init(void);

/* A frame for a bitmap of the section; NULL if no pageblock is idle. */
void *metadata_pool_get(const struct section *section);

/* True if the frame came from here; and give it back. */
bool metadata_pool_has(const void *frame);
void metadata_pool_put(const void *frame);

/* Move bitmaps to boot RAM, as many as it has room for above the reserve; all that it has room for
 * when nothing but bitmaps is in use in plugged memory. */
void metadata_migrate_home(void);

#endif
