/* SPDX-License-Identifier: BSD-2-Clause */
/* Any stretches that next_stretch() may find, and any byte of the address space. */
#include "boot/memory_map.c"
#include "tests/proofs/proof.h"

#define STRETCHES_MAX 9 /* of 4 entries: each begins one and ends one */

static u64 byte, next; /* any byte; where the stretch that comes begins */
static u32 type_of_byte, found;
static unsigned nr_stretches, nr_found;
static bool is_appended;

u32 any_stretch(const struct memory_map *map, u64 from, u64 *last)
{
    u32 type = nondet_u32();
    (void)map;
    PROVE(from == next && is_appended && nr_stretches < STRETCHES_MAX);
    *last = nondet_u64();
    ASSUME(*last >= from && (++nr_stretches < STRETCHES_MAX || *last == ~(u64)0));
    next = *last + 1;
    is_appended = type == 0;
    if (byte >= from && byte <= *last)
        type_of_byte = type;
    return type;
}

void note_range(struct boot_info *info, u64 base, u64 last, u32 type)
{
    (void)info;
    PROVE(!is_appended && type != 0 && last + 1 == next);
    is_appended = true;
    if (byte >= base && byte <= last) {
        found = type;
        nr_found++;
    }
}

void harness(void)
{
    struct memory_map map;
    struct boot_info info;
    byte = nondet_u64();
    is_appended = true;

    memory_map_resolve(&map, &info);
    PROVE(info.nr_ranges == 0 && info.nr_ranges_dropped == map.nr_dropped); /* to begin with */
    PROVE(next == 0 && is_appended);
    PROVE(found == type_of_byte && nr_found == (type_of_byte != 0));
}
