/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See ecam.h. A window is used only if it shows the same function at 00:00.0 as the ports do: some
 * firmware describes a window that it did not switch on. Each bus is mapped at its first access.
 */
#include "extras/ecam/ecam.h"

#include "asm/mmio.h"
#include "drivers/pci/pci_internal.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"

#define PCI_CONFIG_BYTES_ECAM 4096
#define WINDOWS_MAX           16
#define DEVICE_SHIFT          15
#define FUNC_SHIFT            12

struct ecam_window {
    struct platform_ecam ecam;
    u64 mapped[256 / 64]; /* bit per bus */
};

static struct ecam_window windows[WINDOWS_MAX];
static unsigned nr_windows;

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
    return base + ((u64)address.device << DEVICE_SHIFT) + ((u64)address.function << FUNC_SHIFT) +
           offset;
}

static u32 all_ones(unsigned bytes)
{
    return 0xffffffffu >> (32 - 8 * bytes);
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
    u32 by_port = pci_config_read_port(host_bridge, PCI_VENDOR_ID, 4);
    if (by_memory != 0xffffffff && (by_memory == by_port || by_port == 0xffffffff))
        return true;
    log_warning(LOG_PCI, NULL,
                "ECAM at 0x%llx shows 0x%08x at 00:00.0, the ports show 0x%08x: using the ports",
                (unsigned long long)ecam->base, by_memory, by_port);
    return false;
}

static bool access(struct pci_address address, u16 offset, unsigned bytes, u32 *value,
                   bool is_write)
{
    struct ecam_window *window = find_window(address);
    if (!window)
        return false;
    if (is_write)
        ecam_write(window, address, offset, bytes, *value);
    else
        *value = ecam_read(window, address, offset, bytes);
    return true;
}

static void init(const struct boot_info *boot)
{
    (void)boot;
    nr_windows = 0;
    struct platform_ecam ecam;
    for (unsigned i = 0; platform_pci_ecam(i, &ecam) == OK; i++) {
        if (nr_windows == WINDOWS_MAX) {
            log_warning(LOG_PCI, NULL, "more than %u ECAM windows: the rest are not used",
                        WINDOWS_MAX);
            return;
        }
        if (!ecam_is_sane(&ecam)) {
            log_warning(LOG_PCI, NULL,
                        "ECAM window 0x%llx for buses 0x%02x to 0x%02x makes no sense: not used",
                        (unsigned long long)ecam.base, ecam.first_bus, ecam.last_bus);
            continue;
        }
        windows[nr_windows] = (struct ecam_window){.ecam = ecam};
        if (!ecam_answers(&windows[nr_windows]))
            continue;
        nr_windows++;
        pci_config_set_access(access);
    }
}

const struct platform_ecam *ecam_window(unsigned index)
{
    return index < nr_windows ? &windows[index].ecam : NULL;
}

/* ---- root buses ---- */

static void scan_windows(void)
{
    const struct platform_ecam *window;
    for (unsigned i = 0; (window = ecam_window(i)) != NULL; i++) {
        if (window->segment != 0 || window->first_bus != 0)
            pci_bus_root(window->segment, window->first_bus, window->last_bus);
    }
    pci_scan_buses();
}

/* With a host bridge other than 00:00.0, bus 0 is not the only root bus of the segment. */
static bool has_more_roots(void)
{
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (device->present && device->address.segment == 0 && device->address.bus == 0 &&
            device->class_code == PCI_CLASS_BRIDGE && device->subclass == PCI_SUBCLASS_HOST &&
            (device->address.device != 0 || device->address.function != 0))
            return true;
    }
    return false;
}

static bool has_any_device(u8 bus)
{
    for (u8 device = 0; device < PCI_DEVICES_PER_BUS; device++) {
        u32 ids;
        if (pci_answers((struct pci_address){0, bus, device, 0}, &ids))
            return true;
    }
    return false;
}

/* Only AML tells their numbers, and none is interpreted: look at each number that is left. */
static void scan_further_roots(void)
{
    for (unsigned bus = 1; bus <= 0xff; bus++) {
        if (!pci_bus_number_in_use(0, bus, bus, NULL) && has_any_device((u8)bus)) {
            pci_bus_root(0, (u8)bus, 0xff);
            pci_scan_buses();
        }
    }
}

static void find_roots(void)
{
    scan_windows();
    if (has_more_roots())
        scan_further_roots();
}

EXTRA(ecam) = {.name = "ecam", .pci_init = init, .pci_find_roots = find_roots};
