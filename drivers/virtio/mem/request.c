/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and answers; see the header. Nothing here knows what a request
 * does to a block, nor what to do about an answer.
 */
#include "request.h"

#define CACHE_LINE_BYTES 64
/* The device never wrote the response, whatever the used length says. */
#define RESPONSE_UNWRITTEN 0xffff

/* A cache line for each request, so that no two are written by both sides. */
struct vmem_request_buffer {
    struct virtio_mem_request_abi request;   /* we write, the device reads */
    struct virtio_mem_response_abi response; /* the device writes, we read */
} VMEM_ALIGNED(CACHE_LINE_BYTES);

#define BUFFERS_BYTES (VMEM_REQUESTS_MAX * sizeof(struct vmem_request_buffer))

const char *vmem_request_name(enum virtio_mem_request_type type)
{
    static const char *const names[] = {"PLUG", "UNPLUG", "UNPLUG ALL", "STATE"};
    VMEM_ASSERT(type < VMEM_ARRAY_SIZE(names));
    return names[type];
}

const char *vmem_response_name(enum vmem_response response)
{
    static const char *const names[] = {"ACK", "NACK", "BUSY", "ERROR", "no answer"};
    VMEM_ASSERT(response < VMEM_ARRAY_SIZE(names));
    return names[response];
}

int vmem_requests_init(struct vmem_requests *requests)
{
    *requests = (struct vmem_requests){0};
    requests->buffers =
        vmem_host_dma_alloc(BUFFERS_BYTES, CACHE_LINE_BYTES, &requests->buffers_address);
    return requests->buffers ? VMEM_OK : VMEM_E_NOMEM;
}

void vmem_requests_free(struct vmem_requests *requests)
{
    VMEM_ASSERT(requests->nr_in_flight == 0);
    vmem_host_dma_free(requests->buffers, BUFFERS_BYTES, requests->buffers_address);
    requests->buffers = NULL;
}

static void encode(const struct vmem_request *request, uint64_t base, uint64_t block_bytes,
                   struct virtio_mem_request_abi *abi)
{
    memset(abi, 0, sizeof(*abi));
    abi->type = vmem_to_le16((uint16_t)request->type);
    if (request->type == VIRTIO_MEM_REQ_UNPLUG_ALL)
        return;
    VMEM_ASSERT(request->run.nr_blocks >= 1 && request->run.nr_blocks <= VIRTIO_MEM_NB_BLOCKS_MAX);
    abi->addr = vmem_to_le64(base + request->run.first * block_bytes);
    abi->nb_blocks = vmem_to_le16((uint16_t)request->run.nr_blocks);
}

int vmem_requests_submit(struct vmem_requests *requests, const struct vmem_request *request,
                         uint64_t base, uint64_t block_bytes, uint64_t deadline_ms)
{
    unsigned index = 0;
    while (index < VMEM_REQUESTS_MAX && requests->slots[index].is_in_flight)
        index++;
    if (index == VMEM_REQUESTS_MAX)
        return VMEM_E_NOMEM;
    struct vmem_slot *slot = &requests->slots[index];
    struct vmem_request_buffer *buffer = &requests->buffers[index];
    encode(request, base, block_bytes, &buffer->request);
    buffer->response.type = vmem_to_le16(RESPONSE_UNWRITTEN);
    uint64_t address = requests->buffers_address + index * sizeof(*buffer);
    const struct virtqueue_piece pieces[] = {
        {address + offsetof(struct vmem_request_buffer, request), sizeof(buffer->request)},
        {address + offsetof(struct vmem_request_buffer, response), sizeof(buffer->response)},
    };
    int status = vmem_queue_add(requests->queue, pieces, 1, 1, slot);
    if (status != VMEM_OK)
        return status;
    *slot = (struct vmem_slot){*request, true, deadline_ms};
    requests->nr_in_flight++;
    return VMEM_OK;
}

/*
 * virtio 1.4, "Memory Device: Device Operation": nothing but the type counts
 * (M17 to M20), the state only with STATE and ACK (M21). "The Virtqueue Used
 * Ring": no byte behind the used length was written (Q9). The device may
 * still write while we look, so each field is read exactly once.
 */
static void decode(const volatile struct virtio_mem_response_abi *abi, struct vmem_reply *reply)
{
    reply->response = VMEM_NO_ANSWER;
    reply->type = RESPONSE_UNWRITTEN;
    if (reply->bytes < sizeof(abi->type))
        return;
    reply->type = abi->type.raw;
    if (reply->type > VIRTIO_MEM_RESP_ERROR)
        return;
    if (reply->request.type == VIRTIO_MEM_REQ_STATE && reply->type == VIRTIO_MEM_RESP_ACK) {
        if (reply->bytes < sizeof(*abi))
            return;
        uint16_t state = abi->state.raw;
        if (state > VIRTIO_MEM_STATE_MIXED)
            return;
        reply->state = (enum virtio_mem_state)state;
    }
    static const enum vmem_response responses[] = {
        [VIRTIO_MEM_RESP_ACK] = VMEM_ACK,
        [VIRTIO_MEM_RESP_NACK] = VMEM_NACK,
        [VIRTIO_MEM_RESP_BUSY] = VMEM_BUSY,
        [VIRTIO_MEM_RESP_ERROR] = VMEM_ERROR,
    };
    reply->response = responses[reply->type];
}

int vmem_requests_take(struct vmem_requests *requests, struct vmem_reply *reply)
{
    struct virtqueue_used used;
    int status = vmem_queue_take_used(requests->queue, &used);
    if (status != VMEM_OK)
        return status;
    struct vmem_slot *slot = used.token;
    VMEM_ASSERT(slot->is_in_flight);
    *reply = (struct vmem_reply){.request = slot->request, .bytes = used.bytes};
    decode(&requests->buffers[slot - requests->slots].response, reply);
    slot->is_in_flight = false;
    requests->nr_in_flight--;
    return VMEM_OK;
}

uint64_t vmem_requests_deadline(const struct vmem_requests *requests)
{
    uint64_t deadline_ms = ~(uint64_t)0;
    for (unsigned i = 0; i < VMEM_REQUESTS_MAX && requests->nr_in_flight != 0; i++) {
        if (requests->slots[i].is_in_flight)
            deadline_ms = vmem_min(deadline_ms, requests->slots[i].deadline_ms);
    }
    return deadline_ms;
}

const struct vmem_request *vmem_requests_overdue(const struct vmem_requests *requests,
                                                 uint64_t now_ms)
{
    for (unsigned i = 0; i < VMEM_REQUESTS_MAX && requests->nr_in_flight != 0; i++) {
        const struct vmem_slot *slot = &requests->slots[i];
        if (slot->is_in_flight && slot->deadline_ms <= now_ms)
            return &slot->request;
    }
    return NULL;
}

void vmem_requests_forget(struct vmem_requests *requests)
{
    for (unsigned i = 0; i < VMEM_REQUESTS_MAX; i++)
        requests->slots[i].is_in_flight = false;
    requests->nr_in_flight = 0;
}
