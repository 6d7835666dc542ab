/* SPDX-License-Identifier: BSD-2-Clause */
/* See node.h. The ranges come checked: none overflows or overlaps another. */
#include "extras/numa/node.h"

#include "include/platform.h"
#include "include/status.h"
#include "mm/page.h"

#define RANGES_MAX 64

static struct platform_node_range ranges[RANGES_MAX];
static unsigned nr_ranges;

/* A page_node_ranges_t. */
static bool next_range(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end)
{
    while (*number < nr_ranges) {
        const struct platform_node_range *range = &ranges[(*number)++];
        if (range->node_id != node_id)
            continue;
        *base = range->base;
        *end = range->base + range->bytes;
        return true;
    }
    return false;
}

void node_init(void)
{
    nr_ranges = 0;
    while (nr_ranges < RANGES_MAX && platform_memory_node(nr_ranges, &ranges[nr_ranges]) == OK)
        nr_ranges++;
    if (nr_ranges != 0)
        page_set_node_ranges(next_range);
}

u32 node_of(paddr_t paddr)
{
    for (unsigned i = 0; i < nr_ranges; i++) {
        if (paddr >= ranges[i].base && paddr - ranges[i].base < ranges[i].bytes)
            return ranges[i].node_id;
    }
    return 0;
}
