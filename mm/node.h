/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which node boot RAM, or a device that does not say, belongs to: an extra asks firmware. Without
 * one all is of node 0.
 */
#ifndef TIDE_MM_NODE_H
#define TIDE_MM_NODE_H

#include "include/types.h"

/* The node of an address. O(ranges that firmware names). */
u32 node_of(paddr_t paddr);

#endif
