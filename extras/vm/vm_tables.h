/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables whose pages are not at their frames' addresses, and may be held back for a while. */
#ifndef TIDE_EXTRAS_VM_TABLES_H
#define TIDE_EXTRAS_VM_TABLES_H

#include "arch/x86_64/page_tables.h"

/* page_tables_map() at addresses that are not the frames': the range shows what begins at paddr.
 * Both are aligned alike, to the largest page allowed that fits. */
must_check int page_tables_map_to(struct page_tables *tables, u64 start, paddr_t paddr, u64 bytes,
                                  u64 flags, unsigned largest);

/*
 * Make the page at an address unreachable, but remember it; returns its size. There is
 * one. One change of an entry: another processor that walks the tables sees the old
 * or the new.
 */
u64 page_tables_hold(struct page_tables *tables, u64 address);

/* Make a page that is held reachable again. */
void page_tables_resume(struct page_tables *tables, u64 address);

/*
 * The same with other frames. They get the contents, but not if no processor has
 * written to the page at this address since it was mapped: the entry tells that, and goes on to
 * tell it. The processors' caches were flushed after the hold.
 */
void page_tables_move(struct page_tables *tables, u64 address, paddr_t paddr);

#endif
