/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of blocks, of a region of up to PROOF_BLOCKS. */
#ifndef TIDE_TESTS_PROOFS_BLOCKS_H
#define TIDE_TESTS_PROOFS_BLOCKS_H

#include "drivers/virtio/mem/block_map.h"
#include "tests/proofs/proof.h"

#define PROOF_BLOCKS 6

typedef uint8_t blocks_t; /* a bit for each block */

static inline blocks_t blocks_of(struct vmem_run run)
{
    PROVE(run.first < PROOF_BLOCKS && run.nr_blocks >= 1 &&
          run.nr_blocks <= PROOF_BLOCKS - run.first);
    return (blocks_t)(((1u << run.nr_blocks) - 1) << run.first);
}

static inline unsigned count_of(blocks_t blocks)
{
    return (unsigned)__builtin_popcount(blocks);
}

static inline bool is_in(blocks_t some, blocks_t all)
{
    return (some & ~all) == 0;
}

/* ---- a block map, by the contract of block_map.h that vmem_map_set and vmem_map_next prove ----
 */

static blocks_t proof_online, proof_in_doubt; /* what the block map says */

static inline bool are_alike(blocks_t blocks)
{
    return is_in(blocks, proof_online) || is_in(blocks, proof_in_doubt) ||
           (blocks & (proof_online | proof_in_doubt)) == 0;
}

static inline bool is_block_in(uint64_t block, enum vmem_block_state state)
{
    bool is_online = proof_online >> block & 1, is_in_doubt = proof_in_doubt >> block & 1;
    return state == VMEM_BLOCK_ONLINE     ? is_online
           : state == VMEM_BLOCK_IN_DOUBT ? is_in_doubt
                                          : !is_online && !is_in_doubt;
}

void vmem_map_set(struct vmem_block_map *map, struct vmem_run run, enum vmem_block_state state)
{
    blocks_t blocks = blocks_of(run);
    PROVE(run.nr_blocks == map->nr_blocks || are_alike(blocks));
    proof_online = (proof_online & ~blocks) | (state == VMEM_BLOCK_ONLINE ? blocks : 0);
    proof_in_doubt = (proof_in_doubt & ~blocks) | (state == VMEM_BLOCK_IN_DOUBT ? blocks : 0);
    map->nr_online = count_of(proof_online);
    map->nr_in_doubt = count_of(proof_in_doubt);
}

enum vmem_block_state vmem_map_get(const struct vmem_block_map *map, uint64_t block)
{
    PROVE(block < map->nr_blocks);
    return is_block_in(block, VMEM_BLOCK_ONLINE)     ? VMEM_BLOCK_ONLINE
           : is_block_in(block, VMEM_BLOCK_IN_DOUBT) ? VMEM_BLOCK_IN_DOUBT
                                                     : VMEM_BLOCK_UNPLUGGED;
}

bool vmem_map_next(const struct vmem_block_map *map, enum vmem_block_state state, uint64_t from,
                   uint64_t to, struct vmem_run *run)
{
    uint64_t first = 0, end = 0;
    bool is_found = false;
    for (uint64_t i = 0; i < PROOF_BLOCKS; i++) {
        bool is_wanted = i >= from && i < to && i < map->nr_blocks && is_block_in(i, state);
        if (is_wanted && !is_found) {
            is_found = true;
            first = end = i;
        }
        end += is_wanted && end == i;
    }
    if (is_found)
        *run = (struct vmem_run){first, end - first};
    return is_found;
}

#endif
