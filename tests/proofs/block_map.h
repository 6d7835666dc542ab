/* SPDX-License-Identifier: BSD-2-Clause */
/* For harnesses: any valid block map of up to PROOF_WORDS words, its counts aside. */
#ifndef TIDE_TESTS_PROOFS_BLOCK_MAP_H
#define TIDE_TESTS_PROOFS_BLOCK_MAP_H

#include "drivers/virtio/mem/block_map.h"
#include "tests/proofs/vmem_host.h"

#define PROOF_WORDS     3
#define NR_BLOCK_STATES (VMEM_BLOCK_IN_DOUBT + 1)

static uint64_t proof_bitmaps[2 * PROOF_WORDS]; /* as vmem_map_init() lays them out */

/* By words: CBMC's own does not follow a number of bytes that is not known. */
void *memset(void *to, int value, size_t bytes)
{
    uint64_t *words = to;
    PROVE(bytes % 8 == 0 && __CPROVER_w_ok(to, bytes));
    for (size_t i = 0; i < bytes / 8; i++)
        words[i] = value == 0 ? 0 : ~(uint64_t)0;
    return to;
}

/* The bits of [first, end) in word i. */
static inline uint64_t proof_mask(unsigned i, uint64_t first, uint64_t end)
{
    uint64_t low = i * (uint64_t)64, high = low + 63, mask = ~(uint64_t)0;
    if (first > high || end <= low)
        return 0;
    if (first > low)
        mask &= ~(uint64_t)0 << (first - low);
    if (end <= high)
        mask &= ((uint64_t)1 << (end - low)) - 1;
    return mask;
}

/* Whether all blocks of a run are in this state. */
static inline bool are_alike(const struct vmem_block_map *map, struct vmem_run run,
                             enum vmem_block_state state)
{
    bool are_alike = true;
    for (unsigned i = 0; i < PROOF_WORDS && i * (uint64_t)64 < map->nr_blocks; i++) {
        uint64_t mask = proof_mask(i, run.first, run.first + run.nr_blocks);
        are_alike &= (map->online[i] & mask) == (state == VMEM_BLOCK_ONLINE ? mask : 0);
        are_alike &= (map->in_doubt[i] & mask) == (state == VMEM_BLOCK_IN_DOUBT ? mask : 0);
    }
    return are_alike;
}

/* No block is in both bitmaps, none behind the last is in any, and none below first_unplugged is
 * unplugged. */
static inline bool is_map_valid(const struct vmem_block_map *map)
{
    bool is_valid = map->first_unplugged <= map->nr_blocks;
    for (unsigned i = 0; i < PROOF_WORDS && i * (uint64_t)64 < map->nr_blocks; i++) {
        uint64_t below = proof_mask(i, 0, map->first_unplugged);
        uint64_t all = map->online[i] | map->in_doubt[i];
        is_valid &= (map->online[i] & map->in_doubt[i]) == 0;
        is_valid &= (all & ~proof_mask(i, 0, map->nr_blocks)) == 0 && (all & below) == below;
    }
    return is_valid;
}

/* Any number of blocks, in any states. */
static inline void any_map(struct vmem_block_map *map)
{
    for (unsigned i = 0; i < 2 * PROOF_WORDS; i++)
        proof_bitmaps[i] = nondet_u64();
    map->nr_blocks = nondet_u64();
    ASSUME(map->nr_blocks >= 1 && map->nr_blocks <= PROOF_WORDS * 64);
    map->nr_online = nondet_u64();
    map->nr_in_doubt = nondet_u64();
    map->first_unplugged = nondet_u64();
    map->online = proof_bitmaps;
    map->in_doubt = proof_bitmaps + (map->nr_blocks + 63) / 64;
    ASSUME(is_map_valid(map));
}

#endif
