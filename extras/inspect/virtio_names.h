/* SPDX-License-Identifier: BSD-2-Clause */
/* What a virtio device is that Tide does not drive: for people. */
#ifndef TIDE_EXTRAS_VIRTIO_NAMES_H
#define TIDE_EXTRAS_VIRTIO_NAMES_H

#include "drivers/pci/pci.h"

/*
 * The virtio device ID of a function, 0 if it is none. Unlike transport_pci_type() it knows
 * transitional ones, by their subsystem ID (virtio 1.4, "PCI Device Discovery").
 */
u32 virtio_type(const struct pci_device *pci);

/* What a virtio device ID stands for: "balloon" for 5. */
const char *virtio_type_name(u32 type);

#endif
