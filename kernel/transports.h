/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI transport of drivers/virtio on this machine, with what the library asks of a kernel. */
#ifndef TIDE_KERNEL_TRANSPORTS_H
#define TIDE_KERNEL_TRANSPORTS_H

#include "drivers/pci/pci.h"
#include "drivers/virtio/include/vmem/transport.h"
#include "include/types.h"

/* vmem_pci_create() for a function, the way to which is opened. Its statuses. */
must_check int transport_create_pci(struct pci_device *pci, struct vmem_virtio **created);
void transport_destroy_pci(struct vmem_virtio *virtio);

/* The virtio device ID of a modern function; 0 if it is none. */
u32 transport_pci_type(const struct pci_device *pci);

#endif
