/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes in bytes, the page, and alignment arithmetic on u64.
 * Every alignment argument must be a power of two.
 */
#ifndef TIDE_INCLUDE_UNITS_H
#define TIDE_INCLUDE_UNITS_H

#include "include/types.h"

#define KIB ((u64)1 << 10)
#define MIB ((u64)1 << 20)
#define GIB ((u64)1 << 30)
#define TIB ((u64)1 << 40)

#define PAGE_SHIFT 12
#define PAGE_BYTES ((u64)1 << PAGE_SHIFT)

static inline u64 align_down(u64 value, u64 alignment)
{
    return value & ~(alignment - 1);
}

/* Wraps to 0 where the next aligned value is 2^64: check the range first. */
static inline u64 align_up(u64 value, u64 alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline bool is_aligned(u64 value, u64 alignment)
{
    return (value & (alignment - 1)) == 0;
}

static inline bool is_power_of_two(u64 value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* True where [base, base + bytes) runs past 2^64. An empty range never does. */
static inline bool range_overflows(u64 base, u64 bytes)
{
    return bytes != 0 && base + (bytes - 1) < base;
}

/* True where two ranges that do not overflow share a byte. */
static inline bool ranges_overlap(u64 base_a, u64 bytes_a, u64 base_b, u64 bytes_b)
{
    if (bytes_a == 0 || bytes_b == 0)
        return false;
    return base_a <= base_b + (bytes_b - 1) && base_b <= base_a + (bytes_a - 1);
}

#endif
