/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to ask the device next: the policy of the driver, as a pure function.
 *
 * The aim is the fewest requests: the largest runs first, each as long as one
 * request can be. Growing fills the region from the bottom, shrinking takes
 * from the top, so what is plugged stays in one piece. Blocks in doubt count as
 * plugged when growing and as unplugged when shrinking: whatever they turn out
 * to be, the plugged size never passes the requested size in either direction.
 */
#ifndef VMEM_MEM_PLAN_H
#define VMEM_MEM_PLAN_H

#include "block_map.h"
#include "config.h"

enum vmem_action {
    VMEM_ACTION_NOTHING,
    VMEM_ACTION_PLUG,
    VMEM_ACTION_UNPLUG,
    VMEM_ACTION_UNPLUG_ALL, /* every online block of the region is idle and goes */
};

/* Why there is nothing to do although plugged and requested size differ. */
enum vmem_shortfall {
    VMEM_SHORT_OF_NOTHING,
    VMEM_SHORT_OF_IDLE,   /* all blocks that could go have pages in use */
    VMEM_SHORT_OF_USABLE, /* no unplugged block is left in the usable region */
};

struct vmem_plan {
    enum vmem_action action;
    struct vmem_run run;           /* PLUG, UNPLUG: at most 65,535 blocks */
    enum vmem_shortfall shortfall; /* NOTHING only */
    uint64_t short_blocks;         /* how many blocks the shortfall is */
};

/*
 * The first maximal run of online blocks without a page in use, at or after
 * `from` and below `to`, cut at both; false if there is none. next_idle() of the
 * memory operations, in block numbers.
 */
struct vmem_idle_source {
    bool (*next)(void *context, uint64_t from, uint64_t to, struct vmem_run *idle);
    void *context;
};

/* Decide. O(blocks / 64) and one pass over the idle runs when shrinking. */
void vmem_plan_next(const struct vmem_config *config, const struct vmem_block_map *map,
                    const struct vmem_idle_source *idle, struct vmem_plan *plan);

#endif
