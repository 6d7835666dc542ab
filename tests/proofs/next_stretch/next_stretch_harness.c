/* SPDX-License-Identifier: BSD-2-Clause */
/* Any entries that memory_map_add() kept, any place to begin, and any byte of the stretch. */
#include "boot/memory_map.c"
#include "tests/proofs/proof.h"

#define NR_ENTRIES 3

void harness(void)
{
    struct memory_map map;
    u64 from = nondet_u64(), byte = nondet_u64(), last;
    unsigned strongest = 0;
    bool is_known = false, is_end = false;
    ASSUME(map.nr_entries <= NR_ENTRIES);

    u32 type = next_stretch(&map, from, &last);
    ASSUME(byte >= from && byte <= last);
    for (unsigned i = 0; i < NR_ENTRIES; i++) {
        const struct boot_memory_range *entry = &map.entries[i];
        bool is_there = i < map.nr_entries;
        ASSUME(entry->type != 0 && entry->bytes != 0 && entry->bytes - 1 <= ~entry->base);
        bool has_byte = is_there && byte >= entry->base && byte - entry->base < entry->bytes;
        if (has_byte && claim(entry->type) > strongest)
            strongest = claim(entry->type);
        is_known |= has_byte && entry->type == type;
        is_end |= is_there && (last == entry->base - 1 || last == last_byte(entry));
    }
    PROVE(last >= from);
    PROVE(is_end || last == ~(u64)0);
    PROVE(type == 0 ? strongest == 0 : is_known && claim(type) == strongest);
}
