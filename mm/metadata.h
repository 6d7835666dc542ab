/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator's own memory: radix nodes, sections and bitmaps, one frame at a
 * time.
 *
 * It lies in boot RAM, so that it keeps no block plugged; bitmaps go to plugged
 * memory (metadata_pool.h) while boot RAM is down to the kernel's reserve. Only
 * the pointer in a section leads to a bitmap, so bitmaps can move. page_lock held.
 */
#ifndef TIDE_MM_METADATA_H
#define TIDE_MM_METADATA_H

#include "mm/section.h"

/* Where frames of boot RAM come from. To place a page needs metadata, whose frames are placed in
 * turn: this lower file reaches the higher one by callbacks. */
struct metadata_source {
    paddr_t (*alloc)(void); /* one frame, of the reserve too; PADDR_NONE when boot RAM is out */
    void (*free)(paddr_t frame);
    bool (*has_above_reserve)(u64 nr_frames);
    bool (*is_looked_at)(const void *frame); /* a reservation points there, maybe an old one */
};

/* No metadata yet; `source` is kept. Boot only. */
void metadata_init(const struct metadata_source *source);

/* From now on frames come from here. */
void metadata_set_source(const struct metadata_source *source);

/* Make the sections of a range that are missing; false without a frame for them. */
bool metadata_need_sections(paddr_t base, paddr_t end);

/* Forget a section with nothing present; its struct is kept for the next. */
void metadata_drop_section(struct section *section);

/* Free the frames of structs and nodes that nothing is kept in: nodes of the range, where nothing
 * is present. O(frames of unused structs + range / 32 GiB). */
void metadata_trim(paddr_t base, u64 range_bytes);

/* Give the section a bitmap, contents undefined, if it has none; false without a frame for it. */
bool metadata_need_bitmap(struct section *section);

/*
 * The same for both bitmaps, as partial pageblocks need them. They may take the
 * reserve, as memory cannot come or go without them. A new present bitmap is all
 * zeros, which is right while no pageblock is partial.
 */
bool metadata_need_partial_bitmaps(struct section *section);

#ifdef TIDE_DEBUG
/* The same for section->poisoned, all zeros at first; it stays until the section goes. */
bool metadata_need_poison_bitmap(struct section *section);
#endif

/* Free the bitmaps of a section without split pageblocks. Boot RAM keeps its own. */
void metadata_drop_bitmaps(struct section *section);

/* The most frames that one run of so many bytes in [base, base + range_bytes) needs to come
 * online, less what is kept from earlier. O(range / 32 GiB). */
u64 metadata_frames_for(paddr_t base, u64 range_bytes, u64 bytes);

/* Frames in use for all of the above. */
u64 metadata_frames(void);

#endif
