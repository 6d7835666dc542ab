/* SPDX-License-Identifier: BSD-2-Clause */
/* One more entry of a loader's map, with any taken before it. */
#include "boot/boot.h"
#undef MEMORY_MAP_ENTRIES
#define MEMORY_MAP_ENTRIES 4
#include "boot/memory_map.c"
#include "tests/proofs/proof.h"

void harness(void)
{
    struct memory_map map;
    u64 base = nondet_u64(), bytes = nondet_u64();
    u32 type = nondet_u32(), kept = type == 0 ? BOOT_MEMORY_RESERVED : type;
    unsigned any = nondet_u8() % MEMORY_MAP_ENTRIES;
    ASSUME(map.nr_entries <= MEMORY_MAP_ENTRIES && map.nr_dropped < 100);
    struct boot_memory_range before = map.entries[any];
    u32 nr = map.nr_entries, nr_dropped = map.nr_dropped;
    bool is_full = nr == MEMORY_MAP_ENTRIES, has_ram = false, is_there = false;
    for (unsigned i = 0; i < MEMORY_MAP_ENTRIES; i++)
        has_ram |= map.entries[i].type == BOOT_MEMORY_RAM;

    int status = memory_map_add(&map, base, bytes, type);
    for (unsigned i = 0; i < map.nr_entries && i < MEMORY_MAP_ENTRIES; i++)
        is_there |= map.entries[i].base == base && map.entries[i].type == kept &&
                    map.entries[i].bytes != 0 &&
                    map.entries[i].bytes == (bytes - 1 > ~base ? -base : bytes);
    bool is_same = before.base == map.entries[any].base && before.bytes == map.entries[any].bytes &&
                   before.type == map.entries[any].type;
    PROVE(map.nr_entries == nr + (bytes != 0 && !is_full));
    PROVE(map.nr_dropped == nr_dropped + (bytes != 0 && is_full));
    PROVE(any >= nr || is_same || (is_full && before.type == BOOT_MEMORY_RAM)); /* reserved stays */
    PROVE((status == E_NOMEM) == (bytes != 0 && is_full && kept != BOOT_MEMORY_RAM && !has_ram));
    PROVE(status == OK || status == E_NOMEM);
    PROVE(bytes == 0 || status != OK || is_there || (is_full && kept == BOOT_MEMORY_RAM));
}
