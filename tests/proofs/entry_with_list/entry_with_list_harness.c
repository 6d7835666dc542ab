/* SPDX-License-Identifier: BSD-2-Clause */
/* Any entry of a pageblock, with any list and any owner. */
#include "mm/pageblock.h"
#include "tests/proofs/proof.h"

void harness(void)
{
    u32 entry;
    unsigned list = nondet_u8() % 16;

    u32 listed = entry_with_list(entry, list), owned = entry_with_owner(entry, list);
    PROVE(entry_list(listed) == list && (listed & ~PB_LIST) == (entry & ~PB_LIST));
    PROVE(entry_owner(owned) == list && (owned & PB_MOVABLE) != 0);
    PROVE((owned & ~(PB_LIST | PB_MOVABLE)) == (entry & ~(PB_LIST | PB_MOVABLE)));
    PROVE(entry_with_list(listed, entry_list(entry)) == entry);
}
