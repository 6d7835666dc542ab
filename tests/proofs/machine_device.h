/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For machine.h: a device that answers what it likes, as request.c and core/virtio.h show it, and
 * the promises about what is asked of it.
 */
#ifndef TIDE_TESTS_PROOFS_MACHINE_DEVICE_H
#define TIDE_TESTS_PROOFS_MACHINE_DEVICE_H

/* ---- the device, by the queue: request.c's contract ---- */

static bool proof_has_answered;

static inline void proof_forget_requests(void)
{
    /* What an unplug request without an answer did is unknown. */
    proof.plugged &= proof.all ? 0 : ~proof.unplug;
    proof.plug = proof.unplug = proof.probe = proof.compare = 0;
    proof.all = false;
    proof_vmem.requests.nr_in_flight = 0;
}

void vmem_requests_forget(struct vmem_requests *requests)
{
    (void)requests;
    proof_forget_requests();
}

const struct vmem_request *vmem_requests_overdue(const struct vmem_requests *requests,
                                                 uint64_t now_ms)
{
    (void)now_ms;
    return nondet_bool() ? &requests->slots[0].request : NULL;
}

uint64_t vmem_requests_deadline(const struct vmem_requests *requests)
{
    (void)requests;
    return nondet_u64();
}

const char *vmem_request_name(enum virtio_mem_request_type type)
{
    (void)type;
    return "";
}

const char *vmem_response_name(enum vmem_response response)
{
    (void)response;
    return "";
}

int vmem_host_log_wanted(enum vmem_log_level level)
{
    (void)level;
    return nondet_bool();
}

const char *vmem_error_name(int status)
{
    (void)status;
    return "";
}

void vmem_queue_publish(struct virtqueue *queue)
{
    (void)queue;
}

void vmem_virtio_break(struct vmem_virtio *device, const char *format, ...)
{
    (void)format;
    device->broken = true;
}

/* What may be asked: here stand the promises about requests. */
static inline void prove_request(const struct vmem_request *request)
{
    const struct vmem_block_map *map = &proof_vmem.map;
    blocks_t blocks = blocks_of(request->run), online = proof_online, in_doubt = proof_in_doubt;
    PROVE(!proof.all && proof.compare == 0);
    PROVE((blocks & (proof.plug | proof.unplug | proof.probe)) == 0);
    switch (request->type) {
    case VIRTIO_MEM_REQ_PLUG: /* whatever comes of those in doubt: not above the requested size */
        PROVE(vmem_is_tracking(&proof_vmem) && (blocks & (online | in_doubt)) == 0);
        PROVE((map->nr_online + map->nr_in_doubt + request->run.nr_blocks) * PROOF_BYTES <=
              proof_vmem.config.requested_bytes);
        PROVE(vmem_run_bytes(&proof_vmem, request->run) + request->run.first * PROOF_BYTES <=
              proof_vmem.config.usable_bytes);
        break;
    case VIRTIO_MEM_REQ_UNPLUG: /* nobody uses it, and what stays is not below the target */
        PROVE((blocks & proof.used) == 0 && is_in(blocks, in_doubt & proof.plugged));
        PROVE(request->purpose == VMEM_PURPOSE_GIVE_BACK ||
              map->nr_online * PROOF_BYTES >= proof_vmem.target_bytes);
        break;
    case VIRTIO_MEM_REQ_UNPLUG_ALL:
        PROVE(proof.used == 0 && proof_vmem.requests.nr_in_flight == 0);
        PROVE(request->purpose == VMEM_PURPOSE_RELEASE || proof_vmem.target_bytes == 0);
        PROVE((request->purpose == VMEM_PURPOSE_RELEASE) ==
              (proof_vmem.state == VMEM_STATE_RELEASING));
        break;
    case VIRTIO_MEM_REQ_STATE:
        PROVE(are_alike(blocks) && proof_vmem.requests.nr_in_flight == 0);
        PROVE((request->purpose == VMEM_PURPOSE_PROBE) == is_in(blocks, in_doubt));
        break;
    }
}

int vmem_requests_submit(struct vmem_requests *requests, const struct vmem_request *request,
                         uint64_t base, uint64_t block_bytes, uint64_t deadline_ms)
{
    (void)deadline_ms;
    PROVE(base == PROOF_BASE && block_bytes == PROOF_BYTES && !proof_virtio.broken);
    prove_request(request);
    if (requests->nr_in_flight == VMEM_REQUESTS_MAX || nondet_bool())
        return VMEM_E_NOMEM;
    blocks_t blocks = blocks_of(request->run);
    requests->nr_in_flight++;
    if (request->type == VIRTIO_MEM_REQ_PLUG)
        proof.plug |= blocks;
    else if (request->type == VIRTIO_MEM_REQ_UNPLUG)
        proof.unplug |= blocks;
    else if (request->type == VIRTIO_MEM_REQ_UNPLUG_ALL)
        proof.all = true;
    else if (request->purpose == VMEM_PURPOSE_PROBE)
        proof.probe |= blocks;
    else
        proof.compare = blocks;
    return VMEM_OK;
}

/* The request that is answered, and what its answer says of the blocks. */
static inline void any_answer(struct vmem_reply *reply)
{
    struct vmem_request *request = &reply->request;
    bool tracks = vmem_is_tracking(&proof_vmem);
    blocks_t blocks = blocks_of(request->run), *named = &proof.plug;
    if (request->type == VIRTIO_MEM_REQ_STATE)
        named = request->purpose == VMEM_PURPOSE_PROBE ? &proof.probe : &proof.compare;
    else if (request->type == VIRTIO_MEM_REQ_UNPLUG)
        named = &proof.unplug;
    if (request->type == VIRTIO_MEM_REQ_STATE)
        ASSUME(request->purpose == VMEM_PURPOSE_PROBE || request->purpose == VMEM_PURPOSE_COMPARE);
    else
        request->purpose = tracks                                   ? VMEM_PURPOSE_TRACK
                           : request->type == VIRTIO_MEM_REQ_UNPLUG ? VMEM_PURPOSE_GIVE_BACK
                                                                    : VMEM_PURPOSE_RELEASE;
    if (request->type == VIRTIO_MEM_REQ_UNPLUG_ALL) {
        ASSUME(proof.all && request->run.nr_blocks == proof_vmem.map.nr_blocks);
        proof.all = false;
    } else {
        ASSUME(is_in(blocks, *named));
        *named &= ~blocks;
    }

    bool is_state = request->type == VIRTIO_MEM_REQ_STATE && reply->response == VMEM_ACK;
    bool is_one = request->run.nr_blocks == 1;
    bool was_nothing = reply->response == VMEM_BUSY ||
                       (reply->response == VMEM_NACK && request->type != VIRTIO_MEM_REQ_UNPLUG_ALL);
    if (is_state && reply->state == VIRTIO_MEM_STATE_PLUGGED)
        proof.plugged |= blocks;
    else if (is_state && (reply->state == VIRTIO_MEM_STATE_UNPLUGGED || is_one))
        proof.plugged &= ~blocks;
    else if (request->type == VIRTIO_MEM_REQ_PLUG && reply->response == VMEM_ACK)
        proof.plugged |= blocks;
    else if (request->type != VIRTIO_MEM_REQ_STATE && !was_nothing)
        proof.plugged &= ~blocks;
}

/* One answer at most: what the loop does with the next is the proof's next step. */
int vmem_requests_take(struct vmem_requests *requests, struct vmem_reply *reply)
{
    struct vmem_reply any = {.response = nondet_u8() % 5, .state = nondet_u8() % 3};
    PROVE(requests->nr_in_flight != 0 && !proof_virtio.broken && proof_is_valid());
    if (proof_has_answered) {
        proof_virtio.broken = nondet_bool();
        return VMEM_E_AGAIN;
    }
    proof_has_answered = true;
    any.request.run = any_run();
    any.request.type = nondet_u8() % 4;
    any.request.purpose = nondet_u8() % 5;
    any.type = any.response == VMEM_NO_ANSWER ? nondet_u16() : (uint16_t)any.response;
    any_answer(&any);
    requests->nr_in_flight--;
    ASSUME(is_number_valid());
    *reply = any;
    return VMEM_OK;
}

/* ---- the device, by its registers: core/virtio.h's contract ---- */

int vmem_virtio_reset(struct vmem_virtio *device)
{
    device->broken = nondet_bool();
    return device->broken ? VMEM_E_TIMEOUT : VMEM_OK;
}

int vmem_virtio_negotiate(struct vmem_virtio *device, uint64_t wanted, uint64_t required,
                          const char *const names[24])
{
    (void)wanted, (void)required, (void)names;
    device->broken = nondet_bool();
    return device->broken ? VMEM_E_UNSUPPORTED : VMEM_OK;
}

void vmem_virtio_driver_ok(struct vmem_virtio *device)
{
    (void)device;
}

bool vmem_virtio_needs_reset(struct vmem_virtio *device)
{
    (void)device;
    return nondet_bool();
}

uint32_t vmem_virtio_take_events(struct vmem_virtio *device)
{
    (void)device;
    return nondet_u32();
}

const char *vmem_virtio_feature_name(unsigned bit, const char *const names[24])
{
    (void)bit, (void)names;
    return NULL;
}

int vmem_queue_create(struct vmem_virtio *device, uint16_t index, uint16_t size,
                      struct virtqueue **queue)
{
    (void)device, (void)index, (void)size, (void)queue;
    return nondet_bool() ? VMEM_OK : VMEM_E_NOMEM;
}

void vmem_queue_destroy(struct virtqueue *queue)
{
    (void)queue;
}

int vmem_virtio_read_config(struct vmem_virtio *device, void *snapshot, uint32_t offset,
                            uint32_t bytes)
{
    (void)device, (void)snapshot;
    PROVE(offset + bytes == sizeof(struct virtio_mem_config_abi));
    return nondet_bool() ? VMEM_OK : nondet_bool() ? VMEM_E_TIMEOUT : VMEM_E_RANGE;
}

/* Any config that vmem_config_check_update() accepts, or none. */
void vmem_config_decode(const struct virtio_mem_config_abi *abi, bool has_acpi_pxm,
                        struct vmem_config *config)
{
    (void)abi, (void)has_acpi_pxm;
    *config = (struct vmem_config){.block_bytes = PROOF_BYTES, .region_base = PROOF_BASE};
    config->region_bytes = proof_vmem.map.nr_blocks * PROOF_BYTES;
    if (config->region_bytes == 0) /* the first config, which says how many blocks there are */
        config->region_bytes = (nondet_u8() % PROOF_BLOCKS + 1) * PROOF_BYTES;
    config->usable_bytes = nondet_u8() * PROOF_BYTES;
    config->plugged_bytes = nondet_u8() * PROOF_BYTES;
    config->requested_bytes = nondet_u8() * PROOF_BYTES;
}

const char *vmem_config_check_update(const struct vmem_config *now,
                                     const struct vmem_config *before, char *reason,
                                     size_t reason_bytes)
{
    (void)before, (void)reason_bytes;
    if (!is_size_valid(now->usable_bytes) || !is_size_valid(now->requested_bytes) || nondet_bool())
        return reason;
    return NULL;
}

static int device_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted)
{
    (void)device, (void)wanted;
    return nondet_bool() ? VMEM_OK : VMEM_E_UNSUPPORTED;
}

static void device_irq_disable(struct vmem_virtio *device)
{
    (void)device;
}

static void device_set_status(struct vmem_virtio *device, uint8_t status)
{
    (void)device, (void)status;
}

static const struct virtio_transport_ops proof_transport = {.irq_enable = device_irq_enable,
                                                            .irq_disable = device_irq_disable,
                                                            .set_status = device_set_status};

#endif
