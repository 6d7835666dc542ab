/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: what paging.c offers beyond platform.h and arch.h. */
#ifndef TIDE_ARCH_PAGING_H
#define TIDE_ARCH_PAGING_H

#include "include/types.h"

/* Load the kernel's page tables on this processor. */
void paging_load(void);

/* Flush the translations of a range, or all of them, on this processor. Any context. */
void paging_flush_here(u64 address, u64 bytes);
void paging_flush_all_here(void);

/* For an extra that maps more than the identity map: the kernel's tables; and, once the processors
 * were flushed, to free those that became empty. As platform_map_ram(). */
struct page_tables *paging_tables(void);
void paging_give_back_released(void);

/*
 * Make [paddr, paddr + bytes), of any alignment, readable: pages that are mapped stay as they are,
 * the others are mapped read-only. For firmware tables. E_RANGE, E_NOMEM.
 */
must_check int paging_map_firmware(paddr_t paddr, u64 bytes);

#endif
