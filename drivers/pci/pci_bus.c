/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buses and their numbers.
 *
 * The invariant: the number of a bus that is used is used once in its segment,
 * and lies in the range of each bus above it. Bridges for which firmware did not see to that
 * get a number here, the lowest with which it holds.
 */
#include "drivers/pci/pci_internal.h"
#include "lib/log.h"
#include "lib/string.h"

#define BUS_NUMBER_MAX 0xffu

static struct pci_bus buses[PCI_BUSES_MAX];

void pci_bus_init(void)
{
    memset(buses, 0, sizeof(buses));
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
        if (buses[i].used)
            continue;
        buses[i] = bus;
        buses[i].used = buses[i].to_scan = true;
        return &buses[i];
    }
    log_error(LOG_PCI, NULL, "more than %u buses: bus 0x%02x is not used", PCI_BUSES_MAX,
              bus.number);
    return NULL;
}

struct pci_bus *pci_bus_root(u16 segment, u8 number, u8 last)
{
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        struct pci_bus *bus = &buses[i];
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
        if (buses[i].used && buses[i].to_scan)
            return &buses[i];
    }
    return NULL;
}

bool pci_bus_number_in_use(u16 segment, unsigned first, unsigned last, const struct pci_bus *below)
{
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        const struct pci_bus *bus = &buses[i];
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

static void add_behind(struct pci_device *bridge, u8 number, u8 subordinate)
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
                    "bus numbers 0x%02x to 0x%02x are in use or not within 0x%02x to 0x%02x: "
                    "it gets others",
                    secondary, subordinate, bus->number + 1u, bus->subordinate);
        /* Until then it must not answer for the buses of others. */
        pci_write32(bridge, PCI_BRIDGE_BUSES, numbers & 0xff0000ff);
        return;
    }
    add_behind(bridge, secondary, subordinate);
}

/* ---- numbering ---- */

/* The lowest number from `from` on that can be routed to a bridge on this bus; 0: none. */
static unsigned lowest_free(const struct pci_bus *bus, unsigned from)
{
    for (unsigned number = from; number <= BUS_NUMBER_MAX; number++) {
        /* Whatever the bus's own range must grow over has to be free, too. */
        unsigned first = number < bus->subordinate + 1u ? number : bus->subordinate + 1u;
        if (!pci_bus_number_in_use(bus->segment, first, number, bus))
            return number;
    }
    return 0;
}

static unsigned last_below(const struct pci_bus *bus)
{
    unsigned last = bus->number;
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        if (buses[i].used && buses[i].subordinate > last && &buses[i] != bus &&
            pci_bus_is_behind(&buses[i], bus))
            last = buses[i].subordinate;
    }
    return last;
}

/* Behind all that is there already, so that the new bus can grow; else in any gap. */
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
    pci_write32(bridge, PCI_BRIDGE_BUSES, timer); /* so that it answers for as few as it can */
    return false;
}

/* Let the bridges above route the number, the outermost first; false if one does not keep it. */
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

void pci_bus_number(struct pci_device *bridge)
{
    bridge->unnumbered_tried = true;
    unsigned number = pick_number(bridge->bus);
    if (number == 0) {
        log_error(LOG_PCI, pci_name(bridge), "no bus number is left behind bus 0x%02x",
                  bridge->bus->number);
        return;
    }
    if (!reach_number(bridge->bus, (u8)number) || !write_numbers(bridge, (u8)number))
        return;
    log_debug(LOG_PCI, pci_name(bridge), "the bus behind it is now 0x%02x", number);
    add_behind(bridge, (u8)number, (u8)number);
}

void pci_bus_drop(struct pci_bus *bus)
{
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (pci_bus_is_behind(device->bus, bus)) {
            device->present = false;
            device->bus = device->behind = NULL;
        }
    }
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        if (buses[i].used && pci_bus_is_behind(&buses[i], bus))
            buses[i].used = false; /* its parent stays readable for the rest of this loop */
    }
}
