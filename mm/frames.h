/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames come and go: page-aligned ranges given to the allocator, and taken from it.
 * Whole pageblocks are set a section at a time; a range that begins or ends within
 * a pageblock makes it partial. page_lock held; nothing is mapped here.
 */
#ifndef TIDE_MM_FRAMES_H
#define TIDE_MM_FRAMES_H

#include "include/types.h"

/* Get the metadata that frames_add() needs; false without a frame for it. If the range is not
 * added, frames_tidy() must follow. */
bool frames_prepare(paddr_t base, u64 bytes);

/* Give an absent, prepared range to the allocator. */
void frames_add(paddr_t base, u64 bytes);

/*
 * Take the range away, or change nothing: OK; E_BUSY if a frame is in use, reserved
 * or absent; E_NOMEM. frames_tidy() must follow; it may wait until the range
 * certainly does not come back by frames_add().
 */
int frames_remove(paddr_t base, u64 bytes);

/* Claim every pageblock of a range of whole ones, or none; and make them idle again. */
bool frames_claim_pageblocks(paddr_t base, paddr_t end);
void frames_give_back_pageblocks(paddr_t base, paddr_t end);

/* Free the metadata that the range no longer needs. */
void frames_tidy(paddr_t base, u64 bytes);

/* How many bytes from paddr on are idle without a gap; at most `bytes`. */
u64 frames_idle_run(paddr_t paddr, u64 bytes);

/* The first idle frame at or after paddr and below `end`, or `end`. O(sections + pageblocks in
 * use). */
paddr_t frames_next_idle(paddr_t paddr, paddr_t end);

/* Frames in use in the range. */
u64 frames_used(paddr_t base, u64 bytes);

#endif
