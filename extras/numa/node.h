/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which node memory belongs to: what firmware says of ranges of addresses. The
 * node of a hotplug region is its driver's to say (mm/hotplug/hotplug.h).
 */
#ifndef TIDE_EXTRAS_NUMA_NODE_H
#define TIDE_EXTRAS_NUMA_NODE_H

#include "include/types.h"

/* Read firmware's ranges and let page_alloc_on_node() know them. Boot only, after page_init(). */
void node_init(void);

/* The node that firmware names for the address, or 0. O(ranges). */
u32 node_of(paddr_t paddr);

#endif
