/* SPDX-License-Identifier: BSD-2-Clause */
/* See node.h; the hooks of mm. The ranges come checked: none overflows or overlaps another. */
#include "extras/numa/node.h"

#include "include/extra.h"
#include "include/status.h"
#include "lib/console.h"
#include "lib/printf.h"
#include "mm/page.h"

#define RANGES_MAX 64

static struct platform_node_range ranges[RANGES_MAX];
static unsigned nr_ranges;
static bool is_read; /* since the start */

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
    is_read = true;
    nr_ranges = 0;
    while (nr_ranges < RANGES_MAX && platform_memory_node(nr_ranges, &ranges[nr_ranges]) == OK)
        nr_ranges++;
    if (nr_ranges != 0)
        page_set_node_ranges(next_range);
}

u32 node_of(paddr_t paddr)
{
    if (!is_read)
        node_init();
    for (unsigned i = 0; i < nr_ranges; i++) {
        if (paddr >= ranges[i].base && paddr - ranges[i].base < ranges[i].bytes)
            return ranges[i].node_id;
    }
    return 0;
}

static bool has_several_nodes(void)
{
    for (unsigned i = 0; i < nr_ranges; i++) {
        if (ranges[i].node_id != 0)
            return true;
    }
    return false;
}

/* As ACPI has it; the regions go by their devices' word, if there is one. */
static void print_nodes(void (*print)(paddr_t base, u64 bytes, const char *what))
{
    char text[40];
    if (!has_several_nodes())
        return;
    console_printf("memory: the nodes of ACPI\n");
    for (unsigned i = 0; i < nr_ranges; i++) {
        snprintf(text, sizeof(text), "node %u%s", ranges[i].node_id,
                 ranges[i].is_hotplug ? ", for what may come" : "");
        print(ranges[i].base, ranges[i].bytes, text);
    }
}

static void forget(void)
{
    is_read = false;
}

/* No page is asked of a node before the monitor runs: a start need not wait for the table. */
static void ready(const struct options *options)
{
    (void)options;
    node_init();
}

EXTRA(numa) = {
    .name = "numa",
    .mm_init = forget,
    .ready = ready,
    .node_of = node_of,
    .print_memory = print_nodes,
};
