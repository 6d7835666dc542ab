/* SPDX-License-Identifier: BSD-2-Clause */
/* Any buffer added to any valid queue: descriptors that say what its pieces are, none of another
 * buffer's changed, and nothing shown to the device before it is whole. */
#include "tests/proofs/ring.h"

#include "drivers/virtio/core/virtqueue_packed.c"
const struct virtqueue_format vmem_queue_split_format;
#include "drivers/virtio/core/virtqueue.c"

void harness(void)
{
    struct virtqueue queue;
    struct virtqueue_piece pieces[PROOF_SIZE + 1];
    any_queue(&queue, &vmem_queue_packed_format);
    unsigned nr_readable, nr_writable, token, piece, other;
    ASSUME(nr_readable <= PROOF_SIZE && nr_writable <= PROOF_SIZE);
    ASSUME(nr_readable + nr_writable - 1 <= PROOF_SIZE && piece < nr_readable + nr_writable);
    struct virtqueue before = queue;
    uint16_t head_flags = ring(&queue)[before.next_avail].flags.raw;
    proof_shows = &ring(&queue)[before.next_avail].flags;
    proof_has_written = true;
    ASSUME(other < (unsigned)(PROOF_SIZE - queue.nr_free));
    unsigned position = (before.next_used + other) % PROOF_SIZE;
    struct packed_descriptor exposed = ring(&queue)[position];

    int status = vmem_queue_add(&queue, pieces, nr_readable, nr_writable, &token);
    PROVE(is_queue_valid(&queue));
    const struct packed_descriptor *now = &ring(&queue)[position];
    PROVE(now->address.raw == exposed.address.raw && now->flags.raw == exposed.flags.raw);
    if (status != VMEM_OK) {
        PROVE(queue.nr_free == before.nr_free && queue.outstanding == before.outstanding);
        return;
    }
    const struct packed_descriptor *head = &ring(&queue)[before.next_avail];
    PROVE(proof_slots[head->id.raw].token == &token && queue.outstanding == before.outstanding + 1);
    PROVE(before.nr_added != 0 || head->flags.raw == head_flags);
    const struct packed_descriptor *at = &ring(&queue)[(before.next_avail + piece) % PROOF_SIZE];
    PROVE(at->address.raw == pieces[piece].address && at->bytes.raw == pieces[piece].bytes);
    uint16_t flags = at == head && before.nr_added == 0 ? queue.first_flags : at->flags.raw;
    PROVE(((flags & VIRTQUEUE_DESC_WRITE) != 0) == (piece >= nr_readable));
    PROVE(((flags & VIRTQUEUE_DESC_NEXT) != 0) == (piece + 1 < nr_readable + nr_writable));
}
