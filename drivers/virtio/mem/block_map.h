/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block map: what each block of one region is.
 *
 * A block is unplugged, online (plugged, and the allocator has it) or in doubt: plugged perhaps,
 * and the allocator does not have it, because a request that names it is in flight or nobody knows
 * how such a request ended. So a block that is not online in the map is never in use, and one that
 * is in doubt is never used twice. Pure but for the memory of the map itself.
 */
#ifndef VMEM_MEM_BLOCK_MAP_H
#define VMEM_MEM_BLOCK_MAP_H

#include "../core/defs.h"

enum vmem_block_state {
    VMEM_BLOCK_UNPLUGGED,
    VMEM_BLOCK_ONLINE,
    VMEM_BLOCK_IN_DOUBT, /* or in flight */
};

/* Blocks [first, first + nr_blocks) of the region. */
struct vmem_run {
    uint64_t first;
    uint64_t nr_blocks;
};

struct vmem_block_map {
    uint64_t nr_blocks;
    uint64_t nr_online;
    uint64_t nr_in_doubt;
    uint64_t first_unplugged; /* no block below it is unplugged */
    uint64_t *online;         /* one bit a block; never set in both; NULL without blocks */
    uint64_t *in_doubt;
};

/* A map of nr_blocks unplugged blocks (0 is allowed); VMEM_E_NOMEM. */
VMEM_MUST_CHECK int vmem_map_init(struct vmem_block_map *map, uint64_t nr_blocks);
void vmem_map_free(struct vmem_block_map *map);

/* Write a run into the map. Its blocks are alike in the map before, or all that there are. O(run /
 * 64). */
void vmem_map_set(struct vmem_block_map *map, struct vmem_run run, enum vmem_block_state state);

enum vmem_block_state vmem_map_get(const struct vmem_block_map *map, uint64_t block);

/*
 * The first maximal run in that state at or after `from` and below `to`, cut at `to` and at what
 * one request can name. False when there is none. O((to - from) / 64).
 */
bool vmem_map_next(const struct vmem_block_map *map, enum vmem_block_state state, uint64_t from,
                   uint64_t to, struct vmem_run *run);

#endif
