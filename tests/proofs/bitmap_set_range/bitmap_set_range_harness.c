/* SPDX-License-Identifier: BSD-2-Clause */
/* Any range of any bitmap; one bit of any number stands for all. */
#include "lib/bitmap.c"
#include "tests/proofs/proof.h"

#define NR_WORDS 3

void harness(void)
{
    u64 bitmap[NR_WORDS], bit, first, count;
    ASSUME(bit < NR_WORDS * 64 && first <= NR_WORDS * 64 && count <= NR_WORDS * 64 - first);
    bool before = bitmap[bit / 64] >> bit % 64 & 1;

    bitmap_set_range(bitmap, first, count);
    bool is_in = bit >= first && bit - first < count;
    PROVE((bitmap[bit / 64] >> bit % 64 & 1) == (before || is_in));
}
