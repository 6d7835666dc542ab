/* SPDX-License-Identifier: BSD-2-Clause */
/* One round of vmem_service() behind the answers, in any valid state: a look at any config, and
 * what the state asks for, up to where TRACKING begins to plan. */
#include "drivers/virtio/mem/machine.c"
#include "tests/proofs/machine.h"

void vmem_take_replies(struct vmem_device *vmem, uint64_t now_ms)
{
    (void)vmem, (void)now_ms;
}

bool vmem_track(struct vmem_device *vmem, uint64_t now_ms)
{
    (void)now_ms;
    PROVE(proof_is_valid() && proof_may_track(vmem));
    ASSUME(false); /* the proof of vmem_track goes on here */
    return false;
}

void harness(void)
{
    struct vmem_device *vmem = any_device();
    ASSUME(vmem->state != VMEM_STATE_BROKEN && vmem->state != VMEM_STATE_QUIESCED);
    ASSUME(!proof_virtio.broken);
    uint64_t now_ms = nondet_u64();

    if (take_events(vmem, now_ms))
        (void)run_round(vmem, now_ms);
    PROVE(proof_is_valid());
    PROVE(proof_virtio.broken == (vmem->state == VMEM_STATE_BROKEN));
}
