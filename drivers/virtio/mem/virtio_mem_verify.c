/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Comparing the driver's book with the device, by STATE requests.
 *
 * A pass asks about each maximal run of the book in turn, so it costs as many
 * requests as the region has runs. It is for the user's verify command, and for
 * a plugged_size that is not what the book says. A run that is wrong becomes
 * held, and is resolved as after a reset; but pages in use on blocks
 * that the device calls unplugged are lost, and the device is broken. So is one
 * that goes on acknowledging what it does not do.
 */
#include "drivers/virtio/mem/device.h"
#include "include/status.h"
#include "lib/log.h"
#include "mm/hotplug/hotplug.h"

int vmem_verify(struct vmem_device *vmem)
{
    if (vmem->virtio->broken)
        return E_BROKEN;
    if (vmem->verify.is_running)
        return E_BUSY;
    vmem_verify_start(vmem, true);
    vmem->work_at_ms = 0;
    return OK;
}

void vmem_verify_start(struct vmem_device *vmem, bool is_for_user)
{
    vmem_evacuate_end(vmem);
    vmem->verify = (struct vmem_verify_pass){.is_running = true, .is_for_user = is_for_user};
}

static void end_pass(struct vmem_device *vmem)
{
    struct vmem_verify_pass *pass = &vmem->verify;
    pass->is_running = false;
    if (pass->is_for_user || pass->nr_corrected != 0)
        log_info(LOG_VMEM, vmem->name, "verify blocks=%lu corrected=%lu requests=%lu", pass->next,
                 pass->nr_corrected, pass->nr_requests);
}

bool vmem_verify_next(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_verify_pass *pass = &vmem->verify;
    u64 usable = vmem_usable_blocks(vmem);
    if (pass->next >= usable) {
        end_pass(vmem);
        return true;
    }
    /* Nothing is held while a pass asks: the run at `next` is online or unplugged. */
    struct vmem_run run;
    (void)vmem_map_next(&vmem->blocks, vmem_map_get(&vmem->blocks, pass->next), pass->next, usable,
                        &run);
    run.nr_blocks = min_u64(run.nr_blocks, VIRTIO_MEM_NB_BLOCKS_MAX);
    if (pass->probe_blocks != 0)
        run.nr_blocks = min_u64(run.nr_blocks, pass->probe_blocks);
    if (!vmem_send(vmem, VIRTIO_MEM_REQ_STATE, run, now_ms))
        return false;
    pass->nr_requests++;
    vmem_queue_publish(vmem->requests.queue);
    return true;
}

void vmem_verify_reply(struct vmem_device *vmem, const struct vmem_reply *reply, u64 now_ms)
{
    struct vmem_run run = reply->request.run;
    bool is_online = vmem_map_get(&vmem->blocks, run.first) == VMEM_BLOCK_ONLINE;
    enum virtio_mem_state expected =
        is_online ? VIRTIO_MEM_STATE_PLUGGED : VIRTIO_MEM_STATE_UNPLUGGED;

    (void)now_ms;
    /* Some of it is there: only what is not may be called lost, so ask about the first half. */
    if (is_online && reply->state == VIRTIO_MEM_STATE_MIXED && run.nr_blocks > 1) {
        vmem->verify.probe_blocks = run.nr_blocks / 2;
        return;
    }
    vmem->verify.probe_blocks = min_u64(vmem->verify.probe_blocks * 2, VIRTIO_MEM_NB_BLOCKS_MAX);
    vmem->verify.next = run.first + run.nr_blocks;
    if (reply->state == expected)
        return;
    if (is_online && hotplug_offline(vmem_block_paddr(vmem, run.first),
                                     run.nr_blocks * vmem->config.block_bytes) != OK) {
        vmem_virtio_break(
            vmem->virtio,
            "it says that blocks %lu to %lu are not all plugged, and pages there are in use",
            run.first, run.first + run.nr_blocks - 1);
        return;
    }
    log_warning(LOG_VMEM, vmem->name, "blocks %lu to %lu are not as they should be: asking again",
                run.first, run.first + run.nr_blocks - 1);
    vmem->verify.nr_corrected += run.nr_blocks;
    vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_IN_DOUBT);
}

bool vmem_verify_mismatch(struct vmem_device *vmem)
{
    if (vmem->nr_mismatches++ == 0) {
        if (vmem->nr_lies++ == VMEM_LIES_MAX) {
            vmem_virtio_break(vmem->virtio,
                              "it acknowledges what it does not do: plugged_size is %lu, "
                              "expected %lu, and was wrong %u times before",
                              vmem->config.plugged_bytes, vmem_online_bytes(vmem), VMEM_LIES_MAX);
            return false;
        }
        log_warning(LOG_VMEM, vmem->name,
                    "plugged_size is %lu, expected %lu: asking for each block",
                    vmem->config.plugged_bytes, vmem_online_bytes(vmem));
        vmem_verify_start(vmem, false);
        return true;
    }
    vmem_virtio_break(vmem->virtio,
                      "plugged_size is %lu, but by its own STATE answers %lu bytes are plugged",
                      vmem->config.plugged_bytes, vmem_online_bytes(vmem));
    return false;
}
