/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel may call besides vmem_service(), in any valid state. */
#include "drivers/virtio/mem/machine.c"
#include "tests/proofs/machine.h"

void vmem_take_replies(struct vmem_device *vmem, uint64_t now_ms)
{
    (void)vmem, (void)now_ms;
}

bool vmem_track(struct vmem_device *vmem, uint64_t now_ms)
{
    (void)vmem, (void)now_ms;
    return false;
}

void harness(void)
{
    struct vmem_device *vmem = any_device();
    ASSUME(proof_virtio.broken == (vmem->state == VMEM_STATE_BROKEN));
    bool was_broken = proof_virtio.broken;
    switch (nondet_u8() % 4) {
    case 0:
        (void)vmem_verify(vmem);
        break;
    case 1:
        (void)vmem_quiesce(vmem);
        break;
    case 2:
        vmem_resume(vmem, nondet_u64());
        break;
    default:
        vmem_gone(vmem, "");
        break;
    }
    PROVE(proof_is_valid());
    PROVE(proof_virtio.broken == (vmem->state == VMEM_STATE_BROKEN));
    PROVE(proof_virtio.broken >= was_broken);
}
