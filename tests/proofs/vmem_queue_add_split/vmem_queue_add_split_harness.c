/* SPDX-License-Identifier: BSD-2-Clause */
/* Any buffer added to any valid queue: descriptors that say what its pieces are, and nothing of
 * another buffer's changed. */
#include "tests/proofs/ring.h"

#include "drivers/virtio/core/virtqueue_split.c"
const struct virtqueue_format vmem_queue_packed_format;
#include "drivers/virtio/core/virtqueue.c"

void harness(void)
{
    struct virtqueue queue;
    struct virtqueue_piece pieces[PROOF_SIZE + 1];
    any_queue(&queue, &vmem_queue_split_format);
    unsigned nr_readable, nr_writable, token, other, piece;
    ASSUME(nr_readable <= PROOF_SIZE && nr_writable <= PROOF_SIZE);
    ASSUME(nr_readable + nr_writable - 1 <= PROOF_SIZE && piece < nr_readable + nr_writable);
    struct virtqueue before = queue;
    ASSUME(other < PROOF_SIZE);
    struct split_descriptor exposed = descriptors(&queue)[other];

    int status = vmem_queue_add(&queue, pieces, nr_readable, nr_writable, &token);
    PROVE(is_queue_valid(&queue));
    if (status != VMEM_OK) {
        PROVE(queue.nr_free == before.nr_free && queue.outstanding == before.outstanding);
        return;
    }
    uint16_t id = avail(&queue)->ring[before.next_avail % PROOF_SIZE].raw;
    PROVE(id == before.free_head && proof_slots[id].token == &token);
    PROVE(queue.outstanding == before.outstanding + 1);
    const struct split_descriptor *table = descriptors(&queue), *at = &table[id];
    bool is_changed = other == id;
    for (unsigned i = 0; i < PROOF_SIZE; i++) {
        if (i == piece) {
            PROVE(at->address.raw == pieces[i].address && at->bytes.raw == pieces[i].bytes);
            PROVE(((at->flags.raw & VIRTQUEUE_DESC_WRITE) != 0) == (i >= nr_readable));
            PROVE(((at->flags.raw & VIRTQUEUE_DESC_NEXT) != 0) ==
                  (i + 1 < nr_readable + nr_writable));
            break;
        }
        at = &table[at->next.raw];
        is_changed |= at == &descriptors(&queue)[other];
    }
    if (piece + 1 == nr_readable + nr_writable && !is_changed)
        PROVE(descriptors(&queue)[other].address.raw == exposed.address.raw &&
              descriptors(&queue)[other].flags.raw == exposed.flags.raw);
}
