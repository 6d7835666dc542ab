/* SPDX-License-Identifier: BSD-2-Clause */
/* The lowest pageblock of a class from any one on, where the index may name sections that lost
 * theirs. */
#include "tests/proofs/free_index.h"

/* What bitmap_find_set() proves, of the two bitmaps of the tree: only these bits can be set. */
u64 proof_find_set(const u64 *bitmap, u64 nr_bits, u64 from)
{
    static const u64 section_numbers[] = {0, 63, 64, 128, 255};
    bool is_root = nr_bits == ROOT_NODES;
    PROVE(is_root || nr_bits == NODE_SECTIONS);
    for (unsigned i = 0; i < (is_root ? 3 : 5); i++) {
        u64 bit = is_root ? node_numbers[i] : section_numbers[i];
        if (bit >= from && bitmap[bit / 64] >> bit % 64 & 1)
            return bit;
    }
    return nr_bits;
}

/* What it forgets is behind the search already. */
bool proof_lowest_in(unsigned class, u64 node, u64 number, struct pageblock *found)
{
    (void)class;
    return look_in(node, number, found) == NR_PLACES;
}

void harness(void)
{
    places_t set = any_set();
    struct pageblock found;
    unsigned place = nondet_u8() % NR_PLACES, index = nondet_u8() % 64, lowest = NR_PLACES;
    u64 wanted = 0;
    any_sections(set);
    any_index(set, PROOF_CLASS);
    for (unsigned i = 0; i < NR_PLACES; i++) {
        u64 here = i < place ? 0 : i == place ? pageblocks[i] >> index << index : pageblocks[i];
        if (lowest == NR_PLACES && here != 0) {
            lowest = i;
            wanted = here;
        }
    }

    bool is_found = false;
    for (unsigned i = 0; i < NR_PLACES; i++)
        if (i == place)
            is_found =
                free_index_find_from(PROOF_CLASS, base_of(i) + index * PAGEBLOCK_BYTES, &found);
    PROVE(is_found == (lowest != NR_PLACES));
    PROVE(!is_found ||
          (found.section == &sections[lowest] && found.index == (unsigned)__builtin_ctzll(wanted)));
}
