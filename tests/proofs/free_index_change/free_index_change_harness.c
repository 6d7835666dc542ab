/* SPDX-License-Identifier: BSD-2-Clause */
/* One section comes into a class or leaves it. */
#include "tests/proofs/free_index.h"

void harness(void)
{
    places_t set = any_set(), other = any_set(), before = set;
    u64 mask = nondet_u64();
    unsigned place = nondet_u8() % NR_PLACES;
    bool comes = nondet_bool();
    any_sections(~0u);
    any_index(set, PROOF_CLASS);
    any_index(other, OTHER_CLASS);
    ASSUME((mask & ~((u64)1 << PROOF_CLASS | (u64)1 << OTHER_CLASS)) == 0);

    for (unsigned i = 0; i < NR_PLACES; i++) {
        if (i == place && comes)
            free_index_add(base_of(i), PROOF_CLASS);
        else if (i == place)
            free_index_remove(base_of(i), PROOF_CLASS);
    }
    set = comes ? before | 1u << place : before & ~(1u << place);
    PROVE(is_index_of(set, PROOF_CLASS));
    PROVE(is_index_of(other, OTHER_CLASS));
    unsigned first = other != 0 && mask >> OTHER_CLASS & 1 ? OTHER_CLASS
                     : set != 0 && mask >> PROOF_CLASS & 1 ? PROOF_CLASS
                                                           : NR_FREE_CLASSES;
    PROVE(free_index_first_class(mask) == first);
}
