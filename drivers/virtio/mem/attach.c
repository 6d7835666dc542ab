/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end of a memory device's life with the driver.
 *
 * The config is read before DRIVER_OK to check it, and again after it: a requested size that the
 * host sets in between comes without an interrupt.
 */
#include "device.h"

#include "../core/text.h"
#include "../core/virtio_spec.h"

/* The first snapshot, which may come before DRIVER_OK and must be valid to go on. */
static int read_first_config(struct vmem_device *vmem)
{
    char reason[VMEM_REASON_BYTES];
    int status = vmem_virtio_read_config(vmem->virtio, &vmem->snapshot, 0, sizeof(vmem->snapshot));
    if (status != VMEM_OK) {
        vmem_virtio_break(vmem->virtio, "its config space cannot be read: %s",
                          vmem_error_name(status));
        return status;
    }
    vmem_config_decode(&vmem->snapshot,
                       vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM), &vmem->config);
    if (vmem_config_check(&vmem->config, vmem->options.address_limit, reason, sizeof(reason))) {
        vmem_virtio_break(vmem->virtio, "%s", reason);
        return VMEM_E_INVAL;
    }
    return VMEM_OK;
}

/* Make the region known to the allocator. A region of no bytes is valid, and nothing to it. */
static int add_region(struct vmem_device *vmem)
{
    const struct vmem_config *config = &vmem->config;
    /* virtio 1.4, "Memory Device: Device configuration layout": node_id counts with ACPI_PXM alone
     * (M3). */
    struct vmem_region region = {
        .base = config->region_base,
        .bytes = config->region_bytes,
        .block_bytes = config->block_bytes,
        .has_node_id = vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM),
        .node_id = config->node_id,
        .name = vmem->name,
    };
    if (config->region_bytes == 0)
        return VMEM_OK;
    int status = vmem->options.memory->add_region(vmem->options.memory_context, &region);
    vmem->node_id = region.node_id;
    if (status == VMEM_OK)
        return VMEM_OK;
    vmem_virtio_break(vmem->virtio, "region 0x%llx + 0x%llx cannot be used: %s",
                      vmem_llu(config->region_base), vmem_llu(config->region_bytes),
                      status == VMEM_E_EXIST
                          ? "it overlaps memory or a region that is there already"
                          : vmem_error_name(status));
    return status;
}

/* All that holds memory, up to DRIVER_OK; a step that fails undoes those before it. */
static int set_up(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    int status = vmem_bring_up(vmem);
    if (status != VMEM_OK)
        return status;
    status = read_first_config(vmem);
    if (status != VMEM_OK)
        goto no_queue;
    status = vmem_map_init(&vmem->map, vmem->config.region_bytes / vmem->config.block_bytes);
    if (status != VMEM_OK) {
        vmem_virtio_break(virtio,
                          "there is no memory for the map of its 0x%llx bytes in 0x%llx blocks",
                          vmem_llu(vmem->config.region_bytes), vmem_llu(vmem->config.block_bytes));
        goto no_queue;
    }
    status = add_region(vmem);
    if (status == VMEM_OK)
        return VMEM_OK;
    vmem_map_free(&vmem->map);
no_queue:
    /* No buffer was exposed, so the ring can go once the device was reset, and only then. */
    if (vmem_virtio_reset(virtio) == VMEM_OK)
        vmem_queue_destroy(vmem->requests.queue);
    virtio->ops->irq_disable(virtio);
    return status;
}

static struct vmem_device *allocate(struct vmem_virtio *virtio, const struct vmem_options *options)
{
    struct vmem_device *vmem = vmem_host_alloc(sizeof(*vmem));
    if (!vmem)
        return NULL;
    memset(vmem, 0, sizeof(*vmem));
    vmem->virtio = virtio;
    vmem->options = *options;
    vmem_format(vmem->name, sizeof(vmem->name), "%s", options->name);
    vmem->options.name = vmem->name;
    if (vmem_requests_init(&vmem->requests) != VMEM_OK) {
        vmem_host_free(vmem, sizeof(*vmem));
        return NULL;
    }
    return vmem;
}

static void log_attached(const struct vmem_device *vmem)
{
    const struct vmem_config *config = &vmem->config;
    vmem_log(VMEM_LOG_INFO, vmem->name,
             "region=0x%llx+0x%llx block=0x%llx node=%u requested=%llu plugged=%llu usable=%llu",
             vmem_llu(config->region_base), vmem_llu(config->region_bytes),
             vmem_llu(config->block_bytes), vmem->node_id, vmem_llu(config->requested_bytes),
             vmem_llu(config->plugged_bytes), vmem_llu(config->usable_bytes));
    if (vmem_config_is_block_odd(config))
        vmem_log(VMEM_LOG_WARNING, vmem->name,
                 "block_size 0x%llx is not a power of two, as virtio 1.4 demands: blocks are "
                 "counted from addr 0x%llx",
                 vmem_llu(config->block_bytes), vmem_llu(config->region_base));
}

int vmem_attach(struct vmem_virtio *virtio, const struct vmem_options *options,
                struct vmem_device **attached)
{
    struct vmem_device *vmem = allocate(virtio, options);
    if (!vmem) {
        vmem_log(VMEM_LOG_ERROR, options->name, "there is no memory for the driver's own data");
        return VMEM_E_NOMEM;
    }
    virtio->name = vmem->name;
    virtio->wake_context = options->wake_context;
    virtio->features_masked = options->features_masked;
    virtio->translates_device_addresses = options->translates_device_addresses;
    int status = set_up(vmem);
    if (status != VMEM_OK) {
        /* The reason is logged. The name in it was ours. */
        virtio->name = NULL;
        vmem_requests_free(&vmem->requests);
        vmem_host_free(vmem, sizeof(*vmem));
        return status;
    }
    vmem_virtio_driver_ok(virtio);
    vmem->due.step_ms = vmem_host_now_ms();
    log_attached(vmem);
    *attached = vmem;
    return VMEM_OK;
}

/* Without asking the device: blocks whose pages are all idle leave the allocator. VMEM_E_BUSY if
 * some are not. */
static int abandon_blocks(struct vmem_device *vmem)
{
    const struct vmem_options *options = &vmem->options;
    struct vmem_run run;
    while (vmem_map_next(&vmem->map, VMEM_BLOCK_ONLINE, 0, vmem->map.nr_blocks, &run)) {
        int status =
            options->memory->offline(options->memory_context, vmem_block_address(vmem, run.first),
                                     vmem_run_bytes(vmem, run));
        if (status != VMEM_OK)
            return status;
        vmem_map_set(&vmem->map, run, VMEM_BLOCK_IN_DOUBT);
    }
    return VMEM_OK;
}

static int tear_down(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    const struct vmem_options *options = &vmem->options;
    if (vmem->config.region_bytes != 0) {
        int status =
            options->memory->remove_region(options->memory_context, vmem->config.region_base);
        if (status != VMEM_OK)
            return status;
    }
    /* virtio 1.4, "Device Cleanup": no exposed buffer goes away before the device was reset (L2).
     * One that does not reset may write to its ring for ever, so that memory stays allocated. */
    if (vmem_virtio_reset(virtio) == VMEM_OK) {
        if (vmem->requests.queue)
            vmem_queue_destroy(vmem->requests.queue);
        vmem_requests_forget(&vmem->requests);
        vmem_requests_free(&vmem->requests);
    }
    virtio->ops->irq_disable(virtio);
    virtio->name = NULL;
    vmem_map_free(&vmem->map);
    vmem_host_free(vmem, sizeof(*vmem));
    return VMEM_OK;
}

int vmem_detach(struct vmem_device *vmem)
{
    const struct vmem_options *options = &vmem->options;
    if (vmem->config.region_bytes != 0 &&
        options->memory->used_bytes(options->memory_context, vmem->config.region_base,
                                    vmem->config.region_bytes) != 0) {
        vmem->is_detaching = false;
        return VMEM_E_BUSY;
    }
    if (vmem->state == VMEM_STATE_MIGRATING)
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_DETACH);
    if (!vmem->is_detaching)
        vmem->due.step_ms = vmem_host_now_ms();
    vmem->is_detaching = true;
    (void)vmem_service(vmem, vmem_host_now_ms());
    if (vmem->state == VMEM_STATE_BROKEN) {
        int status = abandon_blocks(vmem);
        return status == VMEM_OK ? tear_down(vmem) : status;
    }
    /* The blocks of requests in flight are in doubt. */
    bool is_empty = vmem->map.nr_online == 0 && vmem->map.nr_in_doubt == 0 &&
                    vmem->state == VMEM_STATE_TRACKING;
    return is_empty ? tear_down(vmem) : VMEM_E_AGAIN;
}
