/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs: their kinds, sizes and addresses, and access to the registers behind them.
 *
 * Sizing writes all ones into a BAR, which moves the device's registers to the end of the address
 * space for a moment: decoding is off meanwhile. The device is not trusted: each size is checked,
 * and platform_map_mmio() maps no address that is RAM.
 */
#include "drivers/pci/pci_internal.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"

static unsigned nr_bars(const struct pci_device *device)
{
    if (device->header_type == PCI_HEADER_NORMAL)
        return PCI_BARS;
    return device->header_type == PCI_HEADER_BRIDGE ? 2 : 0;
}

static u16 bar_offset(unsigned index)
{
    return (u16)(PCI_BAR0 + 4 * index);
}

/* Write all ones, read which bits are kept, and restore the old value. */
static u32 probe_register(const struct pci_device *device, u16 offset, u32 *value)
{
    *value = pci_read32(device, offset);
    pci_write32(device, offset, 0xffffffff);
    u32 sticks = pci_read32(device, offset);
    if (sticks != *value)
        pci_write32(device, offset, *value);
    return sticks;
}

static void size_io_bar(struct pci_bar *bar, u32 value, u32 sticks)
{
    bar->kind = PCI_BAR_IO;
    /* The upper half may be wired to 0: an I/O space of 64 KiB is all there is. */
    bar->bytes = (~(sticks & PCI_BAR_IO_MASK) & 0xffff) + 1u;
    bar->base = value & PCI_BAR_IO_MASK;
}

static void size_memory_bar(const struct pci_device *device, unsigned index, struct pci_bar *bar,
                            u32 value, u32 sticks)
{
    u64 base = value & PCI_BAR_MEMORY_MASK;
    u64 mask = sticks & PCI_BAR_MEMORY_MASK;
    if (bar->is_64bit) {
        u16 offset = bar_offset(index + 1);
        u32 upper;
        u64 upper_sticks = 0xffffffff; /* below 4 GiB the lower half tells the size */
        if (mask != 0)
            upper = pci_read32(device, offset);
        else
            upper_sticks = probe_register(device, offset, &upper);
        base |= (u64)upper << 32;
        mask |= upper_sticks << 32;
    } else {
        mask |= (u64)0xffffffff << 32;
    }
    bar->kind = PCI_BAR_MEMORY;
    bar->prefetchable = (value & PCI_BAR_IS_PREFETCHABLE) != 0;
    u64 bytes = ~mask + 1;
    if (!is_power_of_two(bytes)) {
        log_warning(LOG_PCI, pci_name(device),
                    "BAR %u keeps the bits 0x%llx, which is no size: not used", index,
                    (unsigned long long)mask);
        *bar = (struct pci_bar){.is_64bit = bar->is_64bit};
        return;
    }
    bar->bytes = bytes;
    bar->base = base & mask;
}

/* Fills bars[index] of `nr`; the number of registers that it takes. */
static unsigned size_bar(struct pci_device *device, unsigned index, unsigned nr)
{
    struct pci_bar *bar = &device->bars[index];
    u32 value;
    u32 sticks = probe_register(device, bar_offset(index), &value);
    if (sticks == 0 || sticks == 0xffffffff)
        return 1; /* not implemented, or the function has vanished */
    if (sticks & PCI_BAR_IS_IO) {
        size_io_bar(bar, value, sticks);
        return 1;
    }
    u32 type = sticks & PCI_BAR_TYPE_MASK;
    bar->is_64bit = type == PCI_BAR_TYPE_64BIT && index + 1 < nr;
    if (type == PCI_BAR_TYPE_MASK || (type == PCI_BAR_TYPE_64BIT && !bar->is_64bit)) {
        log_warning(LOG_PCI, pci_name(device),
                    "BAR %u has type %u, expected 0, 1 or a 64-bit pair: not used", index,
                    type >> 1);
        return 1;
    }
    size_memory_bar(device, index, bar, value, sticks);
    return bar->is_64bit ? 2 : 1;
}

/* Decoding off; the value for pci_restore_decoding(). */
u16 pci_stop_decoding(const struct pci_device *device)
{
    u16 command = pci_read16(device, PCI_COMMAND);
    if (command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
        pci_write16(device, PCI_COMMAND, (u16)(command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY)));
    return command;
}

void pci_restore_decoding(const struct pci_device *device, u16 command)
{
    if (command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY))
        pci_write16(device, PCI_COMMAND, command);
}

void pci_size_bars(struct pci_device *device)
{
    if (device->bars_sized)
        return;
    device->bars_sized = true;
    u16 command = pci_stop_decoding(device);
    unsigned nr = nr_bars(device);
    for (unsigned i = 0; i < nr;)
        i += size_bar(device, i, nr);
    pci_restore_decoding(device, command);
}

void pci_claim_bars(struct pci_device *device)
{
    if (device->bars_known || !device->present)
        return;
    pci_size_bars(device);
    device->bars_known = true;
    EXTRAS_CALL(pci_place_bars, device);
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &device->bars[i];
        if (bar->kind == PCI_BAR_MEMORY && bar->base == 0)
            log_error(LOG_PCI, pci_name(device), "no address for BAR %u of 0x%llx bytes", i,
                      (unsigned long long)bar->bytes);
    }
}

/* ---- use ---- */

void pci_open_bridges(const struct pci_device *device)
{
    const u16 bits = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    for (const struct pci_bus *bus = device->bus; bus && bus->bridge; bus = bus->parent) {
        u16 command = pci_read16(bus->bridge, PCI_COMMAND);
        if ((command & bits) != bits)
            pci_write16(bus->bridge, PCI_COMMAND, command | bits);
    }
}

int pci_map_bar(struct pci_device *device, unsigned bar, u64 offset, u64 bytes,
                volatile void **registers)
{
    if (bar >= PCI_BARS)
        return E_NODEV;
    pci_claim_bars(device);
    const struct pci_bar *found = &device->bars[bar];
    if (found->kind != PCI_BAR_MEMORY || found->base == 0)
        return E_NODEV;
    if (bytes == 0 || offset >= found->bytes || bytes > found->bytes - offset)
        return E_RANGE;
    return platform_map_mmio(found->base + offset, bytes, registers);
}
