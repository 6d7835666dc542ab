/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bitmap of any length; one bit of any number stands for all. */
#include "lib/bitmap.c"
#include "tests/proofs/proof.h"

#define NR_WORDS 3

void harness(void)
{
    u64 bitmap[NR_WORDS], nr_bits, from, bit;
    ASSUME(nr_bits <= NR_WORDS * 64 && bit < nr_bits);
    bool is_asked = bit >= from && (bitmap[bit / 64] >> bit % 64 & 1) != 0;

    u64 found = bitmap_find_set(bitmap, nr_bits, from);
    PROVE(found <= nr_bits);
    PROVE(!is_asked || found <= bit);
    PROVE(found != bit || is_asked);
}
