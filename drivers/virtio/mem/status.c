/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kernel can ask about a device; see vmem.h. Nothing here changes anything.
 */
#include "device.h"

#include "../core/text.h"

void vmem_get_status(const struct vmem_device *vmem, struct vmem_status *status)
{
    const struct vmem_virtio *virtio = vmem->virtio;
    const struct vmem_report *report = &vmem->report;
    *status = report->count;
    status->state = vmem->state;
    status->wait = vmem->requests.nr_in_flight == 0 ? vmem->wait.reason : VMEM_WAIT_NONE;
    status->is_settled = vmem->state == VMEM_STATE_TRACKING && vmem->requests.nr_in_flight == 0 &&
                         vmem->wait.reason == VMEM_WAIT_NONE && report->has_settled &&
                         report->settled_bytes == vmem->config.requested_bytes;
    status->is_ready = vmem->is_ready;
    status->name = vmem->name;
    status->config = vmem->config;
    status->node_id = vmem->node_id;
    status->nr_blocks = vmem->map.nr_blocks;
    status->plugged_blocks = vmem->map.nr_online;
    status->interrupts = virtio->nr_interrupts;
    status->features = virtio->features;
    status->irq_mode = virtio->irq_mode;
    status->transport = virtio->ops->name;
    status->location = virtio->location;
    status->broken_reason = virtio->broken ? virtio->broken_reason : NULL;
}

bool vmem_is_ready(const struct vmem_device *vmem)
{
    return vmem->is_ready;
}

bool vmem_allows_suspend(const struct vmem_device *vmem)
{
    return vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_PERSISTENT_SUSPEND);
}

bool vmem_block_is_plugged(const struct vmem_device *vmem, uint64_t block)
{
    return vmem_map_get(&vmem->map, block) == VMEM_BLOCK_ONLINE;
}

bool vmem_describe_address(const struct vmem_device *vmem, uint64_t address, char *text,
                           size_t text_bytes)
{
    static const char *const state_names[] = {
        [VMEM_BLOCK_UNPLUGGED] = "unplugged",
        [VMEM_BLOCK_ONLINE] = "plugged",
        [VMEM_BLOCK_IN_DOUBT] = "asked for, or in doubt",
    };
    const struct vmem_config *config = &vmem->config;
    if (address < config->region_base || address - config->region_base >= config->region_bytes)
        return false;
    uint64_t block = (address - config->region_base) / config->block_bytes;
    vmem_format(text, text_bytes, "%s block %llu at 0x%llx, %s", vmem->name, vmem_llu(block),
                vmem_llu(vmem_block_address(vmem, block)),
                state_names[vmem_map_get(&vmem->map, block)]);
    return true;
}
