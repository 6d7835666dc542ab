/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory-mapped transport (virtio 1.4, "Virtio Over MMIO"), version 2.
 *
 * Nothing announces such a device: the user, or a VMM on the kernel's command
 * line, says where it is, as virtio_mmio.device=SIZE@BASE:IRQ.
 */
#ifndef TIDE_DRIVERS_VIRTIO_MMIO_VIRTIO_MMIO_H
#define TIDE_DRIVERS_VIRTIO_MMIO_VIRTIO_MMIO_H

#include "drivers/virtio/core/virtio.h"

/* Where a device is. */
struct virtio_mmio_address {
    paddr_t base;
    u64 bytes;
    unsigned irq_line;
};

/*
 * Parse "SIZE@BASE:IRQ", optionally with ":ID" behind it: SIZE with a suffix,
 * numbers decimal or hexadecimal after 0x. E_INVAL if malformed, E_RANGE if
 * the range overflows or cannot hold the registers.
 */
must_check int vmem_mmio_parse(const char *text, struct virtio_mmio_address *address);

/*
 * Look at the registers there. The device is not reset yet; its type is
 * (*created)->device_type. E_NODEV if there is no virtio device, only a
 * placeholder, or one of the legacy version, E_RANGE for a range that cannot
 * be, E_NOMEM.
 */
must_check int vmem_mmio_create(const struct virtio_mmio_address *address,
                                struct vmem_virtio **created);

/* Let go of the interrupt and free it. The device has been reset. */
void vmem_mmio_destroy(struct vmem_virtio *device);

#endif
