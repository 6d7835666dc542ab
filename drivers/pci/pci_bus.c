/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buses and their numbers.
 *
 * The invariant: no two buses of a segment that are in use have the same number, and the number of
 * a bus lies in the range of each bus above it. A bridge for which firmware did not ensure that
 * leads nowhere, unless an extra gives it a number.
 */
#include "drivers/pci/pci_internal.h"
#include "lib/log.h"
#include "lib/string.h"

struct pci_bus pci_buses[PCI_BUSES_MAX];

void pci_bus_init(void)
{
    memset(pci_buses, 0, sizeof(pci_buses));
}

bool pci_bus_is_behind(const struct pci_bus *bus, const struct pci_bus *ancestor)
{
    while (bus && bus != ancestor)
        bus = bus->parent;
    return bus != NULL;
}

static struct pci_bus *take(struct pci_bus bus)
{
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        if (pci_buses[i].used)
            continue;
        pci_buses[i] = bus;
        pci_buses[i].used = pci_buses[i].to_scan = true;
        return &pci_buses[i];
    }
    log_error(LOG_PCI, NULL, "more than %u buses: bus 0x%02x is not used", PCI_BUSES_MAX,
              bus.number);
    return NULL;
}

struct pci_bus *pci_bus_root(u16 segment, u8 number, u8 last)
{
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        struct pci_bus *bus = &pci_buses[i];
        if (bus->used && bus->segment == segment && bus->number == number) {
            bus->to_scan = true;
            return bus;
        }
    }
    return take((struct pci_bus){.segment = segment, .number = number, .subordinate = last});
}

struct pci_bus *pci_bus_to_scan(void)
{
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        if (pci_buses[i].used && pci_buses[i].to_scan)
            return &pci_buses[i];
    }
    return NULL;
}

bool pci_bus_number_in_use(u16 segment, unsigned first, unsigned last, const struct pci_bus *below)
{
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        const struct pci_bus *bus = &pci_buses[i];
        if (!bus->used || bus->segment != segment)
            continue;
        /* Root buses and those above `below` contain the range by nature. */
        bool owns_range = bus->bridge && !pci_bus_is_behind(below, bus);
        if (bus->number <= last && first <= (owns_range ? bus->subordinate : bus->number))
            return true;
    }
    return false;
}

/* Nothing but device 0 can be on the link of a root port or a switch's downstream port. */
static bool is_link(const struct pci_device *bridge)
{
    u8 express = pci_find_capability(bridge, PCI_CAP_EXPRESS, 0);
    if (express == 0)
        return false;
    u16 flags = pci_read16(bridge, (u16)(express + PCI_EXPRESS_FLAGS));
    unsigned type = flags >> PCI_EXPRESS_TYPE_SHIFT & PCI_EXPRESS_TYPE_MASK;
    return type == PCI_EXPRESS_TYPE_ROOT_PORT || type == PCI_EXPRESS_TYPE_DOWNSTREAM;
}

void pci_bus_add(struct pci_device *bridge, u8 number, u8 subordinate)
{
    bridge->behind = take((struct pci_bus){.segment = bridge->address.segment,
                                           .number = number,
                                           .subordinate = subordinate,
                                           .only_device_0 = is_link(bridge),
                                           .parent = bridge->bus,
                                           .bridge = bridge});
}

void pci_bus_enter(struct pci_device *bridge)
{
    const struct pci_bus *bus = bridge->bus;
    if (bridge->behind) {
        bridge->behind->to_scan = !bridge->behind->is_off;
        return;
    }
    u32 numbers = pci_read32(bridge, PCI_BRIDGE_BUSES);
    u8 secondary = (u8)(numbers >> 8);
    u8 subordinate = (u8)(numbers >> 16);
    if (secondary == 0 && subordinate == 0)
        return;
    if (secondary <= bus->number || subordinate < secondary || subordinate > bus->subordinate ||
        pci_bus_number_in_use(bus->segment, secondary, subordinate, bus)) {
        log_warning(LOG_PCI, pci_name(bridge),
                    "bus numbers 0x%02x to 0x%02x are in use or not within 0x%02x to 0x%02x",
                    secondary, subordinate, bus->number + 1u, bus->subordinate);
        /* It must not answer for the buses of others. */
        pci_write32(bridge, PCI_BRIDGE_BUSES, numbers & 0xff0000ff);
        return;
    }
    pci_bus_add(bridge, secondary, subordinate);
}
