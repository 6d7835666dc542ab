/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery: reset the device, start it again, and find out what is true.
 *
 * A reset of the device changes no block (virtio 1.4, "Memory Device: Device
 * Initialization"), so online blocks stay in use all the while. What is in
 * doubt is only the blocks that were named in requests without a known end;
 * they are held, and STATE tells. Adopting what an earlier life left plugged is
 * the same task with every block in doubt.
 */
#include "drivers/virtio/mem/device.h"
#include "include/status.h"
#include "lib/log.h"

/* Reset and start again, with the same region. False if that failed: the device is broken. */
static bool restart(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    /* virtio 1.4, "Device Cleanup": the ring goes after the reset (L2). If there is none, ring and
     * buffers stay as they are: the device may still write to them. */
    if (vmem_virtio_reset(virtio) != OK)
        return false;
    vmem_queue_destroy(vmem->requests.queue);
    vmem->requests.queue = NULL;
    vmem_requests_forget(&vmem->requests);
    virtio->ops->irq_disable(virtio);
    if (vmem_bring_up(vmem) != OK)
        return false;
    vmem_virtio_driver_ok(virtio);
    return true;
}

void vmem_recover(struct vmem_device *vmem, u64 now_ms, const char *why)
{
    if (vmem->nr_recoveries >= VMEM_RECOVERIES_MAX) {
        vmem_virtio_break(vmem->virtio, "%s, and %u resets did not help", why, vmem->nr_recoveries);
        return;
    }
    vmem->nr_recoveries++;
    vmem->recovered_at_ms = now_ms;
    vmem->count.resets++;
    log_warning(LOG_VMEM, vmem->name,
                "resetting the device: %s; %lu blocks stay online, %lu are in doubt", why,
                vmem->blocks.nr_online, vmem->blocks.nr_in_doubt);
    vmem->is_recovering = true;
    vmem->nr_errors = 0;
    vmem->was_nacked = false;
    vmem->probe_blocks = VIRTIO_MEM_NB_BLOCKS_MAX;
    if (restart(vmem))
        vmem_back_off(vmem, now_ms, "the device was reset");
}

int vmem_quiesce(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    vmem->is_quiesced = true;
    if (virtio->broken) {
        virtio->ops->set_status(virtio, 0);
        return OK;
    }
    int status = vmem_virtio_reset(virtio);
    if (status == OK)
        virtio->ops->irq_disable(virtio);
    return status;
}

void vmem_resume(struct vmem_device *vmem, u64 now_ms)
{
    vmem->is_quiesced = false;
    if (vmem->virtio->broken)
        return;
    log_info(LOG_VMEM, vmem->name, "awake: %lu blocks stayed online, %lu are in doubt",
             vmem->blocks.nr_online, vmem->blocks.nr_in_doubt);
    vmem_evacuate_end(vmem);
    vmem->is_recovering = true;
    vmem->probe_blocks = VIRTIO_MEM_NB_BLOCKS_MAX;
    if (restart(vmem))
        vmem->work_at_ms = now_ms;
}

bool vmem_resolve_next(struct vmem_device *vmem, u64 now_ms)
{
    u64 usable = vmem_usable_blocks(vmem);
    struct vmem_run run;
    /* The usable region shrinks only when everything is unplugged: "Memory Device: Device
     * configuration layout". STATE cannot be asked there, and need not be. */
    while (vmem_map_next(&vmem->blocks, VMEM_BLOCK_IN_DOUBT, usable, vmem->blocks.nr_blocks, &run))
        vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_UNPLUGGED);
    if (!vmem_map_next(&vmem->blocks, VMEM_BLOCK_IN_DOUBT, 0, usable, &run))
        return true;
    if (vmem->probe_blocks == 0)
        vmem->probe_blocks = VIRTIO_MEM_NB_BLOCKS_MAX;
    run.nr_blocks = min_u64(run.nr_blocks, vmem->probe_blocks);
    if (!vmem_send(vmem, VIRTIO_MEM_REQ_STATE, run, now_ms))
        return false;
    vmem_queue_publish(vmem->requests.queue);
    return true;
}

/* Plugged, and mm may not be able to take it: then it goes back to the device. */
static void resolve_plugged(struct vmem_device *vmem, struct vmem_run run, u64 now_ms)
{
    if (vmem_bring_online(vmem, run, now_ms))
        return;
    if (vmem_send(vmem, VIRTIO_MEM_REQ_UNPLUG, run, now_ms))
        vmem_queue_publish(vmem->requests.queue);
}

/*
 * The run asked about is the beginning of a held run. Where it is mixed, ask
 * about its first half, rounded down; where it is not, go on behind it with
 * twice the length. Each answer settles blocks or halves the question, so any
 * count, odd or even, ends in single blocks at the latest.
 */
void vmem_resolve_reply(struct vmem_device *vmem, const struct vmem_reply *reply, u64 now_ms)
{
    struct vmem_run run = reply->request.run;
    if (reply->state == VIRTIO_MEM_STATE_MIXED) {
        if (run.nr_blocks == 1)
            vmem_virtio_break(vmem->virtio, "it says that block %lu alone is in a mixed state",
                              run.first);
        vmem->probe_blocks = run.nr_blocks / 2;
        return;
    }
    vmem->probe_blocks = min_u64(run.nr_blocks * 2, VIRTIO_MEM_NB_BLOCKS_MAX);
    if (reply->state == VIRTIO_MEM_STATE_UNPLUGGED)
        vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_UNPLUGGED);
    else
        resolve_plugged(vmem, run, now_ms);
}
