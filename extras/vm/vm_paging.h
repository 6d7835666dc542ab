/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window of addresses (<asm/vm.h>) in the page tables of each processor. Page aligned, page
 * multiples; on the processor that booted, not from an interrupt.
 */
#ifndef TIDE_EXTRAS_VM_VM_PAGING_H
#define TIDE_EXTRAS_VM_VM_PAGING_H

#include "include/types.h"

/*
 * Show the bytes of RAM at paddr at an address in [VM_BASE, VM_BASE + VM_BYTES), readable and
 * writable, never executable; all that follows is like this: on the processor that booted. In pages
 * of 2 MiB where both addresses are aligned and they fit, else of 4 KiB. E_NOMEM as above.
 */
must_check int platform_vm_map(u64 address, paddr_t paddr, u64 bytes);

/*
 * Hold the page at an address, and remember it; returns its size. After the flush no processor can
 * reach it. An access waits until the page is moved or resumed, or is a page fault once it is
 * unmapped; from this processor it is always a fault. While a page is held the caller must take no
 * lock that a processor may have while it uses a page.
 */
u64 platform_vm_hold(u64 address);
void platform_vm_flush(u64 address, u64 bytes);

/* Move a page that is held and flushed to other frames, and resume it there. It is copied only if
 * it was written to since it was mapped: until then its contents are undefined. */
void platform_vm_move(u64 address, paddr_t paddr);

/* Resume a page that is held, where it is. */
void platform_vm_resume(u64 address);

/* The page at an address, held or not: its size and where it is now; 0 if there is none. */
u64 platform_vm_page(u64 address, paddr_t *paddr);

/* Forget the pages of a range, held or not. Frees the tables that become empty. */
void platform_vm_unmap(u64 address, u64 bytes);

/* How often a processor has waited for a page that was held (platform_vm_hold()). */
u64 paging_nr_waits(void);

#endif
