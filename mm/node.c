/* SPDX-License-Identifier: BSD-2-Clause */
/* See node.h. */
#include "mm/node.h"

#include "include/extra.h"

u32 node_of(paddr_t paddr)
{
    for_each_extra (extra) {
        if (extra->node_of)
            return extra->node_of(paddr);
    }
    return 0;
}
