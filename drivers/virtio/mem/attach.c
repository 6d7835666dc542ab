/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end of a memory device's life with the driver.
 *
 * vmem_bring_up() is virtio 1.4, "Device Initialization", up to the step before
 * DRIVER_OK; recovery takes the same way. The config is read before that to
 * validate it, and again after it: a requested size that the host sets in
 * between comes without an interrupt.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/mem/device.h"
#include "extras/numa/node.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"

/* Room for each slot's two descriptors, and what QEMU has. */
#define QUEUE_SIZE 128

/* PERSISTENT_SUSPEND and UNPLUGGED_INACCESSIBLE (M4) are promises that cost this driver nothing: it
 * keeps no unplugged block mapped in any case. */
#define FEATURES_WANTED                                                                            \
    (VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM) | VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE) | \
     VIRTIO_FEATURE(VIRTIO_MEM_F_PERSISTENT_SUSPEND))

const char *const vmem_feature_names[24] = {
    [VIRTIO_MEM_F_ACPI_PXM] = "ACPI_PXM",
    [VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE] = "UNPLUGGED_INACCESSIBLE",
    [VIRTIO_MEM_F_PERSISTENT_SUSPEND] = "PERSISTENT_SUSPEND",
};

static enum vmem_init chosen_init = VMEM_INIT_UNPLUG_ALL;

void vmem_choose_init(enum vmem_init init)
{
    chosen_init = init;
}

int vmem_bring_up(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    int status = vmem_virtio_negotiate(virtio, FEATURES_WANTED, VIRTIO_FEATURE(VIRTIO_F_VERSION_1),
                                       vmem_feature_names);
    if (status != OK)
        return status;
    status = virtio->ops->irq_enable(virtio, vmem->irq_wanted);
    if (status != OK) {
        vmem_virtio_break(virtio, "it has no way to interrupt, nor can it be polled: %s",
                          status_name(status));
        return status;
    }
    status = vmem_queue_create(virtio, VIRTIO_MEM_QUEUE, QUEUE_SIZE, &vmem->requests.queue);
    if (status == OK)
        return OK;
    vmem_virtio_break(virtio, "its queue cannot be set up: %s", status_name(status));
    virtio->ops->irq_disable(virtio);
    return status;
}

/* The first snapshot, which may come before DRIVER_OK and must be valid to go on. */
static int read_first_config(struct vmem_device *vmem)
{
    struct virtio_mem_config_abi abi;
    char reason[VMEM_REASON_BYTES];
    int status = vmem_virtio_read_config(vmem->virtio, &abi, sizeof(abi));
    if (status != OK) {
        vmem_virtio_break(vmem->virtio, "its config space cannot be read: %s", status_name(status));
        return status;
    }
    vmem_config_decode(&abi, vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM),
                       &vmem->config);
    if (vmem_config_check(&vmem->config, platform_paddr_limit(), reason, sizeof(reason))) {
        vmem_virtio_break(vmem->virtio, "%s", reason);
        return E_INVAL;
    }
    return OK;
}

/* Make the region known to mm. A region of no bytes is valid, and nothing to mm. */
static int add_region(struct vmem_device *vmem)
{
    const struct vmem_config *config = &vmem->config;
    if (config->region_bytes == 0)
        return OK;
    /* virtio 1.4, "Memory Device: Device configuration layout": node_id counts with ACPI_PXM alone
     * (M3). SRAT may put all of hotpluggable memory into one node; the device's word is better. */
    vmem->node_id = vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM)
                        ? config->node_id
                        : node_of(config->region_base);
    int status = hotplug_add_region(config->region_base, config->region_bytes, config->block_bytes,
                                    vmem->node_id, vmem->name);
    if (status == OK)
        return OK;
    vmem_virtio_break(vmem->virtio, "region 0x%lx + 0x%lx cannot be used: %s", config->region_base,
                      config->region_bytes,
                      status == E_EXIST ? "it overlaps memory or a region that is there already"
                                        : status_name(status));
    return status;
}

static void free_device(struct vmem_device *vmem)
{
    page_free_run(virt_to_phys(vmem), vmem->memory_frames);
}

/* Everything up to DRIVER_OK that holds memory, in order; what fails undoes what went before. */
static int set_up(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    int status = vmem_bring_up(vmem);
    if (status != OK)
        return status;
    status = read_first_config(vmem);
    if (status != OK)
        goto no_queue;
    status = vmem_map_init(&vmem->blocks, vmem->config.region_bytes / vmem->config.block_bytes);
    if (status != OK) {
        vmem_virtio_break(virtio,
                          "there is no memory for the book of its 0x%lx bytes in 0x%lx blocks",
                          vmem->config.region_bytes, vmem->config.block_bytes);
        goto no_queue;
    }
    status = add_region(vmem);
    if (status == OK)
        return OK;
    vmem_map_free(&vmem->blocks);
no_queue:
    /* No buffer was exposed, so the ring can go once the device was reset, and only then. */
    if (vmem_virtio_reset(virtio) == OK)
        vmem_queue_destroy(vmem->requests.queue);
    virtio->ops->irq_disable(virtio);
    return status;
}

static struct vmem_device *allocate(struct vmem_virtio *virtio, const char *name,
                                    enum vmem_irq_mode irq_mode)
{
    u64 frames = align_up(sizeof(struct vmem_device), PAGE_BYTES) / PAGE_BYTES;
    paddr_t paddr = page_alloc_run(frames, PAGE_KERNEL);
    if (paddr == PADDR_NONE)
        return NULL;
    struct vmem_device *vmem = phys_to_virt(paddr);
    memset(vmem, 0, sizeof(*vmem));
    vmem->memory_frames = frames;
    vmem->virtio = virtio;
    vmem->irq_wanted = irq_mode;
    vmem->init = chosen_init;
    snprintf(vmem->name, sizeof(vmem->name), "%s", name);
    if (vmem_requests_init(&vmem->requests) != OK) {
        free_device(vmem);
        return NULL;
    }
    return vmem;
}

int vmem_attach(struct vmem_virtio *virtio, const char *name, enum vmem_irq_mode irq_mode,
                struct vmem_device **attached)
{
    struct vmem_device *vmem = allocate(virtio, name, irq_mode);
    if (!vmem) {
        log_error(LOG_VMEM, name, "there is no memory for the driver's own data");
        return E_NOMEM;
    }
    virtio->name = vmem->name;
    int status = set_up(vmem);
    if (status != OK) {
        /* The reason is logged. The name in it was ours. */
        virtio->name = NULL;
        vmem_requests_free(&vmem->requests);
        free_device(vmem);
        return status;
    }
    vmem_virtio_driver_ok(virtio);
    vmem->work_at_ms = platform_now_ms();
    const struct vmem_config *config = &vmem->config;
    log_info(LOG_VMEM, vmem->name,
             "region=0x%lx+0x%lx block=0x%lx node=%u requested=%lu plugged=%lu usable=%lu",
             config->region_base, config->region_bytes, config->block_bytes, vmem->node_id,
             config->requested_bytes, config->plugged_bytes, config->usable_bytes);
    if (vmem_config_is_block_odd(config))
        log_warning(LOG_VMEM, vmem->name,
                    "block_size 0x%lx is not a power of two, as virtio 1.4 demands: blocks are "
                    "counted from addr 0x%lx",
                    config->block_bytes, config->region_base);
    *attached = vmem;
    return OK;
}

/* Without asking the device: blocks whose pages are all idle leave mm. E_BUSY if some are not. */
static int abandon_blocks(struct vmem_device *vmem)
{
    struct vmem_run run;
    while (vmem_map_next(&vmem->blocks, VMEM_BLOCK_ONLINE, 0, vmem->blocks.nr_blocks, &run)) {
        int status = hotplug_offline(vmem_block_paddr(vmem, run.first),
                                     run.nr_blocks * vmem->config.block_bytes);
        if (status != OK)
            return status;
        vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_IN_DOUBT);
    }
    return OK;
}

static int tear_down(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    if (vmem->config.region_bytes != 0) {
        int status = hotplug_remove_region(vmem->config.region_base);
        if (status != OK)
            return status;
    }
    /* virtio 1.4, "Device Cleanup": no exposed buffer goes away before the device was reset (L2).
     * One that does not reset may write to its ring for ever, so that memory stays allocated. */
    if (vmem_virtio_reset(virtio) == OK) {
        if (vmem->requests.queue)
            vmem_queue_destroy(vmem->requests.queue);
        vmem_requests_forget(&vmem->requests);
        vmem_requests_free(&vmem->requests);
    }
    virtio->ops->irq_disable(virtio);
    virtio->name = NULL;
    vmem_map_free(&vmem->blocks);
    free_device(vmem);
    return OK;
}

int vmem_detach(struct vmem_device *vmem)
{
    if (vmem->config.region_bytes != 0 &&
        hotplug_used_frames(vmem->config.region_base, vmem->config.region_bytes) != 0) {
        vmem->is_leaving = false;
        return E_BUSY;
    }
    vmem_evacuate_end(vmem);
    if (!vmem->virtio->broken) {
        if (!vmem->is_leaving)
            vmem->work_at_ms = platform_now_ms();
        vmem->is_leaving = true;
        (void)vmem_service(vmem, platform_now_ms());
    }
    if (vmem->virtio->broken) {
        int status = abandon_blocks(vmem);
        return status == OK ? tear_down(vmem) : status;
    }
    bool is_empty = vmem->blocks.nr_online == 0 && vmem->blocks.nr_in_doubt == 0 &&
                    vmem->requests.nr_in_flight == 0 && vmem->stage == VMEM_STAGE_FOLLOW;
    return is_empty ? tear_down(vmem) : E_AGAIN;
}
