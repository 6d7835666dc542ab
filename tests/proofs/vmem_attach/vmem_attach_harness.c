/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the invariant begins: a device that was attached is in a valid state, with any config. */
#include "drivers/virtio/mem/attach.c"
#include "tests/proofs/machine.h"
#include "tests/proofs/machine_host.h"

uint64_t vmem_service(struct vmem_device *vmem, uint64_t now_ms)
{
    (void)vmem;
    return now_ms;
}

void harness(void)
{
    const struct vmem_options options = {
        .memory = &proof_memory, .name = "", .memory_limit = nondet_u64()};
    struct vmem_device *vmem = NULL, any;
    proof_vmem = any; /* what memory had in it */
    proof_vmem.map.nr_blocks = 0;
    proof_virtio.ops = &proof_transport;

    if (vmem_attach(&proof_virtio, &options, &vmem) != VMEM_OK) {
        PROVE(vmem == NULL && proof_virtio.name == NULL);
        return;
    }
    PROVE(vmem == &proof_vmem && proof_is_valid() && vmem->state == VMEM_STATE_STARTING);
    PROVE(!proof_virtio.broken && vmem->config.region_bytes != 0);
}
