/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to config space: ports 0xcf8/0xcfc, or memory (ECAM) where the
 * platform names a window that answers.
 *
 * An ECAM window is used only if it shows the same function at 00:00.0 as the ports do: some
 * firmware describes a window that it did not switch on. Each bus is mapped at its first access.
 */
#include <asm/io.h>
#include <asm/mmio.h>

#include "drivers/pci/pci_internal.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define CONFIG_ENABLE  0x80000000u

#define ECAM_WINDOWS_MAX  16
#define ECAM_DEVICE_SHIFT 15
#define ECAM_FUNC_SHIFT   12

struct ecam_window {
    struct platform_ecam ecam;
    u64 mapped[256 / 64]; /* bit per bus */
};

static struct ecam_window windows[ECAM_WINDOWS_MAX];
static unsigned nr_windows;

static u32 all_ones(unsigned bytes)
{
    return 0xffffffffu >> (32 - 8 * bytes);
}

/* ---- ports ---- */

static void port_select(struct pci_address address, u16 offset)
{
    io_write32(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)address.bus << 16 | (u32)address.device << 11 |
                                   (u32)address.function << 8 | (offset & 0xfcu));
}

static u32 port_read(struct pci_address address, u16 offset, unsigned bytes)
{
    if (address.segment != 0 || offset >= PCI_CONFIG_BYTES)
        return all_ones(bytes);
    port_select(address, offset);
    u16 port = (u16)(CONFIG_DATA + (offset & 3));
    if (bytes == 1)
        return io_read8(port);
    return bytes == 2 ? io_read16(port) : io_read32(port);
}

static void port_write(struct pci_address address, u16 offset, unsigned bytes, u32 value)
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

void pci_config_write_port(struct pci_address address, u16 offset, u32 value)
{
    port_write(address, offset, 4, value);
}

/* ---- memory ---- */

static struct ecam_window *find_window(struct pci_address address)
{
    for (unsigned i = 0; i < nr_windows; i++) {
        const struct platform_ecam *ecam = &windows[i].ecam;
        if (ecam->segment == address.segment && ecam->first_bus <= address.bus &&
            address.bus <= ecam->last_bus)
            return &windows[i];
    }
    return NULL;
}

/* The register, its bus mapped; NULL if that fails. */
static volatile u8 *ecam_register(struct ecam_window *window, struct pci_address address,
                                  u16 offset)
{
    paddr_t bus =
        window->ecam.base + (u64)(address.bus - window->ecam.first_bus) * PCI_ECAM_BUS_BYTES;
    u64 *word = &window->mapped[address.bus / 64];
    u64 bit = (u64)1 << (address.bus % 64);
    if (!(*word & bit)) {
        volatile void *registers;
        if (platform_map_mmio(bus, PCI_ECAM_BUS_BYTES, &registers) != OK)
            return NULL;
        *word |= bit;
    }
    volatile u8 *base = phys_to_virt(bus);
    return base + ((u64)address.device << ECAM_DEVICE_SHIFT) +
           ((u64)address.function << ECAM_FUNC_SHIFT) + offset;
}

static u32 ecam_read(struct ecam_window *window, struct pci_address address, u16 offset,
                     unsigned bytes)
{
    if (offset >= PCI_CONFIG_BYTES_ECAM)
        return all_ones(bytes);
    volatile u8 *from = ecam_register(window, address, offset);
    if (!from)
        return all_ones(bytes);
    if (bytes == 1)
        return mmio_read8(from);
    return bytes == 2 ? mmio_read16(from) : mmio_read32(from);
}

static void ecam_write(struct ecam_window *window, struct pci_address address, u16 offset,
                       unsigned bytes, u32 value)
{
    if (offset >= PCI_CONFIG_BYTES_ECAM)
        return;
    volatile u8 *to = ecam_register(window, address, offset);
    if (!to)
        return;
    if (bytes == 1)
        mmio_write8(to, (u8)value);
    else if (bytes == 2)
        mmio_write16(to, (u16)value);
    else
        mmio_write32(to, value);
}

/* ---- windows ---- */

static bool ecam_is_sane(const struct platform_ecam *ecam)
{
    u64 bytes = ((u64)ecam->last_bus - ecam->first_bus + 1) * PCI_ECAM_BUS_BYTES;
    return ecam->base != 0 && is_aligned(ecam->base, PCI_ECAM_BUS_BYTES) &&
           ecam->first_bus <= ecam->last_bus && !range_overflows(ecam->base, bytes) &&
           ecam->base + bytes <= platform_paddr_limit();
}

/* Segment 0 can be compared with the ports, unless the machine has none. */
static bool ecam_answers(struct ecam_window *window)
{
    const struct platform_ecam *ecam = &window->ecam;
    if (ecam->segment != 0 || ecam->first_bus != 0)
        return true;
    struct pci_address host_bridge = {0};
    u32 by_memory = ecam_read(window, host_bridge, PCI_VENDOR_ID, 4);
    u32 by_port = port_read(host_bridge, PCI_VENDOR_ID, 4);
    if (by_memory != 0xffffffff && (by_memory == by_port || by_port == 0xffffffff))
        return true;
    log_warning(LOG_PCI, NULL,
                "ECAM at 0x%llx shows 0x%08x at 00:00.0, the ports show 0x%08x: using the ports",
                (unsigned long long)ecam->base, by_memory, by_port);
    return false;
}

void pci_config_init(void)
{
    nr_windows = 0;
    struct platform_ecam ecam;
    for (unsigned i = 0; platform_pci_ecam(i, &ecam) == OK; i++) {
        if (nr_windows == ECAM_WINDOWS_MAX) {
            log_warning(LOG_PCI, NULL, "more than %u ECAM windows: the rest are not used",
                        ECAM_WINDOWS_MAX);
            return;
        }
        if (!ecam_is_sane(&ecam)) {
            log_warning(LOG_PCI, NULL,
                        "ECAM window 0x%llx for buses 0x%02x to 0x%02x makes no sense: not used",
                        (unsigned long long)ecam.base, ecam.first_bus, ecam.last_bus);
            continue;
        }
        windows[nr_windows] = (struct ecam_window){.ecam = ecam};
        if (ecam_answers(&windows[nr_windows]))
            nr_windows++;
    }
}

const struct platform_ecam *pci_config_window(unsigned index)
{
    return index < nr_windows ? &windows[index].ecam : NULL;
}

/* ---- access ---- */

u32 pci_config_read(struct pci_address address, u16 offset, unsigned bytes)
{
    struct ecam_window *window = find_window(address);
    return window ? ecam_read(window, address, offset, bytes) : port_read(address, offset, bytes);
}

static void config_write(struct pci_address address, u16 offset, unsigned bytes, u32 value)
{
    struct ecam_window *window = find_window(address);
    if (window)
        ecam_write(window, address, offset, bytes, value);
    else
        port_write(address, offset, bytes, value);
}

u8 pci_read8(const struct pci_device *device, u16 offset)
{
    return (u8)pci_config_read(device->address, offset, 1);
}

u16 pci_read16(const struct pci_device *device, u16 offset)
{
    return (u16)pci_config_read(device->address, offset, 2);
}

u32 pci_read32(const struct pci_device *device, u16 offset)
{
    return pci_config_read(device->address, offset, 4);
}

void pci_write8(const struct pci_device *device, u16 offset, u8 value)
{
    config_write(device->address, offset, 1, value);
}

void pci_write16(const struct pci_device *device, u16 offset, u16 value)
{
    config_write(device->address, offset, 2, value);
}

void pci_write32(const struct pci_device *device, u16 offset, u32 value)
{
    config_write(device->address, offset, 4, value);
}
