/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI addresses as text, both ways. Pure.
 */
#include "drivers/pci/pci_internal.h"
#include "include/status.h"
#include "lib/printf.h"

#define MAX_DIGITS 4 /* of a domain, the longest part */

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

static int digit_value(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* One to four hexadecimal digits; *cursor moves past them. */
static int parse_part(const char **cursor, u32 *value)
{
    *value = 0;
    unsigned nr_digits = 0;
    for (int digit; (digit = digit_value(**cursor)) >= 0; (*cursor)++) {
        *value = *value << 4 | (u32)digit;
        nr_digits++;
        if (nr_digits > MAX_DIGITS)
            return E_INVAL;
    }
    return nr_digits ? OK : E_INVAL;
}

int pci_parse_address(const char *text, struct pci_address *address)
{
    u32 parts[3] = {0}; /* the last is the device, before it the bus, before that the domain */
    unsigned nr_parts = 0;
    const char *cursor = text;
    for (;;) {
        if (nr_parts == ARRAY_SIZE(parts) || parse_part(&cursor, &parts[nr_parts]) != OK)
            return E_INVAL;
        nr_parts++;
        if (*cursor != ':')
            break;
        cursor++;
    }
    u32 function = 0;
    if (*cursor == '.') {
        cursor++;
        if (parse_part(&cursor, &function) != OK)
            return E_INVAL;
    }
    u32 device = parts[nr_parts - 1];
    u32 bus = nr_parts > 1 ? parts[nr_parts - 2] : 0;
    u32 segment = nr_parts > 2 ? parts[0] : 0;
    if (*cursor != '\0' || bus > 0xff || device >= PCI_DEVICES_PER_BUS || function >= PCI_FUNCTIONS)
        return E_INVAL;
    *address = (struct pci_address){(u16)segment, (u8)bus, (u8)device, (u8)function};
    return OK;
}
