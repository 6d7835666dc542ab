/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What firmware left undone on PCI: bus numbers, addresses, interrupt lines. Each function is a
 * hook of drivers/pci, or part of one.
 */
#ifndef TIDE_EXTRAS_PCI_FIXUP_PCI_FIXUP_H
#define TIDE_EXTRAS_PCI_FIXUP_PCI_FIXUP_H

#include "drivers/pci/pci.h"

/* Give each bridge that leads nowhere a bus number, and scan what lies behind it. At the end of
 * pci_scan(). */
void pci_number_bridges(void);

/* Correct the interrupt line of a function, which has a pin, from the chipset's registers. */
void pci_route_line(struct pci_device *device);

/*
 * Before the first scan: the boot map says where no BAR may lie, and is kept, not copied. Without
 * it no address is ever given out.
 */
void pci_assign_init(const struct boot_info *boot);

/*
 * Give an address to each memory BAR that has none, or one that cannot reach it, and open the
 * windows of the bridges above it. The BARs are sized. One that finds no room keeps base 0.
 */
void pci_place_bars(struct pci_device *device);

#endif
