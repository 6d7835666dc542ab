/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtqueue: buffers go to the device, and come back used.
 *
 * The split and the packed ring stand behind this one interface; which it is
 * follows from the negotiated features. The queue keeps its own copy of what
 * it exposed and never believes the ring's memory: an id or an index from the
 * device that was not outstanding makes the device broken.
 *
 * One owner, no locking. A buffer's memory (vmem_host_dma_alloc()) stays
 * allocated until the buffer came back or the device was reset.
 */
#ifndef VMEM_CORE_VIRTQUEUE_H
#define VMEM_CORE_VIRTQUEUE_H

#include "virtio.h"

/* A piece of a buffer. */
struct virtqueue_piece {
    uint64_t address; /* for the device */
    uint32_t bytes;
};

/* A buffer that the device has used. */
struct virtqueue_used {
    void *token;    /* as given to vmem_queue_add() */
    uint32_t bytes; /* the device says it wrote, never more than it could; untrusted */
};

/*
 * Allocate the ring, at most size_wanted entries and the
 * device's maximum, and enable the queue. After FEATURES_OK, before DRIVER_OK.
 * VMEM_E_NODEV if the device has no such queue, VMEM_E_NOMEM, VMEM_E_INVAL for a queue size
 * from the device that is not valid, or the transport's refusal of the queue.
 */
VMEM_MUST_CHECK int vmem_queue_create(struct vmem_virtio *device, uint16_t index,
                                      uint16_t size_wanted, struct virtqueue **created);

/* Free the ring. The device has been reset before. NULL is allowed. */
void vmem_queue_destroy(struct virtqueue *queue);

/*
 * Expose one buffer: the pieces the device reads, then those it writes.
 * VMEM_E_NOMEM if the ring has no room now, VMEM_E_INVAL if it never will (more pieces
 * than the queue has entries, or more than 4 GiB), VMEM_E_BROKEN if the device is.
 * Not yet visible to the device until vmem_queue_publish().
 */
VMEM_MUST_CHECK int vmem_queue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                                   unsigned nr_readable, unsigned nr_writable, void *token);

/*
 * Make what was added available, and notify the device if it wants to be. Not before DRIVER_OK.
 * Does nothing if nothing was added. The device is told not to interrupt, for many have the answer
 * ready when the notification returns: take used buffers until VMEM_E_AGAIN, or until none is
 * outstanding.
 */
void vmem_queue_publish(struct virtqueue *queue);

/*
 * The next used buffer. VMEM_E_AGAIN if there is none yet: only then an interrupt is asked for, and
 * certain for the next one. VMEM_E_BROKEN if the ring holds what cannot be (vmem_virtio_break() was
 * called with the reason).
 */
VMEM_MUST_CHECK int vmem_queue_take_used(struct virtqueue *queue, struct virtqueue_used *used);

/* Never ask for an interrupt: the owner looks from time to time. */
void vmem_queue_poll(struct virtqueue *queue);

/* Buffers exposed and not yet back. */
uint16_t vmem_queue_outstanding(const struct virtqueue *queue);

uint16_t vmem_queue_size(const struct virtqueue *queue);

#endif
