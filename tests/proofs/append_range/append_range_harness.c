/* SPDX-License-Identifier: BSD-2-Clause */
/* One more stretch behind any ranges, and any two neighbours of them. */
#include "boot/boot.h"
#undef BOOT_MEMORY_RANGES
#define BOOT_MEMORY_RANGES 2
#include "boot/memory_map.c"
#include "tests/proofs/proof.h"

/* Neighbours are sorted, without overlap, and joined where they can be. */
static bool are_right(struct boot_memory_range range, struct boot_memory_range next)
{
    bool is_gap = last_byte(&range) + 1 < next.base;
    bool is_all = range.base == 0 && last_byte(&next) == ~(u64)0;
    return range.bytes != 0 && range.bytes - 1 <= ~range.base && next.bytes != 0 &&
           next.bytes - 1 <= ~next.base && last_byte(&range) < next.base &&
           (is_gap || range.type != next.type || is_all);
}

void harness(void)
{
    struct boot_info info;
    u64 base = nondet_u64(), last = nondet_u64(), byte = nondet_u64();
    u32 type = nondet_u32(), any = nondet_u8() % BOOT_MEMORY_RANGES;
    u32 nr = info.nr_ranges, dropped = info.nr_ranges_dropped;
    struct boot_memory_range before[BOOT_MEMORY_RANGES + 1], after[BOOT_MEMORY_RANGES + 1];
    for (unsigned i = 0; i < BOOT_MEMORY_RANGES; i++)
        before[i] = info.ranges[i];
    ASSUME(nr <= BOOT_MEMORY_RANGES && dropped < 1000 && base <= last && type != 0);
    for (unsigned i = 0; i + 1 < BOOT_MEMORY_RANGES; i++)
        ASSUME(i + 1 >= nr || are_right(before[i], before[i + 1]));
    struct boot_memory_range end = before[nr == 0 ? 0 : nr - 1];
    ASSUME(nr == 0 || (end.bytes != 0 && end.bytes - 1 <= ~end.base && last_byte(&end) < base));

    append_range(&info, base, last, type);
    for (unsigned i = 0; i < BOOT_MEMORY_RANGES; i++)
        after[i] = info.ranges[i];
    u32 now = info.nr_ranges;
    struct boot_memory_range was = before[any], is = after[any];
    bool had_byte = any < nr && byte >= was.base && byte <= last_byte(&was);
    bool has_byte = any < now && byte >= is.base && byte <= last_byte(&is);
    bool is_new = byte >= base && byte <= last;
    PROVE(now >= nr && now <= BOOT_MEMORY_RANGES);
    PROVE(info.nr_ranges_dropped - dropped + (now - nr) <= 1);
    PROVE(any + 1 >= now || are_right(is, after[any + 1]));
    PROVE(any >= nr || is.type == was.type);
    PROVE(!had_byte || has_byte);
    PROVE(had_byte || !has_byte || (is_new && is.type == type));
    PROVE(!is_new || info.nr_ranges_dropped != dropped || any + 1 != now || has_byte);
}
