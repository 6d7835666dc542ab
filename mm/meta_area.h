/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bitmaps in plugged memory, for a machine whose boot RAM is too small for
 * them: whole areas, each with a head in its first frame and 511 frames to
 * give. They pin their blocks only for as long as boot RAM has no room: then
 * meta_area_retreat() brings them home. All with page_lock held.
 */
#ifndef TIDE_MM_META_AREA_H
#define TIDE_MM_META_AREA_H

#include "mm/group.h"

/* Boot only: there are none. */
void meta_area_init(void);

/* A frame for a bitmap of the group; NULL if no area is idle. */
void *meta_area_get(const struct group *group);

/* True if the frame came from here; and give it back. */
bool meta_area_has(const void *frame);
void meta_area_put(const void *frame);

/* Move bitmaps to boot RAM, as many as it has room for above the reserve; all that it has room for
 * when nothing but bitmaps is in use in plugged memory. */
void meta_area_retreat(void);

#endif
