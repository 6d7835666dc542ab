/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 512 bits of a pageblock, in 8 words; a set bit is a free frame. A run of
 * order n is 2^n bits, aligned to its own size, orders 0 to 8. The caller holds
 * the pageblock's lock.
 */
#ifndef TIDE_MM_FRAME_BITS_H
#define TIDE_MM_FRAME_BITS_H

#include "mm/pageblock.h"

#define FRAME_BITS_NONE  PAGEBLOCK_FRAMES
#define FRAME_WORD_ORDER 6 /* a run of this order is a word */

/* The run of order 0 to 5 at bit 0 of a word. */
static inline u64 frame_bits_mask(unsigned order)
{
    return ((u64)1 << (1u << order)) - 1;
}

/* Bit i is set if bits i to i + 2^order - 1 of the word are, for each aligned i; order 0 to 5. */
static inline u64 frame_bits_run_starts(u64 word, unsigned order)
{
    if (order >= 1)
        word &= word >> 1 & 0x5555555555555555;
    if (order >= 2)
        word &= word >> 2 & 0x1111111111111111;
    if (order >= 3)
        word &= word >> 4 & 0x0101010101010101;
    if (order >= 4)
        word &= word >> 8 & 0x0001000100010001;
    if (order >= 5)
        word &= word >> 16 & 0x0000000100000001;
    return word;
}

/* The first bit of the lowest free run, or FRAME_BITS_NONE. At most 8 words are read. */
unsigned frame_bits_find(const u64 *words, unsigned order);

static inline u64 *frame_bits_first_word(u64 *words)
{
    for (u64 *word = words; word < words + PAGEBLOCK_WORDS; word++) {
        if (*word != 0)
            return word;
    }
    return NULL;
}

/*
 * Whole words, for the runs of order 6 to 8: 1, 2 or 4, told by order. Without a loop or
 * a branch: `last` is 0, 1 or 3, and a word that is not of the run stands for another one.
 */
static inline bool frame_words_are_set(const u64 *words, unsigned order)
{
    unsigned last = (1u << (order - FRAME_WORD_ORDER)) - 1;
    return (words[0] & words[last & 1] & words[last & 2] & words[last]) == ~(u64)0;
}

static inline bool frame_words_are_clear(const u64 *words, unsigned order)
{
    unsigned last = (1u << (order - FRAME_WORD_ORDER)) - 1;
    return (words[0] | words[last & 1] | words[last & 2] | words[last]) == 0;
}

static inline void frame_words_fill(u64 *words, unsigned order, u64 value)
{
    unsigned last = (1u << (order - FRAME_WORD_ORDER)) - 1;
    words[0] = words[last & 1] = words[last & 2] = words[last] = value;
}

/*
 * A run is named by the word in which it begins and its first bit there: true if all
 * its bits are set; true if none is; set all; clear all.
 */
static inline bool frame_bits_are_set(const u64 *word, u64 bit, unsigned order)
{
    if (order >= FRAME_WORD_ORDER)
        return frame_words_are_set(word, order);
    u64 mask = frame_bits_mask(order) << bit;
    return (*word & mask) == mask;
}

static inline bool frame_bits_are_clear(const u64 *word, u64 bit, unsigned order)
{
    if (order >= FRAME_WORD_ORDER)
        return frame_words_are_clear(word, order);
    return (*word & frame_bits_mask(order) << bit) == 0;
}

static inline void frame_bits_set(u64 *word, u64 bit, unsigned order)
{
    if (order >= FRAME_WORD_ORDER)
        frame_words_fill(word, order, ~(u64)0);
    else
        *word |= frame_bits_mask(order) << bit;
}

static inline void frame_bits_clear(u64 *word, u64 bit, unsigned order)
{
    if (order >= FRAME_WORD_ORDER)
        frame_words_fill(word, order, 0);
    else
        *word &= ~(frame_bits_mask(order) << bit);
}

/* Set the run, or return false if a bit of it is set already. */
static inline bool frame_bits_give(u64 *word, u64 bit, unsigned order)
{
    if (order == 0) {
        u64 bits = *word;
        if (unlikely(bits >> bit & 1))
            return false;
        *word = bits | (u64)1 << bit;
        return true;
    }
    if (unlikely(!frame_bits_are_clear(word, bit, order)))
        return false;
    frame_bits_set(word, bit, order);
    return true;
}

#endif
