/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which node memory belongs to: what firmware says of ranges of addresses. The
 * node of a hotplug region is its driver's to say (mm/hotplug/hotplug.h).
 */
#ifndef TIDE_EXTRAS_NUMA_NODE_H
#define TIDE_EXTRAS_NUMA_NODE_H

#include "include/types.h"

/* A range of addresses near the processors of one node, which may hold memory or not. */
struct platform_node_range {
    paddr_t base;
    u64 bytes; /* above 0; does not run past 2^64 */
    u32 node_id;
    bool is_hotplug; /* for memory that may come later */
};

/* Read firmware's ranges and let page_alloc_on_node() know them. After page_init(). */
void node_init(void);

/* The index-th range of ACPI's SRAT, checked: none overlaps another. E_NODEV past the end or
 * without ACPI. */
must_check int platform_memory_node(unsigned index, struct platform_node_range *range);

/* The node that firmware names for the address, or 0. O(ranges). */
u32 node_of(paddr_t paddr);

#endif
