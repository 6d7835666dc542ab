/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI addresses as text, both ways. Pure.
 */
#include "drivers/pci/pci_internal.h"
#include "lib/printf.h"

const char *pci_address_text(struct pci_address address, char *buffer)
{
    snprintf(buffer, PCI_ADDRESS_TEXT_BYTES, "%04x:%02x:%02x.%x", address.segment, address.bus,
             address.device, address.function);
    return buffer;
}

const char *pci_name(const struct pci_device *device)
{
    static char name[4 + PCI_ADDRESS_TEXT_BYTES] = "pci ";
    pci_address_text(device->address, name + 4);
    return name;
}
