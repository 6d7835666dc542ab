/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory-mapped transport (virtio 1.4, "Virtio Over MMIO"), version 2. Of the host it needs
 * mapped registers, and nothing more than host.h has.
 */
#ifndef VMEM_MMIO_H
#define VMEM_MMIO_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Look at the registers, which the host has mapped uncached and keeps mapped. has_irq: the host
 * will call vmem_mmio_interrupt(); else the device is polled. location: "mmio 0xfeb00e00", for log
 * lines; copied, 47 characters at most. VMEM_E_NODEV if there is no virtio device, only a
 * placeholder, or one of the legacy version; VMEM_E_RANGE if `bytes` or the alignment cannot hold
 * the registers; VMEM_E_NOMEM. The device is not reset yet.
 */
int vmem_mmio_create(volatile void *registers, size_t bytes, bool has_irq, const char *location,
                     struct vmem_virtio **created);

/*
 * The device's interrupt line was raised; call it from the line's handler, with interrupts off. The
 * line is level-triggered and may be shared. False: the device interrupts without end. Call it no
 * more, and mask the line if nobody shares it; the device is polled from now on.
 */
bool vmem_mmio_interrupt(struct vmem_virtio *virtio);

/* Free it; the host has detached the line, then may unmap. Not while attached. */
void vmem_mmio_destroy(struct vmem_virtio *virtio);

#ifdef __cplusplus
}
#endif

#endif
