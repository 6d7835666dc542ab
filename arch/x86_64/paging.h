/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: what paging.c offers beyond platform.h and arch.h. */
#ifndef TIDE_ARCH_PAGING_H
#define TIDE_ARCH_PAGING_H

#include "include/types.h"

/* Make the kernel's page tables this processor's. */
void paging_load(void);

/* Make this processor forget what it knows of a range, or of all addresses. Any context. */
void paging_flush_here(u64 address, u64 bytes);
void paging_flush_all_here(void);

/* True if an access to the address would find a page. Any context. */
bool paging_is_mapped(u64 address);

/*
 * A page was not present. If it is held (platform_vm_hold()), wait as long as it is. True if it is
 * present now, and the access must be tried again. Any context.
 */
bool paging_wait_held(u64 address);

/*
 * Make [paddr, paddr + bytes) readable, whatever the alignment: pages that
 * are mapped already stay as they are, the others are mapped read-only.
 * E_RANGE, E_NOMEM. For firmware tables.
 */
must_check int paging_map_firmware(paddr_t paddr, u64 bytes);

/*
 * Make pages of RAM or firmware that are mapped writable, or executable and read-only. E_INVAL if
 * they meet the kernel's image, E_NOMEM.
 */
must_check int paging_make_executable(paddr_t paddr, u64 bytes);
must_check int paging_make_writable(paddr_t paddr, u64 bytes);

#endif
