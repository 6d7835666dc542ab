/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator's own memory: leaves, groups and bitmaps, one frame at a time.
 *
 * It comes from boot RAM, so that it pins no block: first from early_alloc(),
 * then from the allocator itself; bitmaps from plugged memory (meta_area.h) when
 * boot RAM is down to the kernel's reserve. Only the pointer in a group leads to
 * a bitmap. All with page_lock held.
 */
#ifndef TIDE_MM_META_H
#define TIDE_MM_META_H

#include "mm/group.h"

/* Boot only: take frames from early_alloc() until meta_end_early(). */
void meta_init(void);
void meta_end_early(void);

/* The group at paddr, made if it is not there; NULL if no frame can be had. */
struct group *meta_get_group(paddr_t paddr);

/* Forget a group with nothing present, and keep the struct for the next. */
void meta_drop_group(struct group *group);

/* Give the group a bitmap, contents undefined, if it has none; false if no frame can be had. */
bool meta_need_bitmap(struct group *group);

/*
 * The same for both bitmaps, as odd areas need them; they may have the reserve, for memory comes
 * and goes with them. The present bitmap is all zeros at first, which is right while no area is
 * odd.
 */
bool meta_need_odd_bitmaps(struct group *group);

#ifdef TIDE_DEBUG
/* The bits of poison.h, all zeros at first; they stay until the group goes. */
bool meta_need_poison_bitmap(struct group *group);
#endif

/* Give the bitmaps back, if the group is not boot RAM. No area is AREA_SMALL. */
void meta_drop_bitmap(struct group *group);

/* The most frames that one run of so many bytes of the range [base, base + range_bytes) needs to
 * come online, less what is kept from earlier times. O(range / 32 GiB). */
u64 meta_frames_for(paddr_t base, u64 range_bytes, u64 bytes);

/* Frames that all of the above occupy now. */
u64 meta_frames(void);

#endif
