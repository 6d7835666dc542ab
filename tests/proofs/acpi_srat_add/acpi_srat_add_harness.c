/* SPDX-License-Identifier: BSD-2-Clause */
/* One more entry of a table, with any ranges kept before it. */
#include "extras/numa/acpi_srat.c"
#include "tests/proofs/kernel.h"

#define NR_RANGES 4

void harness(void)
{
    struct platform_node_range ranges[NR_RANGES];
    unsigned before = nondet_u8() % (NR_RANGES + 1), any = nondet_u8() % NR_RANGES;
    struct result result = {ranges, before, NR_RANGES};
    struct memory_entry entry;
    u32 node_id;
    for (unsigned i = 0; i < NR_RANGES; i++) /* as they were kept */
        ASSUME(ranges[i].bytes != 0 && !range_overflows(ranges[i].base, ranges[i].bytes));
    struct platform_node_range kept = ranges[any];

    add(&result, &entry, node_id);
    PROVE(result.nr <= NR_RANGES && (result.nr == before || result.nr == before + 1));
    PROVE(any >= before || (ranges[any].base == kept.base && ranges[any].bytes == kept.bytes));
    if (result.nr == before)
        return;
    const struct platform_node_range *new = &ranges[before];
    PROVE(new->base == entry.base &&new->bytes == entry.bytes &&new->node_id == node_id);
    PROVE(new->bytes != 0 && !range_overflows(new->base, new->bytes));
    PROVE(new->is_hotplug == ((entry.flags >> 1 & 1) != 0));
    PROVE(any >= before || new->base + (new->bytes - 1) < kept.base ||
          kept.base + (kept.bytes - 1) < new->base);
}
