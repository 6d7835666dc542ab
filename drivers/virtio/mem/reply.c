/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the device's answers mean for the block map, and for what happens next. A request's blocks
 * are in doubt while it is in flight. Its answer settles what they are, or leaves them in doubt.
 */
#include "device.h"

#include "../core/text.h"

#define ERRORS_MAX 3 /* ERROR answers in a row, then a reset */

/* After BUSY to a PLUG, its part that is asked for next. From 65,535 blocks to one it takes eight
 * requests, so one block was asked for before the back-off is at its last. */
#define PLUG_PART 4

/* The device did as it was asked: the map follows. */
static void acknowledged(struct vmem_device *vmem, const struct vmem_reply *reply, uint64_t now_ms)
{
    const struct vmem_request *request = &reply->request;
    if (request->type == VIRTIO_MEM_REQ_STATE) {
        vmem_probe_reply(vmem, reply, now_ms);
        return;
    }
    vmem->wait.backoff_ms = 0;
    vmem->strikes.errors = 0;
    vmem->strikes.resets = 0;
    vmem->due.is_plugged_derived = true;
    switch (request->type) {
    case VIRTIO_MEM_REQ_PLUG:
        vmem->config.plugged_bytes += vmem_run_bytes(vmem, request->run);
        vmem->wait.plug_limit = vmem_min(vmem->wait.plug_limit * 2, VIRTIO_MEM_NB_BLOCKS_MAX);
        (void)vmem_bring_online(vmem, request->run, now_ms); /* if not, it is given back later */
        break;
    case VIRTIO_MEM_REQ_UNPLUG_ALL: /* it may shrink the usable region, without an interrupt */
        vmem_want_look(vmem, VMEM_LOOK_SIZES);
        vmem_map_set(&vmem->map, request->run, VMEM_BLOCK_UNPLUGGED);
        break;
    default:
        vmem->config.plugged_bytes -= vmem_run_bytes(vmem, request->run);
        vmem_map_set(&vmem->map, request->run, VMEM_BLOCK_UNPLUGGED);
    }
    if (request->purpose == VMEM_PURPOSE_RELEASE)
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_REPLY);
}

/* The device did nothing: blocks are again what they were before the request. */
static void undo(struct vmem_device *vmem, const struct vmem_request *request, uint64_t now_ms)
{
    if (request->type == VIRTIO_MEM_REQ_PLUG)
        vmem_map_set(&vmem->map, request->run, VMEM_BLOCK_UNPLUGGED);
    else if (request->type == VIRTIO_MEM_REQ_UNPLUG)
        (void)vmem_bring_online(vmem, request->run, now_ms);
    else if (request->type == VIRTIO_MEM_REQ_UNPLUG_ALL && request->purpose != VMEM_PURPOSE_RELEASE)
        vmem_put_all_back(vmem, now_ms);
}

/*
 * Not as config space stands now: it changed after our look at it. Nothing was done, so look again
 * and plan anew. If nothing has changed after all, the wait is as after BUSY; see look().
 *
 * The specification knows no NACK to UNPLUG ALL. StratoVirt unplugs run by run, and says so at the
 * first that would take it below the requested size: which blocks are gone is asked by STATE, and
 * what an earlier driver left plugged is adopted.
 */
static void answered_nack(struct vmem_device *vmem, const struct vmem_request *request,
                          uint64_t now_ms)
{
    vmem->wait.was_nacked = true;
    if (request->type != VIRTIO_MEM_REQ_UNPLUG_ALL) {
        undo(vmem, request, now_ms);
    } else if (request->purpose == VMEM_PURPOSE_RELEASE) {
        vmem_log(VMEM_LOG_INFO, vmem->name,
                 "the device refuses UNPLUG ALL (NACK): adopting what is plugged");
        vmem_probe_doubt(vmem, VMEM_EVENT_REPLY);
    }
}

/*
 * The device did nothing, and will not now. A migration may be the reason, or a host without the
 * memory for a whole run (QEMU's prealloc=on): only asking for less tells, and never more often
 * than the back-off allows. UNPLUG needs no memory of the host's, so a part would fare no better.
 */
static void answered_busy(struct vmem_device *vmem, const struct vmem_request *request,
                          uint64_t now_ms)
{
    bool is_least = request->type == VIRTIO_MEM_REQ_PLUG && request->run.nr_blocks == 1;
    undo(vmem, request, now_ms);
    if (request->type == VIRTIO_MEM_REQ_PLUG)
        vmem->wait.plug_limit = vmem_max(request->run.nr_blocks / PLUG_PART, 1);
    vmem_back_off(vmem, now_ms, is_least ? VMEM_WAIT_HOST_MEMORY : VMEM_WAIT_DEVICE_BUSY,
                  VMEM_EVENT_REPLY);
}

/*
 * The request is wrong, so the map and the device disagree, or the config changed after our look at
 * it (Firecracker says so where others say NACK). The blocks stay in doubt: what they are is asked
 * by STATE, then planned anew. When that does not help, a reset.
 */
static void answered_error(struct vmem_device *vmem, uint64_t now_ms)
{
    if (vmem->wait.until_ms <= now_ms) /* several of one batch count once */
        vmem->strikes.errors++;
    vmem_back_off(vmem, now_ms, VMEM_WAIT_DEVICE_ERROR, VMEM_EVENT_REPLY);
    if (vmem->strikes.errors >= ERRORS_MAX)
        vmem_recover(vmem, now_ms, VMEM_EVENT_REPLY, "it keeps answering ERROR");
}

/*
 * What follows from each kind of answer; an answer that does not come ends in check_overdue(). Each
 * ends in bounded time, and in none is a block lost or used twice: what is unknown stays in doubt.
 */
static void settle_reply(struct vmem_device *vmem, const struct vmem_reply *reply, uint64_t now_ms)
{
    switch (reply->response) {
    case VMEM_ACK:
        acknowledged(vmem, reply, now_ms);
        break;
    case VMEM_NACK:
        answered_nack(vmem, &reply->request, now_ms);
        break;
    case VMEM_BUSY:
        answered_busy(vmem, &reply->request, now_ms);
        break;
    case VMEM_ERROR:
        answered_error(vmem, now_ms);
        break;
    case VMEM_NO_ANSWER:
        /* Whether anything was done is unknown, and the device does not follow its own rules. */
        vmem_recover(vmem, now_ms, VMEM_EVENT_REPLY, "its answer is not valid");
        break;
    }
}

void vmem_take_replies(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_reply reply;
    while (vmem->requests.nr_in_flight != 0 && !vmem->virtio->broken &&
           vmem_requests_take(&vmem->requests, &reply) == VMEM_OK) {
        vmem_log(VMEM_LOG_DEBUG, vmem->name, "%s %llu blocks from %llu: %s (type %u, %u bytes)",
                 vmem_request_name(reply.request.type), vmem_llu(reply.request.run.nr_blocks),
                 vmem_llu(reply.request.run.first), vmem_response_name(reply.response), reply.type,
                 reply.bytes);
        if (reply.response != VMEM_NO_ANSWER)
            vmem->report.count.replies[reply.type]++;
        if (reply.response != VMEM_ACK) {
            vmem_plan_forget(&vmem->planner);
            vmem_want_look(vmem, VMEM_LOOK_SIZES);
        }
        vmem_spend(vmem, reply.request.run);
        settle_reply(vmem, &reply, now_ms);
    }
}
