/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI Express hotplug slot for the host programs. It behaves as QEMU's:
 * without power the card in it does not answer, and a card that was asked out
 * leaves when power does.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_PCI_SLOT_H
#define TIDE_TESTS_FAKES_FAKE_PCI_SLOT_H

#include "extras/pci_hotplug/slot_spec.h"
#include "tests/fakes/fake_pci.h"

/* Where the port's capability and its slot registers are. */
#define FAKE_PCI_SLOT_EXPRESS 0x54
#define FAKE_PCI_SLOT_CONTROL (FAKE_PCI_SLOT_EXPRESS + PCI_SLOT_CONTROL)
#define FAKE_PCI_SLOT_STATUS  (FAKE_PCI_SLOT_EXPRESS + PCI_SLOT_STATUS)

struct fake_pci_slot {
    struct fake_pci_bus *bus; /* behind the port */
    struct fake_pci_function *card;
    bool card_is_dead;      /* it never answers */
    bool leaves_with_power; /* the card goes when power does */
};

/* Forget every slot: call it after each fake_pci_start(). */
void fake_pci_slots_reset(void);

/* A port of this PCI_EXPRESS_TYPE with an empty slot, and its bus number. */
struct fake_pci_slot *fake_pci_slot_add(struct fake_pci_bus *bus, u8 device, u8 number, u16 type);

/* Put a card in, a virtio-mem one or any function on the slot's bus, and press the button. */
struct fake_pci_function *fake_pci_slot_plug(struct fake_pci_slot *slot);
void fake_pci_slot_insert(struct fake_pci_slot *slot, struct fake_pci_function *card);

/* Pull the card. */
void fake_pci_slot_take(struct fake_pci_slot *slot);

/* Raise bits of the slot's status. */
void fake_pci_slot_set(struct fake_pci_slot *slot, u16 bits);

bool fake_pci_slot_is_powered(const struct fake_pci_slot *slot);

/* After a change of card_is_dead. */
void fake_pci_slot_update(struct fake_pci_slot *slot);

#endif
