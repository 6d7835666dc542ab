/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X of one function: the table, its vectors and the enable bit.
 */
#ifndef TIDE_DRIVERS_PCI_MSIX_H
#define TIDE_DRIVERS_PCI_MSIX_H

#include "drivers/pci/pci.h"
#include "include/platform.h"

struct pci_msix {
    struct pci_device *device;
    u8 capability;  /* 0: none found */
    u16 nr_vectors; /* table size, 1 to 2048 */
    volatile u8 *table;
};

/*
 * Find and map the table; the function decodes memory already (pci_enable()).
 * MSI-X is off and all vectors are masked after it. E_NODEV without the
 * capability or if its BAR cannot be used; E_RANGE if its table leaves its BAR.
 */
must_check int pci_msix_init(struct pci_msix *msix, struct pci_device *device);

/* Point a vector at a message and unmask it; E_RANGE past the table. */
must_check int pci_msix_set(struct pci_msix *msix, u16 vector, struct irq_message message);
void pci_msix_mask(struct pci_msix *msix, u16 vector);

/* Turn MSI-X on (INTx goes off with it) or off. */
void pci_msix_enable(struct pci_msix *msix, bool on);

#endif
