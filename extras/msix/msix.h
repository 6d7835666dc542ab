/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts as messages. msix.c: the table of one function, its vectors and the enable bit;
 * messages.c: who is called for which message; vectors.c: what the virtio transport asks for.
 */
#ifndef TIDE_EXTRAS_MSIX_H
#define TIDE_EXTRAS_MSIX_H

#include "drivers/pci/pci.h"
#include "include/platform.h"

/* MSI-X capability and its table. */
#define PCI_MSIX_CONTROL           0x02
#define PCI_MSIX_TABLE             0x04
#define PCI_MSIX_CONTROL_SIZE      0x07ffu /* number of vectors less one */
#define PCI_MSIX_CONTROL_MASK_ALL  0x4000u
#define PCI_MSIX_CONTROL_ENABLE    0x8000u
#define PCI_MSIX_TABLE_BAR         0x7u
#define PCI_MSIX_ENTRY_BYTES       16u
#define PCI_MSIX_ENTRY_ADDRESS_LOW 0u
#define PCI_MSIX_ENTRY_ADDRESS_HI  4u
#define PCI_MSIX_ENTRY_DATA        8u
#define PCI_MSIX_ENTRY_CONTROL     12u
#define PCI_MSIX_ENTRY_MASKED      0x1u

/* What a device writes where, to raise an interrupt. */
struct irq_message {
    u64 address;
    u32 data;
};

struct pci_msix {
    struct pci_device *device;
    u8 capability;  /* 0: none found */
    u16 nr_vectors; /* table size, 1 to 2048 */
    volatile u8 *table;
};

/* ---- msix.c ---- */

/*
 * Find and map the table; the function decodes memory already.
 * MSI-X is off and all vectors are masked after it. E_NODEV without the
 * capability or if its BAR cannot be used; E_RANGE if its table leaves its BAR.
 */
must_check int pci_msix_init(struct pci_msix *msix, struct pci_device *device);

/* Point a vector at a message and unmask it; E_RANGE past the table. */
must_check int pci_msix_set(struct pci_msix *msix, u16 vector, struct irq_message message);
void pci_msix_mask(struct pci_msix *msix, u16 vector);

/* Turn MSI-X on (INTx goes off with it) or off. */
void pci_msix_enable(struct pci_msix *msix, bool on);

/* ---- messages.c ---- */

/* Reserve a vector for a message; E_NOMEM, or E_UNSUPPORTED without a local APIC. */
must_check int irq_attach_message(irq_handler_t handler, void *context,
                                  struct irq_message *message);
void irq_detach_message(const struct irq_message *message);

#endif
