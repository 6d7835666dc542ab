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

/* Pageblocks on a free list: unmovable ones of plugged memory of which a search found less than a
 * quarter free, or that and more; and all others. */
enum listed_kind { LISTED_FULL, LISTED_EMPTIED, LISTED_OTHER };
extern u64 account_listed[LISTED_OTHER + 1];

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
