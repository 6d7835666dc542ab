/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks between the driver and the allocator: the one place where the block map and the memory
 * operations change together, so that a block is online in the map if and only if the allocator has
 * it.
 */
#include "device.h"

#include "../core/text.h"

bool vmem_bring_online(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms)
{
    int status = vmem->options.memory->online(vmem->options.memory_context,
                                              vmem_block_address(vmem, run.first),
                                              vmem_run_bytes(vmem, run));
    if (status == VMEM_OK) {
        vmem_map_set(&vmem->map, run, VMEM_BLOCK_ONLINE);
        return true;
    }
    vmem_log(VMEM_LOG_WARNING, vmem->name, "cannot bring %llu blocks from %llu online: %s",
             vmem_llu(run.nr_blocks), vmem_llu(run.first), vmem_error_name(status));
    vmem_wait_for_memory(vmem, now_ms, VMEM_WAIT_ONLINE_MEMORY);
    return false;
}

/* What follows from the allocator's answer. VMEM_E_BUSY: another processor allocated there after
 * the plan was made, and nobody has to wait for that. */
static int went_offline(struct vmem_device *vmem, struct vmem_run run, int status, uint64_t now_ms)
{
    if (status == VMEM_OK) {
        vmem_map_set(&vmem->map, run, VMEM_BLOCK_IN_DOUBT);
    } else if (status != VMEM_E_BUSY) {
        vmem_log(VMEM_LOG_WARNING, vmem->name, "cannot take %llu blocks from %llu offline: %s",
                 vmem_llu(run.nr_blocks), vmem_llu(run.first), vmem_error_name(status));
        vmem_wait_for_memory(vmem, now_ms, VMEM_WAIT_OFFLINE_MEMORY);
    }
    return status;
}

int vmem_take_offline(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms)
{
    int status = vmem->options.memory->offline(vmem->options.memory_context,
                                               vmem_block_address(vmem, run.first),
                                               vmem_run_bytes(vmem, run));
    return went_offline(vmem, run, status, now_ms);
}

int vmem_take_emptied(struct vmem_device *vmem, uint64_t max_blocks, struct vmem_run *run,
                      uint64_t now_ms)
{
    uint64_t block_bytes = vmem->config.block_bytes;
    struct vmem_range range;
    int status = vmem->options.memory->migration_take(
        vmem->options.memory_context, vmem_min(max_blocks, VIRTIO_MEM_NB_BLOCKS_MAX) * block_bytes,
        &range);
    if (status == VMEM_E_NODEV)
        return status;
    run->first = (range.base - vmem->config.region_base) / block_bytes;
    run->nr_blocks = range.bytes / block_bytes;
    return went_offline(vmem, *run, status, now_ms);
}

void vmem_put_all_back(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_run run;
    for (uint64_t from = 0;
         vmem_map_next(&vmem->map, VMEM_BLOCK_IN_DOUBT, from, vmem->map.nr_blocks, &run);
         from = run.first + run.nr_blocks)
        (void)vmem_bring_online(vmem, run, now_ms); /* if not, PROBING asks what it is */
}

bool vmem_next_idle(void *context, uint64_t from, uint64_t to, struct vmem_run *idle)
{
    const struct vmem_device *vmem = context;
    struct vmem_range range;
    if (from >= to || !vmem->options.memory->next_idle(vmem->options.memory_context,
                                                       vmem_block_address(vmem, from),
                                                       vmem_block_address(vmem, to), &range))
        return false;
    idle->first = (range.base - vmem->config.region_base) / vmem->config.block_bytes;
    idle->nr_blocks = range.bytes / vmem->config.block_bytes;
    return true;
}
