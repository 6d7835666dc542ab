/* SPDX-License-Identifier: BSD-2-Clause */
/* One section that the index names, whether it still has a pageblock of the class or not. */
#include "tests/proofs/free_index.h"

void harness(void)
{
    places_t set = any_set();
    struct pageblock found;
    unsigned place = nondet_u8() % NR_PLACES;
    bool is_found = false;
    any_sections(set);
    any_index(set, PROOF_CLASS);
    ASSUME(set >> place & 1);

    for (unsigned i = 0; i < NR_PLACES; i++)
        if (i == place)
            is_found =
                lowest_in(PROOF_CLASS, node_numbers[places[i].node], places[i].section, &found);
    u64 mask = pageblocks[place];
    PROVE(is_found == (mask != 0));
    PROVE(!is_found ||
          (found.section == &sections[place] && found.index == (unsigned)__builtin_ctzll(mask)));
    PROVE(is_index_of(is_found ? set : set & ~(1u << place), PROOF_CLASS));
}
