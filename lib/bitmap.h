/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bit arrays in words of 64, bit i at word i / 64. Callers own the memory and
 * the locking; none of these is atomic. Ranges are [first, first + count).
 */
#ifndef TIDE_LIB_BITMAP_H
#define TIDE_LIB_BITMAP_H

#include "include/types.h"

#define BITMAP_WORDS(nr_bits) (((nr_bits) + 63) / 64)

/* Set or clear a range, a word at a time. */
void bitmap_set_range(u64 *bitmap, u64 first, u64 count);
void bitmap_clear_range(u64 *bitmap, u64 first, u64 count);

/* The first bit at or after `from` that is set (or clear), or `nr_bits` if there is none. */
u64 bitmap_find_set(const u64 *bitmap, u64 nr_bits, u64 from);
u64 bitmap_find_clear(const u64 *bitmap, u64 nr_bits, u64 from);

/* How many bits of the word are set. Without the POPCNT instruction, which not every x86-64 has. */
static inline u64 bitmap_count_ones(u64 word)
{
    word = word - (word >> 1 & 0x5555555555555555);
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return word * 0x0101010101010101 >> 56;
}

/* How many bits of the range are set. */
u64 bitmap_count_range(const u64 *bitmap, u64 first, u64 count);

#endif
