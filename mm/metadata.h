/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator's own memory: leaves, sections and bitmaps, one frame at a time.
 *
 * It comes from boot RAM, so that it pins no block: first from early_alloc(),
 * then from the allocator itself; bitmaps from plugged memory (metadata_pool.h) when
 * boot RAM is down to the kernel's reserve. Only the pointer in a section leads to
 * a bitmap. All with page_lock held.
 */
#ifndef TIDE_MM_METADATA_H
#define TIDE_MM_METADATA_H

#include "mm/section.h"

/* Boot only: take frames from early_alloc() until metadata_end_early(). */
void metadata_init(void);
void metadata_end_early(void);

/* The section at paddr, made if it is not there; NULL if no frame can be had. */
struct section *metadata_get_section(paddr_t paddr);

/* Forget a section with nothing present, and keep the struct for the next. */
void metadata_drop_section(struct section *section);

/* Give the section a bitmap, contents undefined, if it has none; false if no frame can be had. */
bool metadata_need_bitmap(struct section *section);

/*
 * The same for both bitmaps, as partial pageblocks need them; they may have the reserve, for memory
 * comes and goes with them. The present bitmap is all zeros at first, which is right while no
 * pageblock is partial.
 */
bool metadata_need_partial_bitmaps(struct section *section);

#ifdef TIDE_DEBUG
/* The bits of poison.h, all zeros at first; they stay until the section goes. */
bool metadata_need_poison_bitmap(struct section *section);
#endif

/* Give the bitmaps back, if the section is not boot RAM. No pageblock is PB_SPLIT. */
void metadata_drop_bitmaps(struct section *section);

/* The most frames that one run of so many bytes of the range [base, base + range_bytes) needs to
 * come online, less what is kept from earlier times. O(range / 32 GiB). */
u64 metadata_frames_for(paddr_t base, u64 range_bytes, u64 bytes);

/* Frames that all of the above occupy now. */
u64 metadata_frames(void);

#endif
