/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In a kernel built with DEBUG=1, what mm tells of pages that are freed and
 * allocated, to whoever set page_debug. In any other build all this is nothing.
 */
#ifndef TIDE_MM_PAGE_DEBUG_H
#define TIDE_MM_PAGE_DEBUG_H

#include "include/types.h"

#ifdef TIDE_DEBUG
#define PAGE_DEBUG true
#else
#define PAGE_DEBUG false
#endif

struct page_debug {
    /* The caller is about to free the frames, if they are in use. page_lock held. */
    void (*freed)(paddr_t paddr, u64 nr_frames);
    /* They were just allocated. With or without page_lock. */
    void (*taken)(paddr_t paddr, u64 nr_frames);
    /* The range comes online: what its frames held is gone. page_lock held. */
    void (*forget)(paddr_t base, u64 bytes);
};

extern const struct page_debug *page_debug; /* with DEBUG=1; NULL: nobody wants to know */

static inline void page_debug_freed(paddr_t paddr, u64 nr_frames)
{
    if (PAGE_DEBUG && page_debug)
        page_debug->freed(paddr, nr_frames);
}

/* Returns paddr, which may be PADDR_NONE. */
static inline paddr_t page_debug_taken(paddr_t paddr, u64 nr_frames)
{
    if (PAGE_DEBUG && page_debug && paddr != PADDR_NONE)
        page_debug->taken(paddr, nr_frames);
    return paddr;
}

static inline void page_debug_forget(paddr_t base, u64 bytes)
{
    if (PAGE_DEBUG && page_debug)
        page_debug->forget(base, bytes);
}

#endif
