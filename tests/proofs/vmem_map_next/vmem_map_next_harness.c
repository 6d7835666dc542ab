/* SPDX-License-Identifier: BSD-2-Clause */
/* The run that is found is the first in that state at or after `from`, is in that state throughout,
 * and ends at `to`, the map's end or a block that is not. One block of any number stands for all.
 */
#include "drivers/virtio/mem/block_map.c"
#include "tests/proofs/block_map.h"

void harness(void)
{
    struct vmem_block_map map;
    any_map(&map);
    uint64_t from, to, block;
    struct vmem_run run;
    enum vmem_block_state state = nondet_u8() % NR_BLOCK_STATES;
    ASSUME(block < map.nr_blocks);
    uint64_t end = vmem_min(to, map.nr_blocks);
    bool is_asked = block >= from && block < end && vmem_map_get(&map, block) == state;

    if (!vmem_map_next(&map, state, from, to, &run)) {
        PROVE(!is_asked);
        return;
    }
    PROVE(run.nr_blocks != 0 && run.first >= from && run.first < end);
    PROVE(run.nr_blocks <= end - run.first);
    PROVE(!is_asked || block >= run.first);
    if (block >= run.first && block - run.first < run.nr_blocks)
        PROVE(is_asked);
    else if (block - run.first == run.nr_blocks)
        PROVE(!is_asked);
}
