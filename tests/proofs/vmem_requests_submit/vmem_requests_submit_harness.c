/* SPDX-License-Identifier: BSD-2-Clause */
/* Any request, with any slots taken, in a queue that takes it or not. */
#include "drivers/virtio/mem/request.c"
#include "tests/proofs/vmem_host.h"

static struct vmem_request_buffer buffers[VMEM_REQUESTS_MAX];
static struct vmem_requests requests;
static unsigned nr_added, slot; /* in whose buffer it was written */

int vmem_queue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                   unsigned nr_readable, unsigned nr_writable, void *token)
{
    (void)queue;
    nr_added++;
    slot = (unsigned)((struct vmem_slot *)token - requests.slots);
    uint64_t buffer = requests.buffers_address + slot * sizeof(buffers[0]);
    PROVE(nr_readable == 1 && nr_writable == 1 && slot < VMEM_REQUESTS_MAX);
    PROVE(pieces[0].address == buffer && pieces[0].bytes == 24);
    PROVE(pieces[1].address == buffer + 24 && pieces[1].bytes == 10);
    return nondet_bool() ? VMEM_OK : VMEM_E_NOMEM;
}

void harness(void)
{
    struct vmem_request request;
    unsigned other = nondet_u8() % VMEM_REQUESTS_MAX;
    uint64_t base = nondet_u64(), block_bytes = nondet_bool() ? 4096 : 2 << 20;
    bool is_full = true;
    request.type = nondet_u8() % 4;
    request.purpose = nondet_u8() % 5;
    ASSUME(request.run.nr_blocks >= 1 && request.run.nr_blocks <= VIRTIO_MEM_NB_BLOCKS_MAX);
    ASSUME(request.run.first < (uint64_t)16 << 20);
    requests.buffers = buffers;
    requests.buffers_address = nondet_u64() & 0xfffffffff000;
    requests.nr_in_flight = nondet_u8();
    for (unsigned i = 0; i < VMEM_REQUESTS_MAX; i++)
        is_full &= requests.slots[i].is_in_flight = nondet_bool();
    bool was_in_flight = requests.slots[other].is_in_flight;
    unsigned before = requests.nr_in_flight;

    int status = vmem_requests_submit(&requests, &request, base, block_bytes, nondet_u64());
    PROVE(nr_added == !is_full && (status == VMEM_OK) <= !is_full);
    PROVE(requests.nr_in_flight == before + (status == VMEM_OK));
    PROVE(requests.slots[other].is_in_flight ==
          (was_in_flight || (status == VMEM_OK && other == slot)));
    PROVE(is_full || other != slot || !was_in_flight);
    if (status != VMEM_OK)
        return;
    const struct virtio_mem_request_abi *written = &buffers[slot].request;
    bool has_run = request.type != VIRTIO_MEM_REQ_UNPLUG_ALL;
    PROVE(written->type.raw == request.type && buffers[slot].response.type.raw == 0xffff);
    PROVE(written->nb_blocks.raw == (has_run ? request.run.nr_blocks : 0));
    PROVE(written->addr.raw == (has_run ? base + request.run.first * block_bytes : 0));
    PROVE(requests.slots[slot].request.type == request.type);
    PROVE(requests.slots[slot].request.run.first == request.run.first);
}
