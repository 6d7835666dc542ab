/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One virtqueue: buffers go to the device, and come back used.
 *
 * The split and the packed ring stand behind this one interface; which it is
 * follows from the negotiated features. The queue keeps its own copy of what
 * it exposed and never believes the ring's memory: an id or an index from the
 * device that was not outstanding makes the device broken.
 *
 * One owner, no locking. Buffers are physical addresses of memory that stays
 * allocated until the buffer came back or the device was reset.
 */
#ifndef TIDE_DRIVERS_VIRTIO_CORE_VIRTQUEUE_H
#define TIDE_DRIVERS_VIRTIO_CORE_VIRTQUEUE_H

#include "drivers/virtio/core/virtio.h"

/* A piece of a buffer. */
struct virtqueue_piece {
    paddr_t paddr;
    u32 bytes;
};

/* A buffer that the device has used. */
struct virtqueue_used {
    void *token; /* as given to vmem_queue_add() */
    u32 bytes;   /* the device says it wrote, never more than it could; untrusted */
};

/*
 * Allocate the ring (PAGE_KERNEL pages), at most size_wanted entries and the
 * device's maximum, and enable the queue. After FEATURES_OK, before DRIVER_OK.
 * E_NODEV if the device has no such queue, E_NOMEM, E_INVAL for a queue size
 * from the device that is not valid, or the transport's refusal of the queue.
 */
must_check int vmem_queue_create(struct vmem_virtio *device, u16 index, u16 size_wanted,
                                 struct virtqueue **created);

/* Free the ring. The device has been reset before. NULL is allowed. */
void vmem_queue_destroy(struct virtqueue *queue);

/*
 * Expose one buffer: the pieces the device reads, then those it writes.
 * E_NOMEM if the ring has no room now, E_INVAL if it never will (more pieces
 * than the queue has entries, or more than 4 GiB), E_BROKEN if the device is.
 * Not yet visible to the device until vmem_queue_publish().
 */
must_check int vmem_queue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                              unsigned nr_readable, unsigned nr_writable, void *token);

/*
 * Make what was added available, and notify the device if it wants to be. Not
 * before DRIVER_OK. Does nothing if nothing was added.
 */
void vmem_queue_publish(struct virtqueue *queue);

/*
 * The next used buffer. E_AGAIN if there is none yet: take until then, only
 * then is an interrupt certain for the next one. E_BROKEN if the ring
 * holds what cannot be (vmem_virtio_break() was called with the reason).
 */
must_check int vmem_queue_take_used(struct virtqueue *queue, struct virtqueue_used *used);

/*
 * With RING_RESET: take the queue back from the device, forget every buffer in
 * it and enable it anew. E_UNSUPPORTED without the feature, E_TIMEOUT if the
 * device does not give it back: then only vmem_virtio_reset() does.
 */
must_check int vmem_queue_reset(struct virtqueue *queue);

/* Buffers exposed and not yet back. */
u16 vmem_queue_outstanding(const struct virtqueue *queue);

u16 vmem_queue_size(const struct virtqueue *queue);

#endif
