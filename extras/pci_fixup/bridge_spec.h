/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of a bridge that only who repairs them needs: see drivers/pci/pci_spec.h. */
#ifndef TIDE_EXTRAS_BRIDGE_SPEC_H
#define TIDE_EXTRAS_BRIDGE_SPEC_H

#define PCI_BRIDGE_SUBORDINATE       0x1a
#define PCI_BRIDGE_MEMORY            0x20 /* base and limit, 16 bits each */
#define PCI_BRIDGE_PREFETCH          0x24
#define PCI_BRIDGE_PREFETCH_BASE_HI  0x28
#define PCI_BRIDGE_PREFETCH_LIMIT_HI 0x2c
#define PCI_BRIDGE_GRANULE           0x100000u /* of the memory windows */
#define PCI_BRIDGE_PREFETCH_64BIT    0x1u

#endif
