/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory before the page allocator: page-aligned runs cut from boot RAM, never
 * given back. page_init() takes over what is left; after it these panic.
 */
#ifndef TIDE_MM_EARLY_H
#define TIDE_MM_EARLY_H

#include "include/boot_info.h"
#include "include/types.h"

/* The kernel's image and the module split at most one range of the boot map in two, each. */
#define EARLY_RANGES_MAX (BOOT_MEMORY_RANGES + 2)

struct early_range {
    paddr_t base;
    u64 bytes;
};

/* Boot only. Leaves alone the image, the loader's module and what is below LOW_PAGES_END. */
void early_init(const struct boot_info *boot);

/*
 * bytes rounded up to pages, below 4 GiB (mapped by the boot page tables),
 * zeroed. Ends the kernel with EXIT_BOOT and the amount when RAM is out.
 */
paddr_t early_alloc(u64 bytes);

/* The free ranges at this moment. For page_init(). */
const struct early_range *early_ranges(unsigned *nr_ranges);

/*
 * For page_init() alone, once: the whole pages of boot RAM that are left, ascending.
 * Returns how many ranges. early_alloc() panics from here on.
 */
unsigned early_finish(struct early_range ranges[EARLY_RANGES_MAX]);

#endif
