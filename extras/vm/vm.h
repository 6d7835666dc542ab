/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual areas: large, contiguous memory on frames that are anywhere, and that
 * mm may move while the memory is in use.
 *
 * page_alloc_run() needs as many frames that are free in a row, and what it gave
 * keeps its blocks plugged. vm_alloc() needs only that enough are free, and never
 * keeps a block plugged: page tables show scattered pages as one area, and when a
 * page moves, show it at the same address. The price: a translation for each page, no
 * fixed physical address (so none for a device), and an access that waits while its
 * page is copied.
 *
 *     u8 *table = vm_alloc(64 * MIB, "hash table");
 *     if (!table)
 *         return E_NOMEM;
 *     table[12345678] = 1;  // from any processor, with any lock held
 *     vm_free(table);
 *
 * Interrupt handlers must not touch an area. Below and above each area is an absent
 * page, so that running over an end is a page fault, which names the area.
 *
 * All functions but vm_describe() belong to the processor that booted, which owns
 * the page tables: called from another one they panic. None may be called from
 * an interrupt.
 */
#ifndef TIDE_EXTRAS_VM_VM_H
#define TIDE_EXTRAS_VM_VM_H

#include "include/types.h"

/*
 * An area of `bytes`, rounded up to whole pages, readable and writable, not executable;
 * undefined contents, which may change until a page is written to for the first time. From 2 MiB on
 * it is aligned to 2 MiB, else to a page. `name` is kept, not copied; it is for reports. NULL for 0
 * bytes, if no such range of addresses is free, or without memory for its pages and their tables;
 * then nothing has changed. O(pages), plus O(areas) at worst.
 *
 * Memory used: pages of 2 MiB while there are idle ones, for which 12 bytes of tables are
 * needed, and pages of 4 KiB, with 12 bytes as well; in plugged memory first.
 */
must_check void *vm_alloc(u64 bytes, const char *name);

/*
 * Free the whole area that vm_alloc() gave; NULL is ignored. An access to it is a page fault from
 * then on, on every processor, and its addresses are not used again soon. An address that is no
 * area's, or was freed before, panics. O(pages + areas).
 */
void vm_free(void *area);

struct vm_area_info {
    void *base;
    u64 bytes;
    const char *name;
    u64 nr_large; /* pages of 2 MiB */
    u64 nr_small; /* pages of 4 KiB */
};

/* The area with the lowest address above `after`, NULL for the first; false at the end. O(areas).
 */
bool vm_next(const void *after, struct vm_area_info *info);

struct vm_stats {
    u64 nr_areas;
    u64 bytes;          /* of all areas */
    u64 nr_moves;       /* pages moved, since boot */
    u64 metadata_bytes; /* page_stats has them too; without page tables */
};

void vm_get_stats(struct vm_stats *stats);

/* Compare page tables, areas and the way back from each frame; panic at the first difference.
 * O(pages). For tests. */
void vm_check(void);

/* What lies at an address of the window; false for any other address. For the trap report: reads
 * only, on any processor, while the others stand still. */
bool vm_describe(u64 address, char *text, size_t bytes);

#endif
