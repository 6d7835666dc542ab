/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_pci_slot.h. */
#include "tests/fakes/fake_pci_slot.h"

#include "tests/unit/unit.h"

#include "extras/pci_hotplug/slot_spec.h"
#include "include/units.h"

#define SLOTS_MAX 8

static struct fake_pci_slot slots[SLOTS_MAX];
static unsigned nr_slots;

void fake_pci_slots_reset(void)
{
    nr_slots = 0;
}

void fake_pci_slot_set(struct fake_pci_slot *slot, u16 bits)
{
    fake_pci_set(slot->bus->bridge, FAKE_PCI_SLOT_STATUS, 2,
                 fake_pci_get(slot->bus->bridge, FAKE_PCI_SLOT_STATUS, 2) | bits);
}

bool fake_pci_slot_is_powered(const struct fake_pci_slot *slot)
{
    return !(fake_pci_get(slot->bus->bridge, FAKE_PCI_SLOT_CONTROL, 2) & PCI_SLOT_POWER_OFF);
}

void fake_pci_slot_update(struct fake_pci_slot *slot)
{
    if (slot->card)
        slot->card->present = fake_pci_slot_is_powered(slot) && !slot->card_is_dead;
}

void fake_pci_slot_take(struct fake_pci_slot *slot)
{
    slot->card->present = false;
    slot->card = NULL;
    slot->leaves_with_power = false;
    u32 status = fake_pci_get(slot->bus->bridge, FAKE_PCI_SLOT_STATUS, 2);
    fake_pci_set(slot->bus->bridge, FAKE_PCI_SLOT_STATUS, 2, status & ~PCI_SLOT_PRESENT);
    fake_pci_slot_set(slot, PCI_SLOT_PRESENCE_CHANGED);
}

static void slot_written(struct fake_pci_function *port, u16 offset)
{
    if (offset != FAKE_PCI_SLOT_CONTROL)
        return;
    for (unsigned i = 0; i < nr_slots; i++) {
        struct fake_pci_slot *slot = &slots[i];
        if (slot->bus->bridge != port)
            continue;
        fake_pci_slot_update(slot);
        if (slot->card && slot->leaves_with_power && !fake_pci_slot_is_powered(slot))
            fake_pci_slot_take(slot);
    }
}

struct fake_pci_slot *fake_pci_slot_add(struct fake_pci_bus *bus, u8 device, u8 number, u16 type)
{
    assert_true(nr_slots < SLOTS_MAX);
    struct fake_pci_slot *slot = &slots[nr_slots++];
    *slot = (struct fake_pci_slot){.bus = fake_pci_add_bridge(bus, device, number, number)};
    struct fake_pci_function *port = slot->bus->bridge;
    fake_pci_add_capability(port, FAKE_PCI_SLOT_EXPRESS, PCI_CAP_EXPRESS);
    fake_pci_set(port, FAKE_PCI_SLOT_EXPRESS + PCI_EXPRESS_FLAGS, 2, (u32)(type << 4) | 0x102);
    fake_pci_set(port, FAKE_PCI_SLOT_EXPRESS + PCI_SLOT_CAPABILITIES, 4, 0x0002007b);
    fake_pci_set(port, FAKE_PCI_SLOT_CONTROL, 2, 0x07c0);
    port->writable[FAKE_PCI_SLOT_CONTROL] = port->writable[FAKE_PCI_SLOT_CONTROL + 1] = 0xff;
    port->cleared[FAKE_PCI_SLOT_STATUS] = 0x1f;
    port->cleared[FAKE_PCI_SLOT_STATUS + 1] = 0x01;
    port->written = slot_written;
    fake_pci_set_window(slot->bus, 0xe0000000 + (u64)device * 4 * MIB,
                        0xe0000000 + (u64)device * 4 * MIB + 2 * MIB - 1);
    return slot;
}

void fake_pci_slot_insert(struct fake_pci_slot *slot, struct fake_pci_function *card)
{
    slot->card = card;
    fake_pci_slot_update(slot);
    fake_pci_slot_set(slot, PCI_SLOT_PRESENT | PCI_SLOT_PRESENCE_CHANGED | PCI_SLOT_BUTTON_PRESSED);
}

struct fake_pci_function *fake_pci_slot_plug(struct fake_pci_slot *slot)
{
    struct fake_pci_function *card = fake_pci_add(slot->bus, 0, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(card, 4, PCI_BAR_TYPE_64BIT, 16 * KIB, 0, NULL, NULL);
    fake_pci_slot_insert(slot, card);
    return card;
}
