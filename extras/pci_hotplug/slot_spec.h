/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI Express slots: registers in the capability. See drivers/pci/pci_spec.h. */
#ifndef TIDE_EXTRAS_SLOT_SPEC_H
#define TIDE_EXTRAS_SLOT_SPEC_H

#define PCI_EXPRESS_HAS_SLOT 0x0100u /* of the flags */

/* The slot registers in it. */
#define PCI_SLOT_CAPABILITIES     0x14
#define PCI_SLOT_CONTROL          0x18
#define PCI_SLOT_STATUS           0x1a
#define PCI_SLOT_CAP_HOTPLUG      0x00000040u
#define PCI_SLOT_POWER_LIGHT_MASK 0x0300u
#define PCI_SLOT_POWER_LIGHT_ON   0x0100u
#define PCI_SLOT_POWER_LIGHT_OFF  0x0300u
#define PCI_SLOT_POWER_OFF        0x0400u
#define PCI_SLOT_INTERRUPTS       0x103fu /* what may raise one */
#define PCI_SLOT_BUTTON_PRESSED   0x0001u
#define PCI_SLOT_PRESENCE_CHANGED 0x0008u
#define PCI_SLOT_EVENTS           0x011fu /* cleared by writing them */
#define PCI_SLOT_PRESENT          0x0040u

#endif
