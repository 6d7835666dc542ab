/* SPDX-License-Identifier: BSD-2-Clause */
/* See frame_bits.h. Runs up to order 5 lie within a word, longer ones are whole words. */
#include "mm/frame_bits.h"

static unsigned find_words(const u64 *words, unsigned order)
{
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i += 1u << (order - FRAME_WORD_ORDER)) {
        if (frame_words_are_set(words + i, order))
            return i * 64;
    }
    return FRAME_BITS_NONE;
}

unsigned frame_bits_find(const u64 *words, unsigned order)
{
    if (order >= FRAME_WORD_ORDER)
        return find_words(words, order);
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++) {
        u64 starts = frame_bits_run_starts(words[i], order);
        if (starts != 0)
            return i * 64 + (unsigned)__builtin_ctzll(starts);
    }
    return FRAME_BITS_NONE;
}
