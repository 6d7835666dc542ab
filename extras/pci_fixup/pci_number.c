/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bus numbers for bridges that firmware left without usable ones: the lowest number with which the
 * invariant of drivers/pci/pci_bus.c holds.
 */
#include "extras/pci_fixup/pci_fixup.h"

#include "drivers/pci/pci_internal.h"
#include "extras/pci_fixup/bridge_spec.h"
#include "include/units.h"
#include "lib/log.h"

#define BUS_NUMBER_MAX 0xffu

/* The lowest number from `from` on that can be routed to a bridge on this bus; 0: none. */
static unsigned lowest_free(const struct pci_bus *bus, unsigned from)
{
    for (unsigned number = from; number <= BUS_NUMBER_MAX; number++) {
        /* The numbers by which the bus's own range must grow have to be free, too. */
        unsigned first = number < bus->subordinate + 1u ? number : bus->subordinate + 1u;
        if (!pci_bus_number_in_use(bus->segment, first, number, bus))
            return number;
    }
    return 0;
}

static unsigned last_below(const struct pci_bus *bus)
{
    unsigned last = bus->number;
    struct pci_device *bridge;
    for (unsigned i = 0; (bridge = pci_table_at(i)) != NULL; i++) {
        if (bridge->behind && pci_bus_is_behind(bridge->bus, bus))
            last = (unsigned)max_u64(last, bridge->behind->subordinate);
    }
    return last;
}

/* After all numbers in use, so that the new bus can grow; else in any gap. */
static unsigned pick_number(const struct pci_bus *bus)
{
    const struct pci_bus *root = bus;
    while (root->parent)
        root = root->parent;
    unsigned number = lowest_free(bus, last_below(bus) + 1);
    if (number == 0)
        number = lowest_free(bus, bus->number + 1u);
    return number <= root->subordinate ? number : 0;
}

/* False if the bridge does not keep them. */
static bool write_numbers(const struct pci_device *bridge, u8 number)
{
    u32 timer = pci_read32(bridge, PCI_BRIDGE_BUSES) & 0xff000000;
    u32 numbers = (u32)number << 16 | (u32)number << 8 | bridge->bus->number;
    pci_write32(bridge, PCI_BRIDGE_BUSES, timer | numbers);
    u32 kept = pci_read32(bridge, PCI_BRIDGE_BUSES) & 0x00ffffff;
    if (kept == numbers)
        return true;
    log_error(LOG_PCI, pci_name(bridge), "bus numbers 0x%06x written, 0x%06x read: not followed",
              numbers, kept);
    pci_write32(bridge, PCI_BRIDGE_BUSES, timer); /* so that it claims as few as possible */
    return false;
}

/* Make the bridges above route the number, the outermost first; false if one does not keep it. */
static bool reach_number(struct pci_bus *bus, u8 number)
{
    while (bus->bridge && bus->subordinate < number) {
        struct pci_bus *outer = bus;
        while (outer->parent->bridge && outer->parent->subordinate < number)
            outer = outer->parent;
        pci_write8(outer->bridge, PCI_BRIDGE_SUBORDINATE, number);
        u8 kept = pci_read8(outer->bridge, PCI_BRIDGE_SUBORDINATE);
        if (kept != number) {
            log_error(LOG_PCI, pci_name(outer->bridge),
                      "last bus number 0x%02x written, 0x%02x read", number, kept);
            pci_write8(outer->bridge, PCI_BRIDGE_SUBORDINATE, outer->subordinate);
            return false;
        }
        outer->subordinate = number;
    }
    return true;
}

static void number_bridge(struct pci_device *bridge)
{
    unsigned number = pick_number(bridge->bus);
    if (number == 0) {
        log_error(LOG_PCI, pci_name(bridge), "no bus number is left behind bus 0x%02x",
                  bridge->bus->number);
        return;
    }
    if (!reach_number(bridge->bus, (u8)number) || !write_numbers(bridge, (u8)number))
        return;
    log_debug(LOG_PCI, pci_name(bridge), "the bus behind it is now 0x%02x", number);
    pci_bus_add(bridge, (u8)number, (u8)number);
}

/* Innermost first, so that a new bus's own bridges get the numbers that follow it. */
static struct pci_device *next_unnumbered(void)
{
    struct pci_device *next = NULL;
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (device->present && device->header_type == PCI_HEADER_BRIDGE && !device->behind &&
            !device->number_tried && (!next || device->address.bus > next->address.bus))
            next = device;
    }
    return next;
}

void pci_number_bridges(void)
{
    struct pci_device *bridge;
    for (unsigned i = 0; (bridge = pci_table_at(i)) != NULL; i++)
        bridge->number_tried = false;
    while ((bridge = next_unnumbered()) != NULL) {
        bridge->number_tried = true;
        number_bridge(bridge);
        pci_scan_buses();
    }
}
