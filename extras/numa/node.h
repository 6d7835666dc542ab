/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which node memory belongs to: what firmware says of ranges of addresses. The
 * node of a hotplug region is its driver's to say (mm/hotplug/hotplug.h).
 */
#ifndef TIDE_EXTRAS_NUMA_NODE_H
#define TIDE_EXTRAS_NUMA_NODE_H

#include "include/types.h"

/* Read firmware's ranges; without any, all memory is of node 0. page_init() calls it. */
void node_init(void);

/* The node that firmware names for the address, or 0. O(ranges). */
u32 node_of(paddr_t paddr);

/* The next range of the node at or after *number, which moves on; false at the end. */
bool node_next_range(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end);

#endif
