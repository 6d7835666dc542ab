/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bits of a pageblock and any order; one aligned run stands for all. */
#include "mm/frame_bits.c"
#include "tests/proofs/proof.h"

static bool is_free(const u64 *words, unsigned first, unsigned order)
{
    bool is_free = true;
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++) {
        unsigned begin = i * 64, nr_bits = 1u << order;
        u64 mask = nr_bits >= 64 ? ~(u64)0 : (((u64)1 << nr_bits) - 1) << first % 64;
        if (begin + 63 >= first && begin < first + nr_bits)
            is_free &= (words[i] & mask) == mask;
    }
    return is_free;
}

void harness(void)
{
    u64 words[PAGEBLOCK_WORDS];
    unsigned order = nondet_u8() % 9;
    unsigned other = (nondet_u16() % PAGEBLOCK_FRAMES) >> order << order;

    unsigned found = frame_bits_find(words, order);
    PROVE(found == FRAME_BITS_NONE || (found < PAGEBLOCK_FRAMES && found % (1u << order) == 0));
    PROVE(found == FRAME_BITS_NONE || is_free(words, found, order));
    PROVE(!is_free(words, other, order) || found <= other);
}
