/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks between the driver and mm: the one place where the driver's book and
 * mm/hotplug/hotplug.h change together, so that a block is online in the book if and
 * only if mm has it.
 */
#include "drivers/virtio/mem/device.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "mm/hotplug/hotplug.h"

void vmem_keep_to_room(struct vmem_device *vmem, struct vmem_config *target)
{
    u64 online = vmem_online_bytes(vmem);
    vmem->is_short_of_room = false;
    if (target->requested_bytes <= online)
        return;
    u64 wanted = target->requested_bytes - online;
    u64 room = hotplug_room(vmem->config.region_base, wanted);
    room -= room % vmem->config.block_bytes;
    vmem->is_short_of_room = room < wanted;
    target->requested_bytes = online + room;
}

bool vmem_bring_online(struct vmem_device *vmem, struct vmem_run run, u64 now_ms)
{
    int status =
        hotplug_online(vmem_block_paddr(vmem, run.first), run.nr_blocks * vmem->config.block_bytes);
    if (status == OK) {
        vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_ONLINE);
        return true;
    }
    log_warning(LOG_VMEM, vmem->name, "cannot bring %lu blocks from %lu online: %s", run.nr_blocks,
                run.first, status_name(status));
    vmem->refused_by_mm = "mm has no memory to bring blocks online";
    vmem->retry_mm_ms = now_ms + VMEM_SLOW_MS;
    return false;
}

static void offline_failed(struct vmem_device *vmem, struct vmem_run run, int status, u64 now_ms)
{
    /* Another processor allocated there after the plan was made: nobody has to wait for that. */
    if (status == E_BUSY) {
        vmem->has_lost_race = true;
        return;
    }
    log_warning(LOG_VMEM, vmem->name, "cannot take %lu blocks from %lu offline: %s", run.nr_blocks,
                run.first, status_name(status));
    vmem->refused_by_mm = "mm has no memory to take blocks offline";
    vmem->retry_mm_ms = now_ms + VMEM_SLOW_MS;
}

bool vmem_take_offline(struct vmem_device *vmem, struct vmem_run run, u64 now_ms)
{
    int status = hotplug_offline(vmem_block_paddr(vmem, run.first),
                                 run.nr_blocks * vmem->config.block_bytes);
    if (status == OK) {
        vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_IN_DOUBT);
        return true;
    }
    offline_failed(vmem, run, status, now_ms);
    return false;
}

bool vmem_take_emptied(struct vmem_device *vmem, u64 max_blocks, struct vmem_run *run, u64 now_ms)
{
    u64 block_bytes = vmem->config.block_bytes;
    struct hotplug_range range;
    int status =
        hotplug_evacuate_take(&vmem->evacuation.session,
                              min_u64(max_blocks, VIRTIO_MEM_NB_BLOCKS_MAX) * block_bytes, &range);
    if (status == E_NODEV)
        return false;
    run->first = (range.base - vmem->config.region_base) / block_bytes;
    run->nr_blocks = range.bytes / block_bytes;
    if (status != OK) {
        offline_failed(vmem, *run, status, now_ms);
        return false;
    }
    vmem_map_set(&vmem->blocks, *run, VMEM_BLOCK_IN_DOUBT);
    return true;
}

void vmem_put_all_back(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_run run;
    for (u64 from = 0;
         vmem_map_next(&vmem->blocks, VMEM_BLOCK_IN_DOUBT, from, vmem->blocks.nr_blocks, &run);
         from = run.first + run.nr_blocks)
        (void)vmem_bring_online(vmem, run, now_ms); /* if not, resolved by STATE later */
}
