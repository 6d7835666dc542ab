/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory before the page allocator: page-aligned runs cut from boot RAM, never
 * given back. page_init() takes over what is left; after it these panic.
 */
#ifndef TIDE_MM_EARLY_H
#define TIDE_MM_EARLY_H

#include "include/boot_info.h"
#include "include/types.h"

/* Boot only. From here on the kernel's image, page 0 and the low 64 KiB are left alone. */
void early_init(const struct boot_info *boot);

/*
 * bytes rounded up to pages, below 4 GiB (mapped by the boot page tables),
 * zeroed. Ends the kernel with EXIT_BOOT and the amount when RAM is out.
 */
paddr_t early_alloc(u64 bytes);

#endif
