/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the device's answers mean for the book, and for what happens next.
 *
 * A request's blocks are held while it is in flight. Its answer settles what
 * they are, or leaves them held when the answer leaves it in doubt.
 */
#include "drivers/virtio/mem/device.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"

/* The device did as it was asked: the book follows. */
static void acknowledged(struct vmem_device *vmem, const struct vmem_reply *reply, u64 now_ms)
{
    const struct vmem_request *request = &reply->request;
    if (request->type == VIRTIO_MEM_REQ_STATE) {
        if (vmem_map_get(&vmem->blocks, request->run.first) == VMEM_BLOCK_IN_DOUBT)
            vmem_resolve_reply(vmem, reply, now_ms);
        else
            vmem_verify_reply(vmem, reply, now_ms);
        return;
    }
    vmem->backoff_ms = 0;
    vmem->nr_errors = 0;
    vmem->nr_recoveries = 0;
    if (request->type == VIRTIO_MEM_REQ_PLUG) {
        vmem->plug_limit = min_u64(vmem->plug_limit * 2, VIRTIO_MEM_NB_BLOCKS_MAX);
        (void)vmem_bring_online(vmem, request->run, now_ms); /* if not, it is given back later */
    } else {
        vmem_map_set(&vmem->blocks, request->run, VMEM_BLOCK_UNPLUGGED);
    }
    if (request->type == VIRTIO_MEM_REQ_UNPLUG_ALL && vmem->stage == VMEM_STAGE_GIVE_BACK)
        vmem->stage = VMEM_STAGE_FOLLOW;
}

/* The device did nothing: blocks are again what they were before the request. */
static void undo(struct vmem_device *vmem, const struct vmem_request *request, u64 now_ms)
{
    switch (request->type) {
    case VIRTIO_MEM_REQ_PLUG:
        vmem_map_set(&vmem->blocks, request->run, VMEM_BLOCK_UNPLUGGED);
        break;
    case VIRTIO_MEM_REQ_UNPLUG:
        (void)vmem_bring_online(vmem, request->run, now_ms);
        break;
    case VIRTIO_MEM_REQ_UNPLUG_ALL:
        if (vmem->stage != VMEM_STAGE_GIVE_BACK)
            vmem_put_all_back(vmem, now_ms);
        break;
    case VIRTIO_MEM_REQ_STATE:
        break;
    }
}

/*
 * The specification knows no NACK to UNPLUG ALL. StratoVirt unplugs run by run, and
 * says so at the first that would take it below the requested size: which blocks
 * are gone is asked by STATE, and what is left from an earlier life is adopted.
 */
static void unplug_all_refused(struct vmem_device *vmem)
{
    vmem->was_nacked = true;
    if (vmem->stage != VMEM_STAGE_GIVE_BACK)
        return;
    vmem->stage = VMEM_STAGE_ADOPT;
    log_info(LOG_VMEM, vmem->name,
             "the device refuses UNPLUG ALL (NACK): adopting what is plugged");
}

/*
 * The device did nothing, and will not now. A migration may be the reason, or a host without the
 * memory for a whole run (QEMU's prealloc=on): only asking for less tells, and never more often
 * than the back-off allows. UNPLUG needs no memory of the host's, so a part would fare no better.
 */
static void answered_busy(struct vmem_device *vmem, const struct vmem_request *request, u64 now_ms)
{
    bool is_least = request->type == VIRTIO_MEM_REQ_PLUG && request->run.nr_blocks == 1;
    undo(vmem, request, now_ms);
    if (request->type == VIRTIO_MEM_REQ_PLUG)
        vmem->plug_limit = max_u64(request->run.nr_blocks / VMEM_PLUG_PART, 1);
    vmem_back_off(vmem, now_ms, is_least ? "the host gives no more memory" : "the device is busy");
}

/*
 * What follows from each kind of answer; no answer at all ends in
 * check_overdue(). Each ends in bounded time, and in none is a block lost or
 * used twice: what is in doubt stays held.
 */
static void settle_reply(struct vmem_device *vmem, const struct vmem_reply *reply, u64 now_ms)
{
    switch (reply->response) {
    case VMEM_ACK:
        acknowledged(vmem, reply, now_ms);
        break;
    case VMEM_NACK:
        if (reply->request.type == VIRTIO_MEM_REQ_UNPLUG_ALL) {
            unplug_all_refused(vmem);
            break;
        }
        /* Not as config space stands now: it changed after our look at it. Nothing was done, so
         * look again and plan anew. If nothing has changed after all, as BUSY; see look(). */
        undo(vmem, &reply->request, now_ms);
        vmem->was_nacked = true;
        break;
    case VMEM_BUSY:
        answered_busy(vmem, &reply->request, now_ms);
        break;
    case VMEM_ERROR:
        /* The request is wrong, so the book and the device disagree, or the config changed after
         * our look at it (Firecracker says so where others say NACK). The blocks stay held: what
         * they are is asked by STATE, then planned anew. When that does not help, a reset. */
        if (vmem->retry_at_ms <= now_ms) /* several of one batch count once */
            vmem->nr_errors++;
        vmem_back_off(vmem, now_ms, "the device answered ERROR");
        if (vmem->nr_errors >= VMEM_ERRORS_MAX)
            vmem_recover(vmem, now_ms, "it keeps answering ERROR");
        break;
    case VMEM_NO_ANSWER:
        /* Whether anything was done is unknown, and the device does not follow its own rules. */
        vmem_recover(vmem, now_ms, "its answer is not valid");
        break;
    }
}

void vmem_take_replies(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_reply reply;
    while (vmem->requests.nr_in_flight != 0 && !vmem->virtio->broken &&
           vmem_requests_take(&vmem->requests, &reply) == OK) {
        log_debug(LOG_VMEM, vmem->name, "%s %lu blocks from %lu: %s (type %u, %u bytes)",
                  vmem_request_name(reply.request.type), reply.request.run.nr_blocks,
                  reply.request.run.first, vmem_response_name(reply.response), reply.type,
                  reply.bytes);
        if (reply.response != VMEM_NO_ANSWER)
            vmem->count.replies[reply.type]++;
        if (vmem->requests.nr_in_flight == 0)
            vmem->work_at_ms = now_ms;
        settle_reply(vmem, &reply, now_ms);
    }
}
