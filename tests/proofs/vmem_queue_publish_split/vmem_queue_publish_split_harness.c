/* SPDX-License-Identifier: BSD-2-Clause */
/* What was added is shown to the device by the index alone, after all else, and it is notified if
 * it asked for that. */
#include "tests/proofs/ring.h"

#include "drivers/virtio/core/virtqueue_split.c"
const struct virtqueue_format vmem_queue_packed_format;
#include "drivers/virtio/core/virtqueue.c"

void harness(void)
{
    struct virtqueue queue;
    any_queue(&queue, &vmem_queue_split_format);
    proof_shows = &avail(&queue)->index;
    proof_has_written = true; /* by what was added */
    uint16_t before = queue.published, shown = avail(&queue)->index.raw;
    bool is_to_be_shown = queue.nr_added != 0 && !proof_device.broken;

    vmem_queue_publish(&queue);
    PROVE(avail(&queue)->index.raw == (is_to_be_shown ? queue.next_avail : shown));
    if (!is_to_be_shown) {
        PROVE(!proof_is_notified);
        return;
    }
    PROVE(queue.nr_added == 0 && is_queue_valid(&queue));
    bool is_passed = false; /* of what is shown now, was it the entry that the device named? */
    for (uint16_t i = 0; i < PROOF_SIZE; i++)
        is_passed |=
            i < (uint16_t)(queue.next_avail - before) && (uint16_t)(before + i) == proof_was_read;
    if ((uint16_t)(queue.next_avail - before) <= PROOF_SIZE)
        PROVE(proof_is_notified == (queue.event_idx ? is_passed : (proof_was_read & 1) == 0));
}
