/* SPDX-License-Identifier: BSD-2-Clause */
/* Any run of any map, of blocks that are alike or of all: it is in the new state afterwards, every
 * other block as it was, and the counts have followed. One block of any number stands for all. */
#include "drivers/virtio/mem/block_map.c"
#include "tests/proofs/block_map.h"

void harness(void)
{
    struct vmem_block_map map;
    any_map(&map);
    uint64_t block, online = map.nr_online, in_doubt = map.nr_in_doubt;
    struct vmem_run run;
    enum vmem_block_state state = nondet_u8() % NR_BLOCK_STATES;
    enum vmem_block_state alike = nondet_u8() % NR_BLOCK_STATES;
    ASSUME(block < map.nr_blocks && run.first <= map.nr_blocks);
    ASSUME(run.nr_blocks <= map.nr_blocks - run.first && run.nr_blocks != 0);
    bool are_all = run.nr_blocks == map.nr_blocks;
    ASSUME(are_all || are_alike(&map, run, alike));
    enum vmem_block_state before = vmem_map_get(&map, block);

    vmem_map_set(&map, run, state);
    bool is_in_run = block >= run.first && block - run.first < run.nr_blocks;
    PROVE(vmem_map_get(&map, block) == (is_in_run ? state : before));
    PROVE(is_map_valid(&map));
    uint64_t now_online = state == VMEM_BLOCK_ONLINE ? run.nr_blocks : 0;
    uint64_t now_in_doubt = state == VMEM_BLOCK_IN_DOUBT ? run.nr_blocks : 0;
    uint64_t was_online = alike == VMEM_BLOCK_ONLINE ? run.nr_blocks : 0;
    uint64_t was_in_doubt = alike == VMEM_BLOCK_IN_DOUBT ? run.nr_blocks : 0;
    PROVE(map.nr_online == (are_all ? 0 : online - was_online) + now_online);
    PROVE(map.nr_in_doubt == (are_all ? 0 : in_doubt - was_in_doubt) + now_in_doubt);
}
