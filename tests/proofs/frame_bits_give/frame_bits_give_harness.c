/* SPDX-License-Identifier: BSD-2-Clause */
/* Any run given back to any pageblock; one bit of any number stands for all. */
#include "mm/frame_bits.h"
#include "tests/proofs/proof.h"

void harness(void)
{
    u64 words[PAGEBLOCK_WORDS], before[PAGEBLOCK_WORDS];
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++)
        before[i] = words[i];
    unsigned order = nondet_u8() % 9, bit = nondet_u16() % PAGEBLOCK_FRAMES;
    unsigned first = (nondet_u16() % PAGEBLOCK_FRAMES) >> order << order;
    bool is_in = bit >> order == first >> order;
    bool was_free = before[bit / 64] >> bit % 64 & 1;

    bool is_given = frame_bits_give(&words[first / 64], first % 64, order);
    PROVE(!is_given || !is_in || !was_free);
    PROVE((words[bit / 64] >> bit % 64 & 1) == (was_free || (is_given && is_in)));
    PROVE(!is_given || frame_bits_are_set(&words[first / 64], first % 64, order));
    if (is_given)
        frame_bits_clear(&words[first / 64], first % 64, order);
    PROVE(words[bit / 64] == before[bit / 64]);
}
