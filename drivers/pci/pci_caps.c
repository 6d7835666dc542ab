/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability list: a chain of pointers in the device's config space, each followed once.
 */
#include "drivers/pci/pci_internal.h"
#include "lib/log.h"

/* A pointer that may be followed; its two low bits are reserved and must be ignored. */
static u8 checked_pointer(const struct pci_device *device, u8 from, u8 pointer)
{
    pointer &= 0xfc;
    if (pointer == 0 || pointer >= PCI_CAPABILITY_FIRST)
        return pointer;
    log_warning(LOG_PCI, pci_name(device),
                "the capability pointer at 0x%02x is 0x%02x, expected 0 or 0x40 to 0xfc", from,
                pointer);
    return 0;
}

static u8 first_pointer(const struct pci_device *device)
{
    if (device->header_type > PCI_HEADER_BRIDGE)
        return 0;
    u16 status = pci_read16(device, PCI_STATUS);
    if (!(status & PCI_STATUS_CAPABILITIES))
        return 0;
    return checked_pointer(device, PCI_CAPABILITIES, pci_read8(device, PCI_CAPABILITIES));
}

u8 pci_find_capability(const struct pci_device *device, u8 id, u8 after)
{
    u64 visited = 0; /* a bit for each aligned offset, so that a walk over a loop ends */
    bool passed = after == 0;
    u8 pointer = first_pointer(device);
    while (pointer != 0) {
        u64 bit = (u64)1 << (pointer / 4);
        if (visited & bit) {
            log_warning(LOG_PCI, pci_name(device),
                        "the capability list comes back to 0x%02x: a loop", pointer);
            return 0;
        }
        visited |= bit;
        u16 entry = pci_read16(device, pointer); /* id, next */
        if (entry == 0xffff)
            return 0; /* the function has vanished */
        if (passed && (entry & 0xff) == id)
            return pointer;
        passed = passed || pointer == after;
        pointer = checked_pointer(device, (u8)(pointer + 1), (u8)(entry >> 8));
    }
    return 0;
}
