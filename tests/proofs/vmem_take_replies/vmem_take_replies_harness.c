/* SPDX-License-Identifier: BSD-2-Clause */
/* One answer of any kind to any request in flight, in any valid state. */
#include "tests/proofs/machine.h"

void harness(void)
{
    struct vmem_device *vmem = any_device();
    ASSUME(vmem->state != VMEM_STATE_BROKEN && vmem->state != VMEM_STATE_QUIESCED);
    ASSUME(!proof_virtio.broken);

    vmem_take_replies(vmem, nondet_u64());
    vmem_notice_broken(vmem, VMEM_EVENT_REPLY);
    PROVE(proof_is_valid());
    PROVE(proof_virtio.broken == (vmem->state == VMEM_STATE_BROKEN));
}
