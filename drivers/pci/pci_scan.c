/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scan: which functions exist.
 *
 * It works through a list of buses instead of recursing, so a deep tree needs no more stack than a
 * flat one. Each bus is probed once, so the scan ends whatever the bridges say.
 */
#include "drivers/pci/pci_internal.h"
#include "include/extra.h"
#include "include/status.h"
#include "lib/log.h"

static bool table_full;

void pci_init(const struct boot_info *boot)
{
    pci_table_init();
    pci_bus_init();
    pci_config_init();
    EXTRAS_CALL(pci_init, boot);
}

/* ---- one function ---- */

void pci_find_line(struct pci_device *device)
{
    u16 interrupt = pci_read16(device, PCI_INTERRUPT_LINE);
    device->interrupt_line = (u8)interrupt;
    device->interrupt_pin = interrupt >> 8 <= 4 ? (u8)(interrupt >> 8) : 0;
    if (device->interrupt_pin != 0)
        EXTRAS_CALL(pci_route_line, device);
}

static void fill(struct pci_device *slot, u32 ids, u8 header_type)
{
    u32 class_revision = pci_config_read(slot->address, PCI_CLASS_REVISION, 4);
    *slot = (struct pci_device){.address = slot->address,
                                .occupant = slot->occupant + 1,
                                .vendor_id = (u16)ids,
                                .device_id = (u16)(ids >> 16),
                                .class_code = (u8)(class_revision >> 24),
                                .subclass = (u8)(class_revision >> 16),
                                .programming_interface = (u8)(class_revision >> 8),
                                .revision = (u8)class_revision,
                                .header_type = header_type,
                                .present = true};
    log_debug(LOG_PCI, pci_name(slot), "%04x:%04x class %02x%02x", slot->vendor_id, slot->device_id,
              slot->class_code, slot->subclass);
}

static void note_function(struct pci_bus *bus, struct pci_address address, u32 ids, u8 header_type)
{
    struct pci_device *slot = pci_table_slot(address);
    if (!slot) {
        if (!table_full)
            log_error(LOG_PCI, NULL, "more than %u functions: the rest are not used",
                      PCI_FUNCTIONS_MAX);
        table_full = true;
        return;
    }
    if (!slot->present)
        fill(slot, ids, header_type);
    slot->bus = bus;
    if (header_type == PCI_HEADER_BRIDGE)
        pci_bus_enter(slot);
}

/* ---- one bus ---- */

bool pci_answers(struct pci_address address, u32 *ids)
{
    *ids = pci_config_read(address, PCI_VENDOR_ID, 4);
    u16 vendor = (u16)*ids;
    return vendor != PCI_VENDOR_NONE && vendor != 0;
}

static void probe_device(struct pci_bus *bus, u8 number)
{
    struct pci_address address = {bus->segment, bus->number, number, 0};
    u8 nr_to_probe = 1;
    for (; address.function < nr_to_probe; address.function++) {
        u32 ids;
        if (!pci_answers(address, &ids))
            continue;
        u8 header = (u8)(pci_config_read(address, PCI_CACHE_LINE_SIZE, 4) >> 16);
        if (address.function == 0 && header & PCI_HEADER_MULTI_FUNCTION)
            nr_to_probe = PCI_FUNCTIONS;
        note_function(bus, address, ids, header & PCI_HEADER_TYPE_MASK);
    }
}

void pci_scan_buses(void)
{
    struct pci_bus *bus;
    while ((bus = pci_bus_to_scan()) != NULL) {
        bus->to_scan = false;
        u8 nr_devices = bus->only_device_0 ? 1 : PCI_DEVICES_PER_BUS;
        for (u8 device = 0; device < nr_devices; device++)
            probe_device(bus, device);
    }
}

/* ---- all of it ---- */

/* What is present, with a warning for each bridge that leads nowhere. */
static int count_present(void)
{
    int nr_present = 0;
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        nr_present += device->present;
        if (device->present && device->header_type == PCI_HEADER_BRIDGE && !device->behind)
            log_warning(LOG_PCI, pci_name(device),
                        "the bridge has no bus number: what lies behind it is not found");
    }
    return nr_present;
}

int pci_scan(void)
{
    EXTRAS_CALL(pci_forget_gone);
    table_full = false;
    pci_bus_root(0, 0, 0xff);
    pci_scan_buses();
    EXTRAS_CALL(pci_find_roots);
    EXTRAS_CALL(pci_scanned);
    int nr_present = count_present();
    return table_full ? E_NOMEM : nr_present;
}
