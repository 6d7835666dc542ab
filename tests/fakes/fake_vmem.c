/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_vmem.h. */
#include "tests/fakes/fake_vmem.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define QEMU_USABLE_EXTENT (256 * MIB)
#define NO_REPLY           0xffff

/* ---- config ---- */

void fake_vmem_update(struct fake_vmem *vmem)
{
    struct virtio_mem_config_abi abi = {
        .block_size = vmem_to_le64(vmem->block_bytes),
        .node_id = vmem_to_le16(vmem->node_id),
        .padding = {0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6}, /* to be ignored (M2) */
        .addr = vmem_to_le64(vmem->base),
        .region_size = vmem_to_le64(vmem->nr_blocks * vmem->block_bytes),
        .usable_region_size = vmem_to_le64(vmem->usable_bytes),
        .plugged_size = vmem_to_le64(vmem->plugged_bytes + (u64)vmem->plugged_excess),
        .requested_size = vmem_to_le64(vmem->requested_bytes),
    };
    memcpy(vmem->transport.config, &abi, sizeof(abi));
}

/* Blocks need not be a power of two: StratoVirt does not ask for it. */
static u64 whole_blocks(const struct fake_vmem *vmem, u64 bytes)
{
    return (bytes + vmem->block_bytes - 1) / vmem->block_bytes * vmem->block_bytes;
}

/* What the usable region is for the requested size, when it is made anew. */
static u64 fresh_usable(const struct fake_vmem *vmem)
{
    u64 region = vmem->nr_blocks * vmem->block_bytes;
    switch (vmem->manner) {
    case FAKE_VMEM_QEMU:
        if (vmem->requested_bytes == 0)
            return 0;
        return min_u64(region, whole_blocks(vmem, vmem->requested_bytes + QEMU_USABLE_EXTENT));
    case FAKE_VMEM_FIRECRACKER:
        return min_u64(region, align_up(vmem->requested_bytes, vmem->slot_bytes));
    default:
        return region;
    }
}

void fake_vmem_set_requested(struct fake_vmem *vmem, u64 bytes)
{
    assert_int_equal(bytes % vmem->block_bytes, 0);
    assert_true(bytes <= vmem->nr_blocks * vmem->block_bytes);
    vmem->requested_bytes = bytes;
    vmem->usable_bytes = max_u64(vmem->usable_bytes, fresh_usable(vmem));
    fake_vmem_update(vmem);
    fake_transport_raise_config(&vmem->transport);
}

/* ---- blocks ---- */

static u64 count_plugged(const struct fake_vmem *vmem, u64 first, u64 nr_blocks)
{
    u64 sum = 0;
    for (u64 i = first; i < first + nr_blocks; i++)
        sum += vmem->plugged[i];
    return sum;
}

static void set_plugged(struct fake_vmem *vmem, u64 first, u64 nr_blocks, bool plugged)
{
    memset(vmem->plugged + first, plugged, nr_blocks);
    vmem->plugged_bytes = count_plugged(vmem, 0, vmem->nr_blocks) * vmem->block_bytes;
    fake_vmem_update(vmem);
}

void fake_vmem_plug(struct fake_vmem *vmem, u64 first, u64 nr_blocks)
{
    set_plugged(vmem, first, nr_blocks, true);
}

static bool is_block_mapped(const struct fake_vmem *vmem, u64 block)
{
    return fake_is_mapped(vmem->base + block * vmem->block_bytes, PAGE_BYTES);
}

void fake_vmem_check(const struct fake_vmem *vmem)
{
    for (u64 i = 0; i < vmem->nr_blocks; i++) {
        if (!vmem->is_thief && is_block_mapped(vmem, i) && !vmem->plugged[i])
            fail_msg("block %lu is mapped and not plugged", i);
    }
}

/* M6 to M11: neither before it is plugged nor when it is to be unplugged may mm have a block. */
static void expect_unmapped(const struct fake_vmem *vmem, u64 first, u64 nr_blocks)
{
    for (u64 i = first; i < first + nr_blocks; i++) {
        if (is_block_mapped(vmem, i))
            fail_msg("a request names block %lu, which is mapped", i);
    }
}

/* ---- answers ---- */

static bool is_range_valid(const struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    u64 bytes = request->nr_blocks * vmem->block_bytes;
    u64 counted_from = vmem->manner == FAKE_VMEM_STRATOVIRT ? vmem->base : 0;
    return request->nr_blocks != 0 && request->addr >= vmem->base &&
           (request->addr - counted_from) % vmem->block_bytes == 0 &&
           request->addr - vmem->base < vmem->usable_bytes &&
           bytes <= vmem->usable_bytes - (request->addr - vmem->base);
}

static u64 first_of(const struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    return (request->addr - vmem->base) / vmem->block_bytes;
}

static bool is_over_requested(const struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    return vmem->plugged_bytes + request->nr_blocks * vmem->block_bytes > vmem->requested_bytes;
}

/* Whether every block is in the state that the request would change. */
static bool is_state_right(const struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    u64 plugged = count_plugged(vmem, first_of(vmem, request), request->nr_blocks);
    return plugged == (request->type == VIRTIO_MEM_REQ_PLUG ? 0 : request->nr_blocks);
}

/* NACK, ERROR, BUSY or ACK, in the order in which the real one looks. */
static u16 judge(const struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    bool is_plug = request->type == VIRTIO_MEM_REQ_PLUG;
    bool is_over = is_plug && is_over_requested(vmem, request);
    bool nack_first =
        vmem->manner == FAKE_VMEM_CLOUD_HYPERVISOR || vmem->manner == FAKE_VMEM_STRATOVIRT;

    if (nack_first && is_over)
        return VIRTIO_MEM_RESP_NACK;
    if (vmem->manner == FAKE_VMEM_STRATOVIRT) {
        u64 bytes = request->nr_blocks * vmem->block_bytes;
        if (request->nr_blocks == 0 ||
            (!is_plug && vmem->plugged_bytes < vmem->requested_bytes + bytes))
            return VIRTIO_MEM_RESP_NACK;
    }
    if (!is_range_valid(vmem, request))
        return VIRTIO_MEM_RESP_ERROR;
    if (is_over)
        return vmem->manner == FAKE_VMEM_FIRECRACKER ? VIRTIO_MEM_RESP_ERROR : VIRTIO_MEM_RESP_NACK;
    if (!is_state_right(vmem, request))
        return VIRTIO_MEM_RESP_ERROR;
    u64 wanted_bytes = vmem->plugged_bytes + request->nr_blocks * vmem->block_bytes;
    return is_plug && wanted_bytes > vmem->host_bytes ? VIRTIO_MEM_RESP_BUSY : VIRTIO_MEM_RESP_ACK;
}

static u16 change(struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    u16 answer = judge(vmem, request);
    bool is_plug = request->type == VIRTIO_MEM_REQ_PLUG;
    if (vmem->is_strict) {
        assert_true(answer == VIRTIO_MEM_RESP_ACK || answer == VIRTIO_MEM_RESP_BUSY);
        if (!is_plug) /* never below the requested size */
            assert_true(vmem->plugged_bytes - request->nr_blocks * vmem->block_bytes >=
                        vmem->requested_bytes);
    }
    if (answer != VIRTIO_MEM_RESP_ACK)
        return answer;
    expect_unmapped(vmem, first_of(vmem, request), request->nr_blocks);
    if (vmem->moods.error_half != 0) {
        vmem->moods.error_half--;
        set_plugged(vmem, first_of(vmem, request), request->nr_blocks / 2, is_plug);
        return VIRTIO_MEM_RESP_ERROR;
    }
    set_plugged(vmem, first_of(vmem, request), request->nr_blocks, is_plug);
    return VIRTIO_MEM_RESP_ACK;
}

/* One run after the other, as far as the requested size allows. */
static bool unplug_runs(struct fake_vmem *vmem)
{
    for (u64 first = 0, end; first < vmem->nr_blocks; first = end + 1) {
        for (end = first; end < vmem->nr_blocks && vmem->plugged[end];)
            end++;
        if (end == first)
            continue;
        if ((end - first) * vmem->block_bytes + vmem->requested_bytes > vmem->plugged_bytes)
            return false;
        set_plugged(vmem, first, end - first, false);
    }
    return true;
}

static u16 unplug_all(struct fake_vmem *vmem)
{
    expect_unmapped(vmem, 0, vmem->nr_blocks);
    if (vmem->manner == FAKE_VMEM_STRATOVIRT && !unplug_runs(vmem))
        return VIRTIO_MEM_RESP_NACK;
    /* No event: virtio 1.4, "Memory Device: Device configuration layout". */
    bool is_firecracker = vmem->manner == FAKE_VMEM_FIRECRACKER;
    vmem->usable_bytes = is_firecracker ? 0 : fresh_usable(vmem);
    set_plugged(vmem, 0, vmem->nr_blocks, false);
    return VIRTIO_MEM_RESP_ACK;
}

static bool take(unsigned *mood)
{
    if (*mood == 0)
        return false;
    (*mood)--;
    return true;
}

static u16 ask_state(struct fake_vmem *vmem, const struct fake_vmem_request *request, u16 *state)
{
    if (!is_range_valid(vmem, request)) {
        assert_false(vmem->is_strict);
        return VIRTIO_MEM_RESP_ERROR;
    }
    u64 plugged = count_plugged(vmem, first_of(vmem, request), request->nr_blocks);
    *state = plugged == 0                    ? VIRTIO_MEM_STATE_UNPLUGGED
             : plugged == request->nr_blocks ? VIRTIO_MEM_STATE_PLUGGED
                                             : VIRTIO_MEM_STATE_MIXED;
    if (take(&vmem->moods.bad_state))
        *state = VIRTIO_MEM_STATE_MIXED + 1;
    else if (take(&vmem->moods.false_state))
        *state = VIRTIO_MEM_STATE_UNPLUGGED;
    else if (take(&vmem->moods.always_mixed))
        *state = VIRTIO_MEM_STATE_MIXED;
    return VIRTIO_MEM_RESP_ACK;
}

static u16 serve(struct fake_vmem *vmem, const struct fake_vmem_request *request, u16 *state)
{
    switch (request->type) {
    case VIRTIO_MEM_REQ_PLUG:
    case VIRTIO_MEM_REQ_UNPLUG:
        return change(vmem, request);
    case VIRTIO_MEM_REQ_UNPLUG_ALL:
        return unplug_all(vmem);
    default:
        return ask_state(vmem, request, state);
    }
}

/* A mood that answers in place of the device; NO_REPLY if there is none. */
static u16 moody_answer(struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    struct fake_vmem_moods *moods = &vmem->moods;
    if (request->type != VIRTIO_MEM_REQ_STATE && take(&moods->busy))
        return VIRTIO_MEM_RESP_BUSY;
    if (take(&moods->nack))
        return VIRTIO_MEM_RESP_NACK;
    if (take(&moods->error))
        return VIRTIO_MEM_RESP_ERROR;
    if (request->type != VIRTIO_MEM_REQ_STATE && take(&moods->false_ack))
        return VIRTIO_MEM_RESP_ACK;
    return take(&moods->bad_type) ? 77 : NO_REPLY;
}

static void on_request(void *context, struct fake_request *raw)
{
    struct fake_vmem *vmem = context;
    struct virtio_mem_request_abi abi;
    struct virtio_mem_response_abi reply;
    struct fake_vmem_moods *moods = &vmem->moods;
    u16 state = 0xeeee;

    /* virtio 1.4, "Memory Device: Device Operation": these sizes and no other. */
    assert_int_equal(raw->readable_bytes, sizeof(abi));
    assert_int_equal(raw->reply_capacity, sizeof(reply));
    memcpy(&abi, raw->readable, sizeof(abi));
    vmem->last = (struct fake_vmem_request){vmem_from_le16(abi.type), vmem_from_le64(abi.addr),
                                            vmem_from_le16(abi.nb_blocks)};
    const struct fake_vmem_request request = vmem->last;
    assert_true(request.type <= VIRTIO_MEM_REQ_STATE);
    vmem->count[request.type]++;
    if (vmem->before_request)
        vmem->before_request(vmem, &request);
    fake_vmem_check(vmem);

    memset(&reply, 0xee, sizeof(reply)); /* what is not set is to be ignored (M17 to M21) */
    raw->no_answer = take(&moods->silent);
    if (raw->no_answer)
        return;
    if (take(&moods->needs_reset)) {
        fake_transport_fail(&vmem->transport);
        return;
    }
    if (take(&moods->nothing))
        return;
    bool is_lost = take(&moods->lost);
    u16 type = moody_answer(vmem, &request);
    if (type == NO_REPLY)
        type = serve(vmem, &request, &state);
    vmem->nr_acks += type == VIRTIO_MEM_RESP_ACK;
    raw->no_answer = is_lost;
    reply.type = vmem_to_le16(type);
    reply.state = vmem_to_le16(state);
    memcpy(raw->reply, &reply, sizeof(reply));
    raw->reply_bytes = sizeof(reply);
    if (take(&moods->long_used))
        raw->used_bytes = sizeof(reply) + 1;
}

u64 fake_vmem_requests(const struct fake_vmem *vmem)
{
    return vmem->count[0] + vmem->count[1] + vmem->count[2] + vmem->count[3];
}

void fake_vmem_init(struct fake_vmem *vmem, enum fake_vmem_manner manner, u64 base, u64 block_bytes,
                    u64 nr_blocks)
{
    memset(vmem, 0, sizeof(*vmem));
    fake_transport_init(&vmem->transport, VIRTIO_ID_MEM,
                        VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM) |
                            VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE),
                        sizeof(struct virtio_mem_config_abi));
    vmem->transport.on_request = on_request;
    vmem->transport.context = vmem;
    vmem->manner = manner;
    vmem->base = base;
    vmem->block_bytes = block_bytes;
    vmem->nr_blocks = nr_blocks;
    vmem->slot_bytes = max_u64(block_bytes, 128 * MIB);
    vmem->plugged = calloc(nr_blocks + 1, 1);
    assert_non_null(vmem->plugged);
    vmem->is_strict = true;
    vmem->host_bytes = ~(u64)0;
    vmem->usable_bytes = fresh_usable(vmem);
    fake_vmem_update(vmem);
}

void fake_vmem_free(struct fake_vmem *vmem)
{
    free(vmem->plugged);
    vmem->plugged = NULL;
}
