/* SPDX-License-Identifier: BSD-2-Clause */
/* See node.h. */
#include "mm/node.h"

#include "include/extra.h"
#include "mm/index.h"

u32 node_of(paddr_t paddr)
{
    for_each_extra (extra) {
        if (extra->node_of)
            return extra->node_of(paddr);
    }
    return 0;
}

bool node_next_range(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end)
{
    for_each_extra (extra) {
        if (extra->node_next_range)
            return extra->node_next_range(node_id, number, base, end);
    }
    *base = 0;
    *end = INDEX_LIMIT;
    return node_id == 0 && (*number)++ == 0;
}
