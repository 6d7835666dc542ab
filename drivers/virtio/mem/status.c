/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What people see of a memory device: the settled line, the warning when the
 * host's wish cannot be met, and the figures. Each resize is one line.
 */
#include "include/status.h"
#include "drivers/virtio/mem/device.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "mm/page.h"

void vmem_report_settled(struct vmem_device *vmem)
{
    const struct vmem_config *config = &vmem->config;
    vmem->waiting_for = NULL;
    vmem->is_ready = true;
    vmem->is_short_reported = false;
    if (vmem->has_settled && vmem->settled_bytes == config->requested_bytes &&
        vmem->changes_since == 0)
        return;
    /* A stable format: tools and tests read it. */
    log_info(LOG_VMEM, vmem->name, "settled requested=%lu plugged=%lu usable=%lu requests=%lu",
             config->requested_bytes, config->plugged_bytes, config->usable_bytes,
             vmem->requests_since);
    vmem->has_settled = true;
    vmem->settled_bytes = config->requested_bytes;
    vmem->requests_since = 0;
    vmem->changes_since = 0;
    vmem->count.resizes++;
}

void vmem_count_pinned(const struct vmem_device *vmem, struct hotplug_pinned *pinned)
{
    hotplug_count_pinned(vmem->config.region_base,
                         vmem->config.region_base + vmem->config.region_bytes, pinned);
}

void vmem_describe_pinned(const struct vmem_device *vmem, char *text, size_t bytes)
{
    struct hotplug_pinned pinned;
    const char *owner;
    text[0] = 0;
    if (!vmem->is_short_of_idle)
        return;
    vmem_count_pinned(vmem, &pinned);
    int length = snprintf(text, bytes, "%s user=%lu metadata=%lu refused=%lu movable=%lu",
                          vmem->config.block_bytes != pinned.unit_bytes ? "areas" : "blocks",
                          pinned.nr_user, pinned.nr_metadata, pinned.nr_refused, pinned.nr_movable);
    for (unsigned i = 0; (owner = page_owner_name(i)) != NULL && (size_t)length < bytes; i++) {
        if (pinned.nr_refused_by[i] != 0)
            length += snprintf(text + length, bytes - (size_t)length, ", refused by %s=%lu", owner,
                               pinned.nr_refused_by[i]);
    }
}

static const char *why_short(const struct vmem_device *vmem)
{
    if (vmem->is_short_of_room)
        return "boot RAM has no room for the page tables and metadata of more";
    if (!vmem->is_short_of_idle)
        return "no unplugged block is left in the usable region";
    switch (vmem->evacuation.trouble) {
    case E_BUSY:
        return "an owner does not let its pages be moved";
    case E_NOMEM:
        return "no memory is left to move pages to";
    default:
        return "pages in use keep blocks plugged";
    }
}

void vmem_report_short(struct vmem_device *vmem, const struct vmem_plan *plan)
{
    char pinned[VMEM_PINNED_BYTES];
    vmem->waiting_for = why_short(vmem);
    vmem->is_ready = true;
    if (vmem->is_short_reported && vmem->short_bytes == vmem->config.requested_bytes)
        return;
    vmem_describe_pinned(vmem, pinned, sizeof(pinned));
    if (vmem->is_short_of_idle)
        log_warning(LOG_VMEM, vmem->name,
                    "requested=%lu plugged=%lu: %lu blocks stay plugged while pages in them are in "
                    "use: %s",
                    vmem->config.requested_bytes, vmem->config.plugged_bytes, plan->short_blocks,
                    pinned);
    else
        log_warning(LOG_VMEM, vmem->name, "requested=%lu plugged=%lu: %lu blocks are missing, %s",
                    vmem->config.requested_bytes, vmem->config.plugged_bytes,
                    (vmem->config.requested_bytes - vmem_online_bytes(vmem)) /
                        vmem->config.block_bytes,
                    vmem->waiting_for);
    vmem->is_short_reported = true;
    vmem->short_bytes = vmem->config.requested_bytes;
}

static enum vmem_phase current_phase(const struct vmem_device *vmem)
{
    if (vmem->virtio->broken)
        return VMEM_PHASE_BROKEN;
    if (vmem->is_recovering)
        return VMEM_PHASE_RECOVERY;
    if (vmem->stage != VMEM_STAGE_FOLLOW)
        return VMEM_PHASE_START;
    if (vmem->requests.nr_in_flight != 0 || vmem->verify.is_running)
        return VMEM_PHASE_WORKING;
    if (vmem->waiting_for)
        return VMEM_PHASE_WAITING;
    bool is_settled = vmem->has_settled && vmem->settled_bytes == vmem->config.requested_bytes;
    return is_settled ? VMEM_PHASE_SETTLED : VMEM_PHASE_WORKING;
}

void vmem_get_status(const struct vmem_device *vmem, struct vmem_status *status)
{
    *status = vmem->count;
    status->phase = current_phase(vmem);
    status->waiting_for = vmem->requests.nr_in_flight == 0 ? vmem->waiting_for : NULL;
    status->config = vmem->config;
    status->node_id = vmem->node_id;
    status->nr_blocks = vmem->blocks.nr_blocks;
    status->plugged_blocks = vmem->blocks.nr_online;
}

bool vmem_is_ready(const struct vmem_device *vmem)
{
    return vmem->is_ready;
}

const struct vmem_virtio *vmem_virtio(const struct vmem_device *vmem)
{
    return vmem->virtio;
}

bool vmem_allows_suspend(const struct vmem_device *vmem)
{
    return vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_PERSISTENT_SUSPEND);
}

bool vmem_block_plugged(const struct vmem_device *vmem, u64 block)
{
    return vmem_map_get(&vmem->blocks, block) == VMEM_BLOCK_ONLINE;
}

bool vmem_describe_address(const struct vmem_device *vmem, paddr_t paddr, char *text, size_t bytes)
{
    static const char *const state_names[] = {
        [VMEM_BLOCK_UNPLUGGED] = "unplugged",
        [VMEM_BLOCK_ONLINE] = "plugged",
        [VMEM_BLOCK_IN_DOUBT] = "asked for, or in doubt",
    };
    const struct vmem_config *config = &vmem->config;
    if (paddr < config->region_base || paddr - config->region_base >= config->region_bytes)
        return false;
    u64 block = (paddr - config->region_base) / config->block_bytes;
    snprintf(text, bytes, "%s block %lu at 0x%lx, %s", vmem->name, block,
             vmem_block_paddr(vmem, block), state_names[vmem_map_get(&vmem->blocks, block)]);
    return true;
}
