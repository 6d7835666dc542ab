/* SPDX-License-Identifier: BSD-2-Clause */
/* Any run that a survey meets. */
#include "drivers/virtio/mem/plan.c"
#include "tests/proofs/vmem_host.h"

void harness(void)
{
    struct vmem_planner planner;
    struct vmem_run run;
    uint64_t usable_blocks, wanted;
    ASSUME(run.nr_blocks != 0 && run.first <= ~(uint64_t)0 - run.nr_blocks);
    ASSUME(planner.nr_runs < 1u << 24 && planner.nr_blocks <= ~(uint64_t)0 - run.nr_blocks);
    unsigned class = nondet_u8() % VMEM_LENGTH_CLASSES;
    ASSUME(planner.nr_of_class[class] < 1u << 24);
    struct vmem_planner before = planner;
    bool is_usable = run.first < usable_blocks;
    uint64_t length = is_usable ? vmem_min(run.nr_blocks, usable_blocks - run.first) : 0;

    count_run(&planner, run, usable_blocks, wanted);
    PROVE(planner.nr_blocks == before.nr_blocks + run.nr_blocks);
    PROVE(planner.nr_runs == before.nr_runs + is_usable);
    PROVE(planner.nr_of_class[class] ==
          before.nr_of_class[class] + (is_usable && class_of(length) == class));
    bool is_fit = is_usable && length >= wanted;
    PROVE(planner.fit.first == (is_fit ? run.first : before.fit.first));
    PROVE(planner.fit.nr_blocks == (is_fit ? length : before.fit.nr_blocks));
}
