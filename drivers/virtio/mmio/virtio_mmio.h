/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory-mapped transport (virtio 1.4, "Virtio Over MMIO"), version 2.
 *
 * Nothing announces such a device: the user, or a VMM on the kernel's command
 * line, says where it is, as virtio_mmio.device=SIZE@BASE:IRQ.
 */
#ifndef VMEM_MMIO_VIRTIO_MMIO_H
#define VMEM_MMIO_VIRTIO_MMIO_H

#include "drivers/virtio/core/virtio.h"
#include "include/platform.h"

/* Where a device is. */
struct virtio_mmio_address {
    uint64_t base;
    uint64_t bytes;
    unsigned irq_line;
};

/*
 * Parse "SIZE@BASE:IRQ", optionally with ":ID" behind it: SIZE with a suffix,
 * numbers decimal or hexadecimal after 0x. VMEM_E_INVAL if malformed, VMEM_E_RANGE if
 * the range overflows or cannot hold the registers.
 */
VMEM_MUST_CHECK int vmem_mmio_parse(const char *text, struct virtio_mmio_address *address);

/*
 * Look at the registers there. The device is not reset yet; its type is
 * (*created)->device_type. VMEM_E_NODEV if there is no virtio device, only a
 * placeholder, or one of the legacy version, VMEM_E_RANGE for a range that cannot
 * be, VMEM_E_NOMEM.
 */
VMEM_MUST_CHECK int vmem_mmio_create(const struct virtio_mmio_address *address,
                                     struct vmem_virtio **created);

/* Let go of the interrupt and free it. The device has been reset. */
void vmem_mmio_destroy(struct vmem_virtio *device);

#endif
