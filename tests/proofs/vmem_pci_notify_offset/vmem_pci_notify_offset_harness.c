/* SPDX-License-Identifier: BSD-2-Clause */
/* Any windows of a device, as far as they were checked, and any queue's notify offset. */
#include "drivers/virtio/pci/virtio_pci_caps.c"
#include "tests/proofs/vmem_host.h"

static bool is_clear(const struct virtio_pci_windows *windows,
                     const struct virtio_pci_window *other, uint64_t at, uint32_t bytes)
{
    return other->bytes == 0 || windows->notify.bar != other->bar || at + bytes <= other->offset ||
           (uint64_t)other->offset + vmem_min(other->bytes, 64) <= at;
}

void harness(void)
{
    struct virtio_pci_windows windows;
    uint16_t queue_notify_off;
    uint32_t bytes = nondet_bool() ? 4 : 2;
    uint64_t at = 42;
    ASSUME((uint64_t)windows.notify.offset + windows.notify.bytes <= (uint64_t)1 << 32);

    int status = vmem_pci_notify_offset(&windows, queue_notify_off, bytes, &at);
    if (status != VMEM_OK) {
        PROVE(at == 42);
        return;
    }
    PROVE(at % bytes == 0 && at >= windows.notify.offset);
    PROVE(at - windows.notify.offset + bytes <= windows.notify.bytes);
    PROVE(is_clear(&windows, &windows.common, at, bytes));
    PROVE(is_clear(&windows, &windows.isr, at, bytes));
    PROVE(is_clear(&windows, &windows.device, at, bytes));
}
