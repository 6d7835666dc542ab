/* SPDX-License-Identifier: BSD-2-Clause */
/* Any run that was found, and any number of blocks wanted. */
#include "drivers/virtio/mem/plan.c"
#include "tests/proofs/vmem_host.h"

void harness(void)
{
    struct vmem_planner planner;
    struct vmem_run run;
    struct vmem_plan plan;
    uint64_t wanted;
    planner.grows = nondet_bool();
    ASSUME(run.first <= ~(uint64_t)0 - run.nr_blocks);

    take(&planner, run, wanted, &plan);
    uint64_t end = run.first + run.nr_blocks;
    PROVE(plan.run.nr_blocks == vmem_min(run.nr_blocks, wanted));
    PROVE(plan.run.first >= run.first && plan.run.nr_blocks <= end - plan.run.first);
    PROVE(plan.action == (planner.grows ? VMEM_ACTION_PLUG : VMEM_ACTION_UNPLUG));
    PROVE(planner.grows ? plan.run.first == run.first : plan.run.first + plan.run.nr_blocks == end);
}
