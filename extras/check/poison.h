/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poison, in a kernel built with DEBUG=1: a page that is freed is filled with a
 * pattern, and looked at when it is allocated again. Who wrote to it meanwhile
 * ends the kernel, with address, offset and value.
 *
 * Frames that nobody has freed are neither read nor written: a bit for each
 * frame, made with the first free in its section, says which ones hold the
 * pattern. A section for whose bits there is no boot RAM above the reserve goes
 * without. In any other build all this is nothing.
 */
#ifndef TIDE_EXTRAS_CHECK_POISON_H
#define TIDE_EXTRAS_CHECK_POISON_H

#include "mm/page.h"
#include "mm/section.h"

#ifdef TIDE_DEBUG

/* What a freed page is full of: as a pointer, one that no processor follows. */
#define POISON_WORD 0xf4eedf4eedf4eedf

/*
 * The caller is about to free the page. What is not a page in use stays as it
 * is, for page_free() to complain of. Takes page_lock, or is called with it.
 */
void poison_freed(paddr_t paddr, unsigned order);
void poison_freed_locked(paddr_t paddr, u64 nr_frames);

/* The frames were just allocated: look at those that were freed before. Returns paddr, which may
 * be PADDR_NONE. With or without page_lock. */
paddr_t poison_taken(paddr_t paddr, u64 nr_frames);

/* The range comes online: what its frames held when they were freed is gone. With page_lock. */
void poison_forget(paddr_t base, u64 bytes);

#else

static inline void poison_freed(paddr_t paddr, unsigned order)
{
    (void)paddr;
    (void)order;
}

static inline void poison_freed_locked(paddr_t paddr, u64 nr_frames)
{
    (void)paddr;
    (void)nr_frames;
}

static inline paddr_t poison_taken(paddr_t paddr, u64 nr_frames)
{
    (void)nr_frames;
    return paddr;
}

static inline void poison_forget(paddr_t base, u64 bytes)
{
    (void)base;
    (void)bytes;
}

#endif
#endif
