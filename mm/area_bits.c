/* SPDX-License-Identifier: BSD-2-Clause */
/* See area_bits.h. Runs up to order 5 lie within a word, longer ones are whole words. */
#include "mm/area_bits.h"

/* Bit i is set if bits i to i + 2^order - 1 of the word are, for each aligned i. */
static u64 run_starts(u64 word, unsigned order)
{
    static const u64 aligned[AREA_WORD_ORDER] = {
        ~(u64)0,
        0x5555555555555555,
        0x1111111111111111,
        0x0101010101010101,
        0x0001000100010001,
        0x0000000100000001,
    };
    for (unsigned step = 1; step < 1u << order; step *= 2)
        word &= word >> step;
    return word & aligned[order];
}

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
        u64 starts = run_starts(words[i], order);
        if (starts != 0)
            return i * 64 + (unsigned)__builtin_ctzll(starts);
    }
    return AREA_BITS_NONE;
}
