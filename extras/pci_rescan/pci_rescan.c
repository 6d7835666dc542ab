/* SPDX-License-Identifier: BSD-2-Clause */
/* Before PCI is scanned again: which functions have gone, or were replaced. */
#include "drivers/pci/pci_internal.h"
#include "include/extra.h"
#include "lib/log.h"

/* A function that lost its bus numbers or addresses was reset, or replaced by one of its kind. */
static bool is_same(const struct pci_device *slot, u32 ids)
{
    if (slot->vendor_id != (ids & 0xffff) || slot->device_id != ids >> 16 ||
        slot->header_type != (pci_read8(slot, PCI_HEADER_TYPE) & PCI_HEADER_TYPE_MASK))
        return false;
    if (slot->behind && (pci_read32(slot, PCI_BRIDGE_BUSES) >> 8 & 0xff) != slot->behind->number)
        return false;
    for (unsigned i = 0; slot->bars_known && i < PCI_BARS; i++) {
        const struct pci_bar *bar = &slot->bars[i];
        if (bar->kind == PCI_BAR_MEMORY && bar->base != 0)
            return (pci_read32(slot, (u16)(PCI_BAR0 + 4 * i)) & PCI_BAR_MEMORY_MASK) ==
                   (u32)bar->base;
    }
    return true;
}

/* The bus and all behind it are gone. */
static void drop_bus(struct pci_bus *bus)
{
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (pci_bus_is_behind(device->bus, bus)) {
            device->present = false;
            device->bus = device->behind = NULL;
        }
    }
    for (unsigned i = 0; i < PCI_BUSES_MAX; i++) {
        if (pci_buses[i].used && pci_bus_is_behind(&pci_buses[i], bus))
            pci_buses[i].used = false; /* its parent stays readable for the rest of this loop */
    }
}

static void forget(struct pci_device *device)
{
    log_debug(LOG_PCI, pci_name(device), "gone");
    if (device->behind)
        drop_bus(device->behind);
    device->present = false;
    device->bus = device->behind = NULL;
}

/* Whether the scan will look at this address: a function beside function 0 needs that one. */
static bool is_probed(const struct pci_device *device)
{
    struct pci_address first = device->address;
    first.function = 0;
    if (device->bus->is_off)
        return false;
    return device->address.function == 0 ||
           (pci_find(first) &&
            pci_config_read(first, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTI_FUNCTION);
}

/* By address: a bridge comes before what lies behind it. */
static void forget_gone(void)
{
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        u32 ids;
        if (!device->present)
            continue;
        if (!is_probed(device) || !pci_answers(device->address, &ids) || !is_same(device, ids))
            forget(device);
    }
}

EXTRA(pci_rescan) = {.name = "pci_rescan", .pci_forget_gone = forget_gone};
