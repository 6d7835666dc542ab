/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory-mapped transport (virtio 1.4, "Virtio Over MMIO"), version 2. It needs a base address
 * and, of the host, nothing more than host.h has.
 */
#ifndef VMEM_MMIO_H
#define VMEM_MMIO_H

#include "vmem.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Look at the registers, which the host has mapped uncached and keeps mapped. VMEM_E_NODEV if there
 * is no virtio device, only a placeholder, or one of the legacy version; VMEM_E_RANGE if `bytes`
 * cannot hold the registers; VMEM_E_NOMEM. has_irq: the host will call vmem_mmio_interrupt().
 */
int vmem_mmio_create(volatile void *registers, size_t bytes, bool has_irq, const char *location,
                     struct vmem_virtio **created);

/* The virtio device ID (24: memory). */
uint32_t vmem_mmio_device_type(const struct vmem_virtio *virtio);

/* The device's interrupt line was raised; from its handler, with interrupts off. The line is
 * level-triggered and may be shared. */
void vmem_mmio_interrupt(struct vmem_virtio *virtio);

/* Free it; the host has detached the line, then may unmap. Not while attached. */
void vmem_mmio_destroy(struct vmem_virtio *virtio);

#ifdef __cplusplus
}
#endif

#endif
