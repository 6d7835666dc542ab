/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The transports of drivers/virtio on this machine: PCI functions and the registers that the
 * command line names, with what the library asks of a kernel for each.
 */
#ifndef TIDE_KERNEL_TRANSPORTS_H
#define TIDE_KERNEL_TRANSPORTS_H

#include "drivers/pci/pci.h"
#include "drivers/virtio/include/vmem/transport.h"
#include "include/types.h"

/* Where the registers of a device without PCI are: virtio_mmio.device=SIZE@BASE:IRQ. */
struct mmio_address {
    paddr_t base;
    u64 bytes;
    unsigned irq_line;
};

/*
 * Parse "SIZE@BASE:IRQ", optionally with ":ID" behind it: SIZE with a suffix, numbers decimal or
 * hexadecimal after 0x. E_INVAL if malformed, E_RANGE if the range overflows or cannot hold the
 * registers.
 */
must_check int transport_parse_mmio(const char *text, struct mmio_address *address);

/* vmem_pci_create() for a function, the way to which is opened. Its statuses. */
must_check int transport_create_pci(struct pci_device *pci, struct vmem_virtio **created);

/*
 * Map the registers, and vmem_mmio_create() there; its statuses, and E_EXIST if RAM is there. A
 * line that does not exist, or wants_irq false: the device is polled.
 */
must_check int transport_create_mmio(const struct mmio_address *address, bool wants_irq,
                                     struct vmem_virtio **created);

/* What was created by the two. */
void transport_destroy_pci(struct vmem_virtio *virtio);
void transport_destroy_mmio(struct vmem_virtio *virtio);

/* The virtio device ID of a modern function; 0 if it is none. */
u32 transport_pci_type(const struct pci_device *pci);

#endif
