/* SPDX-License-Identifier: BSD-2-Clause */
/* One buffer taken from any valid queue, whatever the device has written and writes meanwhile. */
#include "tests/proofs/ring.h"

#include "drivers/virtio/core/virtqueue_packed.c"
const struct virtqueue_format vmem_queue_split_format;
#include "drivers/virtio/core/virtqueue.c"

void harness(void)
{
    struct virtqueue queue;
    struct virtqueue_used used;
    any_queue(&queue, &vmem_queue_packed_format);
    proof_tells = &ring(&queue)[queue.next_used].flags;
    uint16_t outstanding = queue.outstanding;
    int status = vmem_queue_take_used(&queue, &used);
    prove_taken(&queue, status, outstanding, &used);
}
