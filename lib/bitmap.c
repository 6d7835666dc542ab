/* SPDX-License-Identifier: BSD-2-Clause */
/* See bitmap.h. */
#include "lib/bitmap.h"

#include "include/units.h"

/* The bits of one word that [first, first + count) covers, from bit first % 64 on: 1 to 64. */
static u64 word_mask(u64 first, u64 count)
{
    return ~(u64)0 >> (64 - count) << (first % 64);
}

/* How many bits of a range lie in its first word. */
static u64 in_first_word(u64 first, u64 count)
{
    return min_u64(count, 64 - first % 64);
}

void bitmap_set_range(u64 *bitmap, u64 first, u64 count)
{
    while (count > 0) {
        u64 bits = in_first_word(first, count);
        bitmap[first / 64] |= word_mask(first, bits);
        first += bits;
        count -= bits;
    }
}

void bitmap_clear_range(u64 *bitmap, u64 first, u64 count)
{
    while (count > 0) {
        u64 bits = in_first_word(first, count);
        bitmap[first / 64] &= ~word_mask(first, bits);
        first += bits;
        count -= bits;
    }
}

/* The first bit at or after `from` that is set in the bitmap XOR invert. */
static u64 find(const u64 *bitmap, u64 nr_bits, u64 from, u64 invert)
{
    if (from >= nr_bits)
        return nr_bits;
    u64 index = from / 64;
    u64 word = (bitmap[index] ^ invert) & (~(u64)0 << (from % 64));
    while (word == 0) {
        if (++index >= BITMAP_WORDS(nr_bits))
            return nr_bits;
        word = bitmap[index] ^ invert;
    }
    return min_u64(index * 64 + (u64)__builtin_ctzll(word), nr_bits);
}

u64 bitmap_find_set(const u64 *bitmap, u64 nr_bits, u64 from)
{
    return find(bitmap, nr_bits, from, 0);
}

u64 bitmap_find_clear(const u64 *bitmap, u64 nr_bits, u64 from)
{
    return find(bitmap, nr_bits, from, ~(u64)0);
}

u64 bitmap_count_range(const u64 *bitmap, u64 first, u64 count)
{
    u64 ones = 0;
    while (count > 0) {
        u64 bits = in_first_word(first, count);
        ones += bitmap_count_ones(bitmap[first / 64] & word_mask(first, bits));
        first += bits;
        count -= bits;
    }
    return ones;
}
