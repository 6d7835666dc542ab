/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of page.h share. */
#ifndef TIDE_MM_PAGE_INTERNAL_H
#define TIDE_MM_PAGE_INTERNAL_H

#include "mm/page.h"

/* page_alloc() for a reservation, which is not told to page_debug.h. */
paddr_t page_alloc_reserved(unsigned order, unsigned number);

/* page_free() of what page_alloc_reserved() gave and nobody has used. */
#ifdef TIDE_DEBUG
void page_free_untouched(paddr_t paddr, unsigned order);
#else
#define page_free_untouched page_free
#endif

/* page_free(paddr, 0) with page_lock held. */
void page_free_frame_locked(paddr_t paddr);

/* No owners. Boot only. */
void page_owner_init(void);

struct page_owner *page_owner_of(unsigned number);

/* All boot RAM is of node 0. Boot only. */
void page_node_init(void);

#endif
