/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many frames there are and how many are in use, of boot RAM ([1]) and of
 * plugged memory ([0]). page_lock held.
 *
 * Frames are counted where pageblocks change hands, not at each allocation: all
 * frames of a reserved pageblock count as used. page_used() in reservation.h
 * takes off those that are still free.
 */
#ifndef TIDE_MM_ACCOUNT_H
#define TIDE_MM_ACCOUNT_H

#include "mm/pageblock.h"

extern u64 account_managed[2];

/* At least as many frames as are in use or reserved: page_used() takes off what was freed. */
extern u64 account_used[2];

/* Unmovable pageblocks of plugged memory on a free list: [1] those of which a search found a
 * quarter free, or more, [0] the others; [2] all other pageblocks on one. */
extern u64 account_listed[3];

/* Frames of the pageblock with this entry were allocated or reserved; or are no more. */
static inline void account_alloc(u32 entry, u64 nr_frames)
{
    account_used[(entry & PB_BOOT) != 0] += nr_frames;
}

static inline void account_free(u32 entry, u64 nr_frames)
{
    account_used[(entry & PB_BOOT) != 0] -= nr_frames;
}

/* All counts are 0. Boot only. */
void account_init(void);

#endif
