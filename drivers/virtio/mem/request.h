/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the memory device and its answers, and nothing of what they mean.
 *
 * Up to VMEM_REQUESTS_MAX are in flight at once, each in a buffer of its own.
 * A buffer is not used again until the device gave it back, or was reset: an
 * answer that comes late finds its own buffer and no other. Answers are
 * untrusted: each field is read once, and a short answer is none.
 */
#ifndef TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_REQUEST_H
#define TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_REQUEST_H

#include "drivers/virtio/core/virtqueue.h"
#include "drivers/virtio/mem/block_map.h"
#include "drivers/virtio/mem/config.h"

#define VMEM_REQUESTS_MAX 16

struct vmem_request {
    enum virtio_mem_request_type type;
    struct vmem_run run; /* not UNPLUG ALL; 1 to 65,535 blocks */
};

/* virtio_mem_response_type, and what a driver must be ready for besides. */
enum vmem_response {
    VMEM_ACK,
    VMEM_NACK,
    VMEM_BUSY,
    VMEM_ERROR,
    VMEM_NO_ANSWER, /* the buffer came back too short, or with a type that does not exist */
};

struct vmem_reply {
    struct vmem_request request; /* what it answers */
    enum vmem_response response;
    u16 type;                    /* as the device wrote it, and */
    u32 bytes;                   /* how much it says it wrote: for the log */
    enum virtio_mem_state state; /* STATE and ACK only; one of the three */
};

struct vmem_request_buffer; /* the memory that the device reads and writes */

struct vmem_requests {
    struct virtqueue *queue; /* NULL while the device is reset */
    paddr_t memory;          /* one page of buffers, one for each slot */
    struct vmem_request_buffer *buffers;
    struct vmem_slot {
        struct vmem_request request;
        bool is_in_flight;
        u64 deadline_ms;
    } slots[VMEM_REQUESTS_MAX];
    unsigned nr_in_flight;
};

const char *vmem_request_name(enum virtio_mem_request_type type); /* "PLUG" */
const char *vmem_response_name(enum vmem_response response);      /* "ACK" */

/* Allocate the buffers; E_NOMEM. The queue is set by whoever creates it. */
must_check int vmem_requests_init(struct vmem_requests *requests);
void vmem_requests_free(struct vmem_requests *requests);

/*
 * Put a request in the queue; the device sees it after vmem_queue_publish().
 * base and block_bytes turn block numbers into addresses. E_NOMEM when all
 * slots or the ring are taken.
 */
must_check int vmem_requests_submit(struct vmem_requests *requests,
                                    const struct vmem_request *request, paddr_t base,
                                    u64 block_bytes, u64 deadline_ms);

/* The next answer. E_AGAIN if there is none, E_BROKEN if the ring is (vmem_virtio_break() was
 * called).
 */
must_check int vmem_requests_take(struct vmem_requests *requests, struct vmem_reply *reply);

/* The request whose time is up at now_ms, or NULL. */
const struct vmem_request *vmem_requests_overdue(const struct vmem_requests *requests, u64 now_ms);

/* When the first of those in flight is overdue; ~0 if none is. */
u64 vmem_requests_deadline(const struct vmem_requests *requests);

/* The device was reset: the buffers are ours again. */
void vmem_requests_forget(struct vmem_requests *requests);

#endif
