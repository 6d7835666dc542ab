/* SPDX-License-Identifier: BSD-2-Clause */
/* Each transition that the table allows, and what it leaves behind. */
#include "drivers/virtio/mem/state.c"
#include "tests/proofs/vmem_host.h"

static unsigned nr_ended, nr_forgotten;

static void migration_end(void *context)
{
    (void)context;
    nr_ended++;
}

void vmem_plan_forget(struct vmem_planner *planner)
{
    (void)planner;
    nr_forgotten++;
}

void harness(void)
{
    static const struct vmem_memory_ops ops = {.migration_end = migration_end};
    static struct vmem_device vmem;
    enum vmem_state from = nondet_u8() % VMEM_NR_STATES, to = nondet_u8() % VMEM_NR_STATES;
    enum vmem_event event = 1u << nondet_u8() % 9;
    bool was_ready = nondet_bool();
    vmem.state = from;
    vmem.is_ready = was_ready;
    vmem.options.memory = &ops;
    PROVE(from == VMEM_STATE_BROKEN || from == VMEM_STATE_QUIESCED ||
          vmem_state_allows(from, VMEM_EVENT_QUIESCE, VMEM_STATE_QUIESCED));
    ASSUME(vmem_state_allows(from, event, to));

    vmem_enter(&vmem, to, event);
    PROVE(vmem.state == to && to != from && from != VMEM_STATE_BROKEN);
    PROVE((to == VMEM_STATE_QUIESCED) == (event == VMEM_EVENT_QUIESCE));
    PROVE((from == VMEM_STATE_QUIESCED && to != VMEM_STATE_BROKEN) <= (event == VMEM_EVENT_RESUME));
    PROVE((event == VMEM_EVENT_RESUME) <= (from == VMEM_STATE_QUIESCED));
    PROVE((to == VMEM_STATE_MIGRATING) <= (from == VMEM_STATE_TRACKING));
    PROVE(nr_ended == (from == VMEM_STATE_MIGRATING) && nr_forgotten == 1);
    PROVE(vmem.is_ready == (was_ready || to == VMEM_STATE_BROKEN));
}
