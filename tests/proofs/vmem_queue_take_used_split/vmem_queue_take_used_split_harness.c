/* SPDX-License-Identifier: BSD-2-Clause */
/* One buffer taken from any valid queue, whatever the device has written and writes meanwhile. */
#include "tests/proofs/ring.h"

#include "drivers/virtio/core/virtqueue_split.c"
const struct virtqueue_format vmem_queue_packed_format;
#include "drivers/virtio/core/virtqueue.c"

void harness(void)
{
    struct virtqueue queue;
    struct virtqueue_used used;
    any_queue(&queue, &vmem_queue_split_format);
    proof_tells = &used_ring(&queue)->index;
    uint16_t outstanding = queue.outstanding;
    struct virtqueue_slot before[PROOF_SIZE];
    for (unsigned i = 0; i < PROOF_SIZE; i++)
        before[i] = proof_slots[i];

    int status = vmem_queue_take_used(&queue, &used);
    PROVE(status == VMEM_OK || status == VMEM_E_AGAIN || status == VMEM_E_BROKEN);
    PROVE(is_queue_valid(&queue));
    PROVE((status == VMEM_E_BROKEN) == proof_device.broken);
    if (status != VMEM_OK) {
        PROVE(queue.outstanding == outstanding);
        return;
    }
    PROVE(queue.outstanding == outstanding - 1);
    bool was_given = false;
    for (unsigned i = 0; i < PROOF_SIZE; i++)
        was_given |= before[i].nr_descriptors != 0 && proof_slots[i].nr_descriptors == 0 &&
                     used.token == before[i].token && used.bytes <= before[i].writable_bytes;
    PROVE(was_given);
}
