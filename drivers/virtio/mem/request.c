/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests and answers; see the header. Nothing here knows what a request
 * does to a block, nor what to do about an answer.
 */
#include "drivers/virtio/mem/request.h"

#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

/* No type has this value: what a response holds that the device never wrote. */
#define RESPONSE_UNWRITTEN 0xffff /* with IN_ORDER, a used length may cover for others */

/* A cache line for each request, so that no two are written by both sides. */
struct vmem_request_buffer {
    struct virtio_mem_request_abi request;   /* we write, the device reads */
    struct virtio_mem_response_abi response; /* the device writes, we read */
} aligned_to(64);

_Static_assert(VMEM_REQUESTS_MAX * sizeof(struct vmem_request_buffer) <= PAGE_BYTES, "one page");

const char *vmem_request_name(enum virtio_mem_request_type type)
{
    static const char *const names[] = {"PLUG", "UNPLUG", "UNPLUG ALL", "STATE"};
    ASSERT(type < ARRAY_SIZE(names));
    return names[type];
}

const char *vmem_response_name(enum vmem_response response)
{
    static const char *const names[] = {"ACK", "NACK", "BUSY", "ERROR", "no answer"};
    ASSERT(response < ARRAY_SIZE(names));
    return names[response];
}

int vmem_requests_init(struct vmem_requests *requests)
{
    *requests = (struct vmem_requests){.memory = page_alloc(0, PAGE_KERNEL)};
    if (requests->memory == PADDR_NONE)
        return E_NOMEM;
    requests->buffers = phys_to_virt(requests->memory);
    return OK;
}

void vmem_requests_free(struct vmem_requests *requests)
{
    ASSERT(requests->nr_in_flight == 0);
    if (requests->memory != PADDR_NONE)
        page_free(requests->memory, 0);
    requests->memory = PADDR_NONE;
}

static void encode(const struct vmem_request *request, paddr_t base, u64 block_bytes,
                   struct virtio_mem_request_abi *abi)
{
    memset(abi, 0, sizeof(*abi));
    abi->type = cpu_to_le16((u16)request->type);
    if (request->type == VIRTIO_MEM_REQ_UNPLUG_ALL)
        return;
    ASSERT(request->run.nr_blocks >= 1 && request->run.nr_blocks <= VIRTIO_MEM_NB_BLOCKS_MAX);
    abi->addr = cpu_to_le64(base + request->run.first * block_bytes);
    abi->nb_blocks = cpu_to_le16((u16)request->run.nr_blocks);
}

int vmem_requests_submit(struct vmem_requests *requests, const struct vmem_request *request,
                         paddr_t base, u64 block_bytes, u64 deadline_ms)
{
    unsigned index = 0;
    while (index < VMEM_REQUESTS_MAX && requests->slots[index].is_in_flight)
        index++;
    if (index == VMEM_REQUESTS_MAX)
        return E_NOMEM;
    struct vmem_slot *slot = &requests->slots[index];
    struct vmem_request_buffer *buffer = &requests->buffers[index];
    encode(request, base, block_bytes, &buffer->request);
    memset(&buffer->response, 0, sizeof(buffer->response));
    buffer->response.type = cpu_to_le16(RESPONSE_UNWRITTEN);
    const struct virtqueue_piece pieces[] = {
        {virt_to_phys(&buffer->request), sizeof(buffer->request)},
        {virt_to_phys(&buffer->response), sizeof(buffer->response)},
    };
    int status = vmem_queue_add(requests->queue, pieces, 1, 1, slot);
    if (status != OK)
        return status;
    *slot = (struct vmem_slot){*request, true, deadline_ms};
    requests->nr_in_flight++;
    return OK;
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
        u16 state = abi->state.raw;
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
    if (status != OK)
        return status;
    struct vmem_slot *slot = used.token;
    ASSERT(slot->is_in_flight);
    *reply = (struct vmem_reply){.request = slot->request, .bytes = used.bytes};
    decode(&requests->buffers[slot - requests->slots].response, reply);
    slot->is_in_flight = false;
    requests->nr_in_flight--;
    return OK;
}

u64 vmem_requests_deadline(const struct vmem_requests *requests)
{
    u64 deadline_ms = ~(u64)0;
    for (unsigned i = 0; i < VMEM_REQUESTS_MAX && requests->nr_in_flight != 0; i++) {
        if (requests->slots[i].is_in_flight)
            deadline_ms = min_u64(deadline_ms, requests->slots[i].deadline_ms);
    }
    return deadline_ms;
}

const struct vmem_request *vmem_requests_overdue(const struct vmem_requests *requests, u64 now_ms)
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
