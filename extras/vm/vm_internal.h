/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vm.c (which addresses) and vm_pages.c (which pages) share. All on the
 * processor that booted.
 */
#ifndef TIDE_EXTRAS_VM_VM_INTERNAL_H
#define TIDE_EXTRAS_VM_VM_INTERNAL_H

#include "include/types.h"

struct vm_area {
    struct vm_area *next; /* by address, in a ring with the list's head */
    struct vm_area *before;
    u64 base;
    u64 bytes;
    const char *name;
    u64 nr_large;
    u64 nr_small;
};

/* No pages. */
void vm_pages_init(void);

/* Give the area all its pages; E_NOMEM, and it has none. */
must_check int vm_pages_add(struct vm_area *area);

/* Take and free the pages of the area. */
void vm_pages_remove(struct vm_area *area);

/* Panic if a page of the area is not what the area and the way back say. */
void vm_pages_check(const struct vm_area *area);

/* Panic if there are more pages than these. */
void vm_pages_check_sum(u64 nr_large, u64 nr_small);

/* Pages moved since the start, and the bytes of the ways back. */
u64 vm_pages_moves(void);
u64 vm_pages_metadata_bytes(void);

#endif
