/* SPDX-License-Identifier: BSD-2-Clause */
/* What firmware left undone on PCI: the hooks of drivers/pci. */
#include "extras/pci_fixup/pci_fixup.h"

#include "include/extra.h"

EXTRA(pci_fixup) = {
    .name = "pci_fixup",
    .pci_init = pci_assign_init,
    .pci_scanned = pci_number_bridges,
    .pci_route_line = pci_route_line,
    .pci_place_bars = pci_place_bars,
};
