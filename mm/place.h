/* SPDX-License-Identifier: BSD-2-Clause */
/* Placement: which pageblock an allocation comes from. See place.c. page_lock held. */
#ifndef TIDE_MM_PLACE_H
#define TIDE_MM_PLACE_H

#include "mm/section.h"

/* Allocate for this processor's reservation, which may have another pageblock afterwards;
 * PADDR_NONE without memory. */
paddr_t place(unsigned order, unsigned number);

/* One frame of boot RAM, of the reserve too, for mm itself or a page table; or PADDR_NONE. */
paddr_t place_boot_frame(void);

/* Allocate as PAGE_USER from whole pageblocks in [from, to), of boot RAM or of plugged memory.
 * Reserves nothing. */
paddr_t place_between(unsigned order, paddr_t from, paddr_t to, bool boot);

/* Boot RAM has so many frames above what users must leave. */
bool place_above_reserve(u64 nr_frames);

/* The reservation may take so many frames of boot RAM, or of plugged memory. */
bool place_may_use(bool boot, unsigned number, u64 nr_frames);

#endif
