/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reverse map: from the number of a page to one 32-bit value, where it is mapped; 0
 * for nowhere. A radix tree of frames: 4 bytes for each page of a range that has any,
 * and three frames above. Frames without values are freed.
 *
 * No lock: one processor at a time.
 */
#ifndef TIDE_EXTRAS_VM_VM_RMAP_H
#define TIDE_EXTRAS_VM_VM_RMAP_H

#include "include/types.h"

#define VM_RMAP_ROOT_ENTRIES 128u

struct vm_rmap {
    u64 root[VM_RMAP_ROOT_ENTRIES]; /* all 0 at first */
    u64 nr_frames;                  /* that the tree has */
    u64 nr_values;                  /* other than 0 */
};

/* Numbers from 0 to below this: all pages of 4 KiB below 2^47. */
#define VM_RMAP_NUMBERS ((u64)1 << 35)

/* Make the value of a number that has none, not 0. E_NOMEM, and nothing has changed. O(1). */
must_check int vm_rmap_set(struct vm_rmap *rmap, u64 number, u32 value);

/* 0 if it has none. O(1). */
u32 vm_rmap_get(const struct vm_rmap *rmap, u64 number);

/* The value of a number, then those of the numbers that follow it, up to the next multiple of
 * 1024; NULL if all are 0. Until the next change. O(1). */
const u32 *vm_rmap_values(const struct vm_rmap *rmap, u64 number);

/* The first of such values from [i] on that is not 0; `end` if there is none below. O(end - i). */
static inline unsigned vm_rmap_next(const u32 *values, unsigned i, unsigned end)
{
    while (i < end && values[i] == 0) {
        bool skips = i + 4 <= end && (values[i + 1] | values[i + 2] | values[i + 3]) == 0;
        i += skips ? 4 : 1;
    }
    return i;
}

/*
 * Give the value of a number to another one, which has none, and return it. 0, and nothing has
 * changed, if there is no value, or without memory. O(1).
 */
must_check u32 vm_rmap_move(struct vm_rmap *rmap, u64 from, u64 to);

/* Take the value of a number that has one. O(1). */
void vm_rmap_clear(struct vm_rmap *rmap, u64 number);

#endif
