/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modern PCI transport (virtio 1.4, "Virtio Over PCI Bus").
 */
#ifndef VMEM_PCI_VIRTIO_PCI_H
#define VMEM_PCI_VIRTIO_PCI_H

#include "drivers/pci/pci.h"
#include "drivers/virtio/core/virtio.h"

/* The virtio device ID of a modern function; 0 if it is none (transitional ones included). */
uint32_t vmem_pci_device_type(const struct pci_device *pci);

/*
 * Find and map the transport's structures and switch the function on, its
 * interrupts off. The device is not reset yet. VMEM_E_NODEV if it is not a modern
 * virtio function or lacks a structure (device config may be absent), VMEM_E_RANGE
 * if one leaves its BAR or overlaps another, VMEM_E_NOMEM.
 */
VMEM_MUST_CHECK int vmem_pci_create(struct pci_device *pci, struct vmem_virtio **created);

/* Switch interrupts, decoding and bus mastering off, and free it. The device has been reset. */
void vmem_pci_destroy(struct vmem_virtio *device);

#endif
