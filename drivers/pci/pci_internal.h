/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of drivers/pci share and nobody else includes: the buses,
 * access to config space by address, and where free addresses come from.
 *
 * None of it may be called from an interrupt: config access through ports is
 * two steps, and nothing locks them.
 */
#ifndef TIDE_DRIVERS_PCI_PCI_INTERNAL_H
#define TIDE_DRIVERS_PCI_PCI_INTERNAL_H

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_spec.h"
#include "include/boot_info.h"

#define PCI_FUNCTIONS_MAX 256
#define PCI_BUSES_MAX     128

/* One bus. pci_scan.c writes it; the numbers are those that the bridge's registers hold. */
struct pci_bus {
    bool used;
    bool to_scan;       /* in this pci_scan(), and not probed yet */
    bool only_device_0; /* a PCI Express link: nothing else can answer */
    u16 segment;
    u8 number;
    u8 subordinate;            /* the last bus number that is reached through this one */
    struct pci_bus *parent;    /* NULL: a root bus */
    struct pci_device *bridge; /* whose secondary bus it is; NULL: a root bus */
};

/* Whether `bus` is `ancestor` or lies behind it. */
bool pci_bus_is_behind(const struct pci_bus *bus, const struct pci_bus *ancestor);

/* ---- pci_config.c ---- */

/* Learn the ECAM windows from the platform and check that they answer. Again: no effect. */
void pci_config_init(void);

/* The first bus of the index-th ECAM window in use, and its last; false past the end. */
bool pci_config_window(unsigned index, u16 *segment, u8 *first_bus, u8 *last_bus);

/* The end of the first ECAM window that shares a byte with the range; 0 if none does. */
u64 pci_config_conflict(u64 base, u64 bytes);

u32 pci_config_read(struct pci_address address, u16 offset, unsigned bytes);
void pci_config_write(struct pci_address address, u16 offset, unsigned bytes, u32 value);

/* ---- pci_bar.c ---- */

/* Find out kind, size and address of each BAR, decoding off meanwhile; once per occupant. */
void pci_size_bars(struct pci_device *device);

/* ---- pci_assign.c ---- */

/*
 * An address of `bytes` for a BAR of `device`, inside its bus's windows and
 * used by nothing else; opens the windows of bridges above it where they are
 * closed. 0 if there is no room. Nothing is written to the device.
 */
u64 pci_find_space(struct pci_device *device, const struct pci_bar *bar);

/* Whether [base, base + bytes) can reach the device: inside the windows above it, and no RAM. */
bool pci_space_reaches(const struct pci_device *device, u64 base, u64 bytes);

/* ---- pci_irq.c ---- */

/* Correct the interrupt lines of all functions present from the chipset's registers. */
void pci_route_interrupts(void);

#endif
