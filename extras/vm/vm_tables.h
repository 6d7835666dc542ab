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
 * Make the pages that lie in a range unreachable, but remember them; none lies partly in it. And
 * make the page that is held at an address reachable again, with other frames. One store an entry:
 * another processor that walks the tables sees the old or the new.
 */
void page_tables_hold(struct page_tables *tables, u64 start, u64 bytes);
void page_tables_resume(struct page_tables *tables, u64 address, paddr_t paddr);

#endif
