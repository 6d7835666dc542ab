/* SPDX-License-Identifier: BSD-2-Clause */
/* Any counts of runs of every length, and any number of blocks wanted of them. */
#include "drivers/virtio/mem/plan.h"
#undef VMEM_LENGTH_CLASSES
#define VMEM_LENGTH_CLASSES 24u
#include "drivers/virtio/mem/plan.c"
#include "tests/proofs/plan.h"
#include "tests/proofs/vmem_host.h"

void harness(void)
{
    struct vmem_planner planner;
    uint64_t need;
    bool has_run = false;
    for (unsigned i = 1; i < VMEM_LENGTH_CLASSES; i++)
        has_run |= planner.nr_of_class[i] != 0;
    ASSUME(need != 0 && need < (uint64_t)1 << 32);
    ASSUME(planner.nr_of_class[0] == 0 && has_run);

    begin_sweep(&planner, need);
    PROVE(is_sweep_right(&planner, VMEM_LENGTH_CLASSES));
}
