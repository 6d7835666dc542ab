/* SPDX-License-Identifier: BSD-2-Clause */
/* The lowest pageblock of a class, where the index may name sections that lost theirs. */
#include "tests/proofs/free_index.h"

bool proof_lowest_in(unsigned class, u64 node, u64 number, struct pageblock *found)
{
    unsigned forgotten = look_in(node, number, found);
    for (unsigned i = 0; i < NR_PLACES; i++)
        if (i == forgotten)
            free_index_remove(base_of(i), class);
    return forgotten == NR_PLACES;
}

void harness(void)
{
    places_t set = any_set(), left = 0;
    struct pageblock found;
    unsigned lowest = NR_PLACES;
    any_sections(set);
    any_index(set, PROOF_CLASS);
    for (unsigned i = 0; i < NR_PLACES; i++) {
        if (lowest == NR_PLACES && pageblocks[i] != 0)
            lowest = i;
        left |= lowest != NR_PLACES ? set & 1u << i : 0;
    }
    ASSUME(__builtin_popcount(set & ~left) <= 2);

    bool is_found = free_index_find(PROOF_CLASS, &found);
    PROVE(is_found == (lowest != NR_PLACES));
    PROVE(!is_found || (found.section == &sections[lowest] &&
                        found.index == (unsigned)__builtin_ctzll(pageblocks[lowest])));
    PROVE(is_index_of(left, PROOF_CLASS)); /* what was found empty is forgotten, nothing else */
}
