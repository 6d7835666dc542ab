/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slots of the root bus on QEMU's machine `pc`, which ACPI describes in AML: registers beside
 * the PIIX4's power management say which device the user wants to remove, and release its slot.
 *
 * No AML is interpreted: only QEMU's own PIIX4 is known to have these registers, and its first bus
 * to be the root bus. Behind its bridges, and on q35, only AML tells which number a bus has.
 * Layouts: QEMU, "QEMU<->ACPI BIOS PCI hotplug interface".
 */
#include "extras/pci_hotplug/pci_hotplug.h"

#include <asm/io.h>

#include "drivers/pci/pci_internal.h"
#include "include/status.h"
#include "lib/log.h"

#define VENDOR_INTEL     0x8086
#define PIIX4_POWER      0x7113
#define SUBSYSTEM_VENDOR 0x1af4 /* of QEMU's devices */

#define PORT_DOWN  0xae04 /* a bit a slot: its removal is requested */
#define PORT_EJECT 0xae08
#define PORT_BUS   0xae10 /* the number that the others are about */
#define ROOT_BUS   0

#define NOTHING_THERE 0xffffffff

static bool is_there;

bool pci_piix_slots_init(void)
{
    struct pci_device *device;

    is_there = false;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (device->present && device->vendor_id == VENDOR_INTEL &&
            device->device_id == PIIX4_POWER &&
            pci_read16(device, PCI_SUBSYSTEM) == SUBSYSTEM_VENDOR && device->address.bus == 0)
            is_there = true;
    }
    return is_there;
}

static bool is_on_root_bus(const struct pci_device *device)
{
    return device->present && device->address.segment == 0 && device->address.bus == 0;
}

bool pci_piix_slots_poll(void)
{
    struct pci_device *device;
    bool changed = false;

    if (!is_there)
        return false;
    io_write32(PORT_BUS, ROOT_BUS);
    u32 down = io_read32(PORT_DOWN);
    if (down == 0 || down == NOTHING_THERE)
        return false;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (!is_on_root_bus(device) || (down >> device->address.device & 1) == 0 ||
            device->removal_requested)
            continue;
        log_info(LOG_PCI, pci_name(device), "removal of the device is requested");
        device->removal_requested = true;
        changed = true;
    }
    return changed;
}

int pci_piix_slots_eject(const struct pci_device *device)
{
    struct pci_device *other;

    if (!is_there || !is_on_root_bus(device))
        return E_UNSUPPORTED;
    /* If the slot keeps its card, the next poll finds the request again. */
    for (unsigned i = 0; (other = pci_table_at(i)) != NULL; i++) {
        if (is_on_root_bus(other) && other->address.device == device->address.device)
            other->removal_requested = false;
    }
    io_write32(PORT_BUS, ROOT_BUS);
    io_write32(PORT_EJECT, 1u << device->address.device);
    return OK;
}
