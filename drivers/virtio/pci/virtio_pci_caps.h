/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a virtio PCI function says its structures are, checked.
 *
 * Reads config space and the sizes of the BARs, maps nothing. What a
 * capability says is untrusted: an instance that cannot be used is passed over
 * with a debug line, and only then is a structure that has no other instance
 * missing.
 */
#ifndef TIDE_DRIVERS_VIRTIO_PCI_VIRTIO_PCI_CAPS_H
#define TIDE_DRIVERS_VIRTIO_PCI_VIRTIO_PCI_CAPS_H

#include "drivers/pci/pci.h"

/* One structure: [offset, offset + bytes) lies in the memory BAR. */
struct virtio_pci_window {
    u8 bar;
    u32 offset;
    u32 bytes; /* 0: there is none */
};

struct virtio_pci_windows {
    struct virtio_pci_window common;
    struct virtio_pci_window notify;
    struct virtio_pci_window isr;
    struct virtio_pci_window device; /* bytes 0 for a device without config space */
    u32 notify_multiplier;
};

/*
 * The first usable instance of each structure. E_NODEV if common, notify or
 * ISR is not there, E_RANGE if its instances leave their BARs or two
 * structures overlap; the reason is an error line.
 */
must_check int vmem_pci_find_windows(struct pci_device *pci, struct virtio_pci_windows *windows);

/*
 * Where in its BAR a queue is notified, by a write of `bytes` bytes: the
 * window's offset + queue_notify_off * multiplier ("Notification structure
 * layout"). E_RANGE if that leaves the notify structure, is not aligned or
 * lies in another structure.
 */
must_check int vmem_pci_notify_offset(const struct virtio_pci_windows *windows,
                                      u16 queue_notify_off, u32 bytes, u64 *offset);

#endif
