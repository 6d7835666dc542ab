/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes that a device may have written, of any number, for any request in flight. */
#include "drivers/virtio/mem/request.c"
#include "tests/proofs/vmem_host.h"

static struct vmem_request_buffer buffers[VMEM_REQUESTS_MAX];
static struct vmem_requests requests;
static unsigned slot;

int vmem_queue_take_used(struct virtqueue *queue, struct virtqueue_used *used)
{
    (void)queue;
    *used = (struct virtqueue_used){&requests.slots[slot], nondet_u32()};
    return nondet_bool() ? VMEM_OK : VMEM_E_AGAIN;
}

void harness(void)
{
    struct vmem_reply reply;
    struct vmem_run run;
    struct vmem_request request = {nondet_u8() % 4, nondet_u8() % 5, run};
    struct virtio_mem_response_abi written;
    slot = nondet_u8() % VMEM_REQUESTS_MAX;
    requests.buffers = buffers;
    buffers[slot].response = written;
    requests.slots[slot] = (struct vmem_slot){request, true, 0};
    requests.nr_in_flight = 1;

    if (vmem_requests_take(&requests, &reply) != VMEM_OK) {
        PROVE(requests.slots[slot].is_in_flight && requests.nr_in_flight == 1);
        return;
    }
    PROVE(!requests.slots[slot].is_in_flight && requests.nr_in_flight == 0);
    PROVE(reply.request.type == request.type && reply.request.run.first == request.run.first);
    bool is_state = request.type == VIRTIO_MEM_REQ_STATE && written.type.raw == 0;
    bool is_answer = written.type.raw <= VIRTIO_MEM_RESP_ERROR &&
                     reply.bytes >= (is_state ? 10u : 2u) && (!is_state || written.state.raw <= 2);
    PROVE((reply.response != VMEM_NO_ANSWER) == is_answer);
    PROVE(!is_answer || (unsigned)reply.response == written.type.raw);
    PROVE(!is_answer || reply.type <= VIRTIO_MEM_RESP_ERROR); /* counted by it */
    PROVE(!is_answer || !is_state || (unsigned)reply.state == written.state.raw);
}
