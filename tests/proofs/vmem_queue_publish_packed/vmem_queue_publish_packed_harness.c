/* SPDX-License-Identifier: BSD-2-Clause */
/* What was added is shown by the flags of its first descriptor alone, after all else, and the
 * device is notified unless it said that it need not be. */
#include "tests/proofs/ring.h"

#include "drivers/virtio/core/virtqueue_packed.c"
const struct virtqueue_format vmem_queue_split_format;
#include "drivers/virtio/core/virtqueue.c"

void harness(void)
{
    struct virtqueue queue;
    any_queue(&queue, &vmem_queue_packed_format);
    proof_shows = &ring(&queue)[queue.first_position].flags;
    proof_has_written = true; /* by what was added */
    bool is_to_be_shown = queue.nr_added != 0 && !proof_device.broken;
    uint16_t flags = ring(&queue)[queue.first_position].flags.raw;

    vmem_queue_publish(&queue);
    PROVE(ring(&queue)[queue.first_position].flags.raw ==
          (is_to_be_shown ? queue.first_flags : flags));
    if (!is_to_be_shown) {
        PROVE(!proof_is_notified);
        return;
    }
    PROVE(queue.nr_added == 0 && is_queue_valid(&queue));
    uint16_t wish = proof_was_read_32 >> 16 & 3;
    if (wish == EVENT_DISABLE)
        PROVE(!proof_is_notified);
    else if (wish != EVENT_POSITION || !queue.event_idx)
        PROVE(proof_is_notified);
}
