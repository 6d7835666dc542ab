/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of a given node. See page.h. */
#include "lib/panic.h"
#include "mm/free_index.h"
#include "mm/hotplug/region.h"
#include "mm/page_debug.h"
#include "mm/page_internal.h"
#include "mm/place.h"

static page_node_ranges_t node_ranges;

/* Without a word of firmware all memory is of node 0. */
static bool all_of_node_0(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end)
{
    if (node_id != 0 || (*number)++ != 0)
        return false;
    *base = 0;
    *end = FREE_INDEX_LIMIT;
    return true;
}

void page_node_init(void)
{
    node_ranges = all_of_node_0;
}

void page_set_node_ranges(page_node_ranges_t next)
{
    node_ranges = next;
}

paddr_t page_alloc_on_node(unsigned order, u32 node_id)
{
    paddr_t paddr = PADDR_NONE;
    paddr_t base, end;
    unsigned region = 0;
    unsigned range = 0;
    if (order > PAGE_ORDER_MAX)
        panic("page_alloc: order %u, the largest is %u", order, PAGE_ORDER_MAX);
    spin_lock(&page_lock);
    while (paddr == PADDR_NONE && region_next_on_node(node_id, &region, &base, &end))
        paddr = place_between(order, base, end, false);
    while (paddr == PADDR_NONE && node_ranges(node_id, &range, &base, &end)) {
        if (base < FREE_INDEX_LIMIT)
            paddr = place_between(order, base, min_u64(end, FREE_INDEX_LIMIT), true);
    }
    spin_unlock(&page_lock);
    return page_debug_taken(paddr, (u64)1 << order);
}
