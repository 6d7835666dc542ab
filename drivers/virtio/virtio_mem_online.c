/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks between the driver and mm: the one place where the driver's book and
 * mm/hotplug.h change together, so that a block is online in the book if and
 * only if mm has it.
 */
#include "drivers/virtio/virtio_mem_device.h"
#include "include/status.h"
#include "lib/log.h"
#include "mm/hotplug.h"

bool vmem_bring_online(struct vmem_device *vmem, struct vmem_run run, u64 now_ms)
{
    int status =
        hotplug_online(vmem_block_paddr(vmem, run.first), run.nr_blocks * vmem->config.block_bytes);
    if (status == OK) {
        vmem_blocks_set(&vmem->blocks, run, VMEM_BLOCK_ONLINE);
        return true;
    }
    log_warning(LOG_VMEM, vmem->name, "cannot bring %lu blocks from %lu online: %s", run.nr_blocks,
                run.first, status_name(status));
    vmem->was_refused_by_mm = true;
    vmem->retry_mm_ms = now_ms + VMEM_SLOW_MS;
    return false;
}

bool vmem_take_offline(struct vmem_device *vmem, struct vmem_run run, u64 now_ms)
{
    int status = hotplug_offline(vmem_block_paddr(vmem, run.first),
                                 run.nr_blocks * vmem->config.block_bytes);
    if (status == OK) {
        vmem_blocks_set(&vmem->blocks, run, VMEM_BLOCK_HELD);
        return true;
    }
    if (status != E_BUSY) /* E_BUSY: another processor allocated there after the plan was made */
        log_warning(LOG_VMEM, vmem->name, "cannot take %lu blocks from %lu offline: %s",
                    run.nr_blocks, run.first, status_name(status));
    vmem->was_refused_by_mm = true;
    vmem->retry_mm_ms = now_ms + VMEM_SLOW_MS;
    return false;
}

void vmem_put_all_back(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_run run;
    for (u64 from = 0;
         vmem_blocks_next(&vmem->blocks, VMEM_BLOCK_HELD, from, vmem->blocks.nr_blocks, &run);
         from = run.first + run.nr_blocks)
        (void)vmem_bring_online(vmem, run, now_ms); /* if not, resolved by STATE later */
}
