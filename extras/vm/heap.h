/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small objects of any size, on frames of the page allocator. An object has the
 * size class above its size: 32 bytes to 1 KiB in powers of two, and whole
 * frames beyond. Objects are aligned to their class, at most to a page; contents
 * are undefined.
 */
#ifndef TIDE_EXTRAS_VM_HEAP_H
#define TIDE_EXTRAS_VM_HEAP_H

#include "include/types.h"

/* The largest object. */
#define HEAP_BYTES_MAX ((size_t)1 << 20)

/* Nothing is allocated. Boot only, after page_init(). */
void heap_init(void);

/* NULL for 0 bytes, above HEAP_BYTES_MAX, or without memory. Not from an interrupt. O(1). */
must_check void *heap_alloc(size_t bytes);

/* With the size that heap_alloc() got; NULL is ignored. A double free panics. */
void heap_free(void *object, size_t bytes);

#endif
