/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the memory device and its answers, and nothing of what they mean.
 *
 * Up to VMEM_REQUESTS_MAX are in flight at once, each in a buffer of its own.
 * A buffer is not used again until the device gave it back, or was reset: an
 * answer that comes late finds its own buffer and no other. Answers are
 * untrusted: each field is read once, and a short answer is none.
 */
#ifndef VMEM_MEM_REQUEST_H
#define VMEM_MEM_REQUEST_H

#include "../core/virtqueue.h"
#include "block_map.h"
#include "config.h"

#define VMEM_REQUESTS_MAX 16

/* What a request is for: its answer means something else for each. */
enum vmem_purpose {
    VMEM_PURPOSE_TRACK,     /* PLUG, UNPLUG, UNPLUG ALL: to reach the target */
    VMEM_PURPOSE_RELEASE,   /* UNPLUG ALL of what an earlier driver left plugged */
    VMEM_PURPOSE_PROBE,     /* STATE of blocks in doubt */
    VMEM_PURPOSE_COMPARE,   /* STATE of blocks that are not */
    VMEM_PURPOSE_GIVE_BACK, /* UNPLUG of plugged blocks that the allocator cannot take */
};

struct vmem_request {
    enum virtio_mem_request_type type;
    enum vmem_purpose purpose;
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
    uint16_t type;               /* as the device wrote it, and */
    uint32_t bytes;              /* how much it says it wrote: for the log */
    enum virtio_mem_state state; /* STATE and ACK only; one of the three */
};

struct vmem_request_buffer; /* the memory that the device reads and writes */

struct vmem_requests {
    struct virtqueue *queue;             /* NULL while the device is reset */
    struct vmem_request_buffer *buffers; /* DMA memory, one for each slot */
    uint64_t buffers_address;            /* for the device */
    struct vmem_slot {
        struct vmem_request request;
        bool is_in_flight;
        uint64_t deadline_ms;
    } slots[VMEM_REQUESTS_MAX];
    unsigned nr_in_flight;
};

const char *vmem_request_name(enum virtio_mem_request_type type); /* "PLUG" */
const char *vmem_response_name(enum vmem_response response);      /* "ACK" */

/* Allocate the buffers; VMEM_E_NOMEM. The queue is set by whoever creates it. */
VMEM_MUST_CHECK int vmem_requests_init(struct vmem_requests *requests);
void vmem_requests_free(struct vmem_requests *requests);

/*
 * Put a request in the queue; the device sees it after vmem_queue_publish().
 * base and block_bytes turn block numbers into addresses. VMEM_E_NOMEM when all
 * slots or the ring are taken.
 */
VMEM_MUST_CHECK int vmem_requests_submit(struct vmem_requests *requests,
                                         const struct vmem_request *request, uint64_t base,
                                         uint64_t block_bytes, uint64_t deadline_ms);

/* The next answer. VMEM_E_AGAIN if there is none, VMEM_E_BROKEN by vmem_virtio_break(). */
VMEM_MUST_CHECK int vmem_requests_take(struct vmem_requests *requests, struct vmem_reply *reply);

/* The request whose time is up at now_ms, or NULL. */
const struct vmem_request *vmem_requests_overdue(const struct vmem_requests *requests,
                                                 uint64_t now_ms);

/* When the first of those in flight is overdue; ~0 if none is. */
uint64_t vmem_requests_deadline(const struct vmem_requests *requests);

/* The device was reset: the buffers are ours again. */
void vmem_requests_forget(struct vmem_requests *requests);

#endif
