/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's book: what each block of one region is.
 *
 * A block is unplugged, online (plugged, and given to mm) or held: plugged
 * perhaps, and not given to mm, because a request that names it is in flight
 * or nobody knows how such a request ended. So a block that is not online in
 * the book is never in use, and one whose state is in doubt is never used
 * twice. Pure but for the memory of the book itself.
 */
#ifndef TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_BLOCKS_H
#define TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_BLOCKS_H

#include "include/types.h"

enum vmem_block_state {
    VMEM_BLOCK_UNPLUGGED,
    VMEM_BLOCK_ONLINE,
    VMEM_BLOCK_IN_DOUBT,
};

/* Blocks [first, first + nr_blocks) of the region. */
struct vmem_run {
    u64 first;
    u64 nr_blocks;
};

struct vmem_block_map {
    u64 nr_blocks;
    u64 nr_online;
    u64 nr_in_doubt;
    u64 *online; /* one bit a block; never set in both */
    u64 *in_doubt;
    paddr_t memory; /* of the two bitmaps; PADDR_NONE without blocks */
    u64 memory_frames;
};

/* A book of nr_blocks unplugged blocks (0 is allowed), in PAGE_KERNEL memory; E_NOMEM. */
must_check int vmem_map_init(struct vmem_block_map *blocks, u64 nr_blocks);
void vmem_map_free(struct vmem_block_map *blocks);

/* Write a run into the book. O(run / 64). */
void vmem_map_set(struct vmem_block_map *blocks, struct vmem_run run, enum vmem_block_state state);

enum vmem_block_state vmem_map_get(const struct vmem_block_map *blocks, u64 block);

/*
 * The first maximal run in that state at or after `from` and below `to`,
 * cut at `to`. False when there is none. O((to - from) / 64).
 */
bool vmem_map_next(const struct vmem_block_map *blocks, enum vmem_block_state state, u64 from,
                   u64 to, struct vmem_run *run);

#endif
