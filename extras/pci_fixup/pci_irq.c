/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Legacy interrupts: the line that a function's pin is connected to.
 *
 * A bridge rotates the pins of the devices behind it by their device number. On the root bus the
 * chipset's interrupt router maps a pin to a line by its registers (82371SB PIIX3, "PIRQ Route
 * Control"; ICH9, "PIRQ[n]_ROUT"). Small firmware writes wrong lines behind bridges, so the
 * registers decide where the chipset is known. Elsewhere a function without a line gets the line of
 * a function whose interrupt arrives by the same pin.
 */
#include "extras/pci_fixup/pci_fixup.h"

#include "drivers/pci/pci_internal.h"
#include "lib/log.h"

#define VENDOR_INTEL      0x8086
#define PIIX3_ISA         0x7000
#define ICH9_LPC          0x2918
#define ROUTER_PIRQ_A     0x60 /* A to D, a byte each */
#define ROUTER_PIRQ_E     0x68 /* E to H; ICH9 */
#define ROUTER_DISABLED   0x80
#define ROUTER_LINE_MASK  0x0f
#define LINE_NONE         0xff
#define ICH9_FIRST_ONCHIP 25 /* devices from here on are routed by memory registers of the chip */

/* The function whose registers route; NULL if the chipset is not known. */
static const struct pci_device *find_router(void)
{
    const struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (!device->present || device->vendor_id != VENDOR_INTEL || device->address.segment != 0 ||
            device->address.bus != 0)
            continue;
        if (device->device_id == PIIX3_ISA || device->device_id == ICH9_LPC)
            return device;
    }
    return NULL;
}

/* Where a function's interrupt arrives at a root bus. */
struct arrival {
    const struct pci_bus *root;
    u8 device;
    u8 pin; /* 0 to 3 */
};

static struct arrival swizzle(const struct pci_device *device, u8 interrupt_pin)
{
    u8 pin = (u8)(interrupt_pin - 1);
    while (device->bus->bridge) {
        pin = (u8)((pin + device->address.device) % 4);
        device = device->bus->bridge;
    }
    return (struct arrival){device->bus, device->address.device, pin};
}

static u8 route(const struct pci_device *router, u8 device, u8 pin)
{
    u16 entry_at = router->device_id == PIIX3_ISA
                       ? ROUTER_PIRQ_A + (device + pin + 3u) % 4 /* device 1 begins at A */
                       : ROUTER_PIRQ_E + (device + pin) % 4u;
    u8 entry = pci_read8(router, entry_at);
    return entry & ROUTER_DISABLED ? LINE_NONE : entry & ROUTER_LINE_MASK;
}

/* By the chipset; what firmware wrote for functions of the chip itself. */
static u8 routed_line(const struct pci_device *router, const struct pci_device *device)
{
    struct arrival at = swizzle(device, device->interrupt_pin);
    if (at.root->number != 0) /* QEMU's expander bridges add no device number of their own bus */
        return route(router, 0, at.pin);
    bool on_chip = at.device == router->address.device ||
                   (router->device_id == ICH9_LPC && at.device >= ICH9_FIRST_ONCHIP);
    return on_chip ? device->interrupt_line : route(router, at.device, at.pin);
}

static bool is_line(u8 line)
{
    return line != 0 && line != LINE_NONE;
}

/* The line of a function that shares the pin at the root bus; LINE_NONE if there is none. */
static u8 shared_line(const struct pci_device *device)
{
    struct arrival wanted = swizzle(device, device->interrupt_pin);
    struct pci_device *other;
    for (unsigned i = 0; (other = pci_table_at(i)) != NULL; i++) {
        if (!other->present)
            continue;
        u16 interrupt = pci_read16(other, PCI_INTERRUPT_LINE);
        u8 pin = (u8)(interrupt >> 8);
        if (pin == 0 || pin > 4 || !is_line((u8)interrupt))
            continue;
        struct arrival at = swizzle(other, pin);
        if (at.root == wanted.root && at.device == wanted.device && at.pin == wanted.pin)
            return (u8)interrupt;
    }
    return LINE_NONE;
}

void pci_route_line(struct pci_device *device)
{
    const struct pci_device *router = device->address.segment == 0 ? find_router() : NULL;
    u8 line = device->interrupt_line;
    if (router)
        line = routed_line(router, device);
    else if (!is_line(line))
        line = shared_line(device);
    if (line == device->interrupt_line)
        return;
    log_debug(LOG_PCI, pci_name(device), "interrupt line %u, not %u as its register says", line,
              device->interrupt_line);
    device->interrupt_line = line;
}
