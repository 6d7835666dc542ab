/* SPDX-License-Identifier: BSD-2-Clause */
/* See area_bits.h. Runs up to order 5 lie within a word, longer ones are whole words. */
#include "mm/area_bits.h"

bool area_words_are(const u64 *words, unsigned nr_words, u64 value)
{
    for (unsigned i = 0; i < nr_words; i++) {
        if (words[i] != value)
            return false;
    }
    return true;
}

void area_words_fill(u64 *words, unsigned nr_words, u64 value)
{
    for (unsigned i = 0; i < nr_words; i++)
        words[i] = value;
}

static unsigned find_words(const u64 *words, unsigned nr_words)
{
    for (unsigned i = 0; i < AREA_WORDS; i += nr_words) {
        if (area_words_are(words + i, nr_words, ~(u64)0))
            return i * 64;
    }
    return AREA_BITS_NONE;
}

unsigned area_bits_find(const u64 *words, unsigned order)
{
    if (order >= AREA_WORD_ORDER)
        return find_words(words, 1u << (order - AREA_WORD_ORDER));
    for (unsigned i = 0; i < AREA_WORDS; i++) {
        u64 starts = area_bits_run_starts(words[i], order);
        if (starts != 0)
            return i * 64 + (unsigned)__builtin_ctzll(starts);
    }
    return AREA_BITS_NONE;
}
