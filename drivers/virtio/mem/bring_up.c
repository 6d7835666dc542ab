/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From reset to a queue that can be used: virtio 1.4, "Device Initialization", up to the step
 * before DRIVER_OK. An error takes the same way: a reset of the device changes no block (virtio
 * 1.4, "Memory Device: Device Initialization"), so online blocks stay in use all the while, and in
 * doubt are only those that were named in requests without a known end.
 */
#include "device.h"

#include "../core/text.h"
#include "../core/virtio_spec.h"

/* Room for each request's two descriptors, and what QEMU has. */
#define QUEUE_SIZE 128

#define RESETS_MAX 3 /* in a row, without a block changing its state between */

/* PERSISTENT_SUSPEND and UNPLUGGED_INACCESSIBLE (M4) are promises that cost this driver nothing: it
 * keeps no unplugged block mapped in any case. */
#define FEATURES_WANTED                                                                            \
    (VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM) | VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE) | \
     VIRTIO_FEATURE(VIRTIO_MEM_F_PERSISTENT_SUSPEND))

static const char *const feature_names[24] = {
    [VIRTIO_MEM_F_ACPI_PXM] = "ACPI_PXM",
    [VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE] = "UNPLUGGED_INACCESSIBLE",
    [VIRTIO_MEM_F_PERSISTENT_SUSPEND] = "PERSISTENT_SUSPEND",
};

const char *vmem_feature_name(unsigned bit)
{
    return vmem_virtio_feature_name(bit, feature_names);
}

int vmem_bring_up(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    int status = vmem_virtio_negotiate(virtio, FEATURES_WANTED, VIRTIO_FEATURE(VIRTIO_F_VERSION_1),
                                       feature_names);
    if (status != VMEM_OK)
        return status;
    status = virtio->ops->irq_enable(virtio, vmem->options.irq_mode);
    if (status != VMEM_OK) {
        vmem_virtio_break(virtio, "it has no way to interrupt, nor can it be polled: %s",
                          vmem_error_name(status));
        return status;
    }
    status = vmem_queue_create(virtio, VIRTIO_MEM_QUEUE, QUEUE_SIZE, &vmem->requests.queue);
    if (status == VMEM_OK)
        return VMEM_OK;
    vmem_virtio_break(virtio, "its queue cannot be set up: %s", vmem_error_name(status));
    virtio->ops->irq_disable(virtio);
    return status;
}

bool vmem_restart(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    vmem->wait.was_nacked = false;
    /* virtio 1.4, "Device Cleanup": the ring goes after the reset (L2). If there is none, ring and
     * buffers stay as they are: the device may still write to them. */
    if (vmem_virtio_reset(virtio) != VMEM_OK)
        return false;
    vmem_queue_destroy(vmem->requests.queue);
    vmem->requests.queue = NULL;
    vmem_requests_forget(&vmem->requests);
    virtio->ops->irq_disable(virtio);
    if (vmem_bring_up(vmem) != VMEM_OK)
        return false;
    vmem_virtio_driver_ok(virtio);
    vmem_want_look(vmem, VMEM_LOOK_ALL);
    return true;
}

void vmem_recover(struct vmem_device *vmem, uint64_t now_ms, enum vmem_event event, const char *why)
{
    struct vmem_strikes *strikes = &vmem->strikes;
    if (strikes->resets >= RESETS_MAX) {
        vmem_virtio_break(vmem->virtio, "%s, and %u resets did not help", why, strikes->resets);
        return;
    }
    strikes->resets++;
    strikes->reset_at_ms = now_ms;
    strikes->errors = 0;
    vmem->report.count.resets++;
    vmem_log(VMEM_LOG_WARNING, vmem->name,
             "resetting the device: %s; %llu blocks stay online, %llu are in doubt", why,
             vmem_llu(vmem->map.nr_online), vmem_llu(vmem->map.nr_in_doubt));
    vmem->probe.limit = VIRTIO_MEM_NB_BLOCKS_MAX;
    if (vmem_is_tracking(vmem))
        vmem_probe_doubt(vmem, event);
    if (vmem_restart(vmem))
        vmem_back_off(vmem, now_ms, VMEM_WAIT_DEVICE_RESET, event);
}
