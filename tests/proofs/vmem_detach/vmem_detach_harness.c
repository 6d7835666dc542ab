/* SPDX-License-Identifier: BSD-2-Clause */
/* Letting go of a device in any valid state: only what nobody uses goes. */
#include "drivers/virtio/mem/attach.c"
#include "tests/proofs/machine.h"
#include "tests/proofs/machine_host.h"

/* Leaves a valid state behind, as the proofs of what it is made of say: any state is one that it
 * may have left. */
uint64_t vmem_service(struct vmem_device *vmem, uint64_t now_ms)
{
    PROVE(proof_is_valid() && vmem->is_detaching && vmem->state != VMEM_STATE_MIGRATING);
    return now_ms;
}

void harness(void)
{
    struct vmem_device *vmem = any_device();
    ASSUME(proof_virtio.broken == (vmem->state == VMEM_STATE_BROKEN));

    int status = vmem_detach(vmem);
    PROVE(status != VMEM_OK || proof.used == 0);
    PROVE(status == VMEM_OK || proof_is_valid());
    PROVE(status != VMEM_E_AGAIN || !proof_virtio.broken);
}
