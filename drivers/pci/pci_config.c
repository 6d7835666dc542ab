/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to config space: by the ports 0xcf8/0xcfc, or as an extra knows. */
#include <asm/io.h>

#include "drivers/pci/pci_internal.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

static pci_config_access_t other_access; /* NULL: the ports alone */

void pci_config_init(void)
{
    other_access = NULL;
}

void pci_config_set_access(pci_config_access_t access)
{
    other_access = access;
}

static void port_select(struct pci_address address, u16 offset)
{
    io_write32(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)address.bus << 16 | (u32)address.device << 11 |
                                   (u32)address.function << 8 | (offset & 0xfcu));
}

u32 pci_config_read_port(struct pci_address address, u16 offset, unsigned bytes)
{
    if (address.segment != 0 || offset >= PCI_CONFIG_BYTES)
        return 0xffffffffu >> (32 - 8 * bytes);
    port_select(address, offset);
    u16 port = (u16)(CONFIG_DATA + (offset & 3));
    if (bytes == 1)
        return io_read8(port);
    return bytes == 2 ? io_read16(port) : io_read32(port);
}

void pci_config_write_port(struct pci_address address, u16 offset, unsigned bytes, u32 value)
{
    if (address.segment != 0 || offset >= PCI_CONFIG_BYTES)
        return;
    port_select(address, offset);
    u16 port = (u16)(CONFIG_DATA + (offset & 3));
    if (bytes == 1)
        io_write8(port, (u8)value);
    else if (bytes == 2)
        io_write16(port, (u16)value);
    else
        io_write32(port, value);
}

u32 pci_config_read(struct pci_address address, u16 offset, unsigned bytes)
{
    u32 value;
    if (other_access && other_access(address, offset, bytes, &value, false))
        return value;
    return pci_config_read_port(address, offset, bytes);
}

static one_copy u32 device_read(const struct pci_device *device, u16 offset, unsigned bytes)
{
    return pci_config_read(device->address, offset, bytes);
}

static one_copy void device_write(const struct pci_device *device, u16 offset, unsigned bytes,
                                  u32 value)
{
    if (!other_access || !other_access(device->address, offset, bytes, &value, true))
        pci_config_write_port(device->address, offset, bytes, value);
}

u8 pci_read8(const struct pci_device *device, u16 offset)
{
    return (u8)device_read(device, offset, 1);
}

u16 pci_read16(const struct pci_device *device, u16 offset)
{
    return (u16)device_read(device, offset, 2);
}

u32 pci_read32(const struct pci_device *device, u16 offset)
{
    return device_read(device, offset, 4);
}

void pci_write8(const struct pci_device *device, u16 offset, u8 value)
{
    device_write(device, offset, 1, value);
}

void pci_write16(const struct pci_device *device, u16 offset, u16 value)
{
    device_write(device, offset, 2, value);
}

void pci_write32(const struct pci_device *device, u16 offset, u32 value)
{
    device_write(device, offset, 4, value);
}
