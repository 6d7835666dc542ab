/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a virtio PCI function says its structures are, checked and mapped.
 *
 * A capability is untrusted: one that cannot be used is passed over with a debug line. A structure
 * is missing if no capability of its type can be used.
 */
#ifndef VMEM_PCI_VIRTIO_PCI_CAPS_H
#define VMEM_PCI_VIRTIO_PCI_CAPS_H

#include "../core/defs.h"
#include "virtio_pci_spec.h"

/* One structure: [offset, offset + bytes) lies in the memory BAR. */
struct virtio_pci_window {
    uint8_t bar;
    uint32_t offset;
    uint32_t bytes;              /* 0: there is none */
    volatile uint8_t *registers; /* NULL for notify, of which each queue has a part mapped */
    uint32_t mapped_bytes;       /* as far as the driver uses it */
};

struct virtio_pci_windows {
    union {
        struct {
            struct virtio_pci_window common;
            struct virtio_pci_window notify;
            struct virtio_pci_window isr;
            struct virtio_pci_window device; /* bytes 0 for a device without config space */
        };
        struct virtio_pci_window by_type[VIRTIO_PCI_CFG_DEVICE]; /* from common on */
    };
    uint32_t notify_multiplier;
    bool has_msix; /* the capability, whether it can be used or not */
};

/*
 * Find and map the first usable instance of each structure. VMEM_E_NODEV if common, notify or ISR
 * is not there, VMEM_E_RANGE if its instances leave their BARs or two structures overlap,
 * VMEM_E_NOMEM; the reason is an error line, and nothing is mapped then.
 */
VMEM_MUST_CHECK int vmem_pci_find_windows(void *function, const char *location,
                                          struct virtio_pci_windows *windows);

void vmem_pci_unmap_windows(void *function, struct virtio_pci_windows *windows);

/*
 * Where in its BAR a queue is notified, by a write of `bytes` bytes: the
 * window's offset + queue_notify_off * multiplier ("Notification structure
 * layout"). VMEM_E_RANGE if that leaves the notify structure, is not aligned or
 * lies in another structure.
 */
VMEM_MUST_CHECK int vmem_pci_notify_offset(const struct virtio_pci_windows *windows,
                                           uint16_t queue_notify_off, uint32_t bytes,
                                           uint64_t *offset);

#endif
