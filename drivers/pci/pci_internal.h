/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of drivers/pci and the extras for PCI share, and nobody else includes: the buses,
 * and access to config space by address.
 *
 * None of it may be called from an interrupt: an access through the ports takes two steps, and no
 * lock is held between them.
 */
#ifndef TIDE_DRIVERS_PCI_PCI_INTERNAL_H
#define TIDE_DRIVERS_PCI_PCI_INTERNAL_H

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_spec.h"
#include "include/platform.h"

#define PCI_FUNCTIONS_MAX 256
#define PCI_BUSES_MAX     128

/* One bus. pci_bus.c writes it, but for to_scan and is_off; the numbers are those in the bridge's
 * registers. An extra may change subordinate.
 */
struct pci_bus {
    bool used;
    bool to_scan;       /* in this pci_scan(), and not probed yet */
    bool only_device_0; /* a PCI Express link: nothing else can answer */
    bool is_off;        /* a slot without power: not to be scanned */
    u16 segment;
    u8 number;
    u8 subordinate;            /* the last bus number that is reached through this one */
    struct pci_bus *parent;    /* NULL: a root bus */
    struct pci_device *bridge; /* whose secondary bus it is; NULL: a root bus */
};

/* ---- pci_table.c ---- */

void pci_table_init(void);

/* The slot of an address, a new one if it has none; NULL when all are taken. */
struct pci_device *pci_table_slot(struct pci_address address);

/* The i-th slot by address, its function present or not; NULL past the end. O(1). */
struct pci_device *pci_table_at(unsigned index);

/* ---- pci_bus.c ---- */

extern struct pci_bus pci_buses[PCI_BUSES_MAX];

void pci_bus_init(void);

/* Whether `bus` is `ancestor` or lies behind it; NULL lies behind nothing. */
bool pci_bus_is_behind(const struct pci_bus *bus, const struct pci_bus *ancestor);

/* The root bus of that number, new or known, to be scanned; NULL when the table is full. */
struct pci_bus *pci_bus_root(u16 segment, u8 number, u8 last);

/* Any bus that waits to be scanned, or NULL. */
struct pci_bus *pci_bus_to_scan(void);

/*
 * Whether [first, last] meets the number of a bus, or the range of one that a
 * bridge leads to and that is not above `below` (which may be NULL).
 */
bool pci_bus_number_in_use(u16 segment, unsigned first, unsigned last, const struct pci_bus *below);

/* Follow a bridge found by the scan: its bus is to be scanned, if its numbers make sense. */
void pci_bus_enter(struct pci_device *bridge);

/* The bridge leads to a bus with this number, and routes all up to subordinate: its registers say
 * so. The bus is to be scanned. */
void pci_bus_add(struct pci_device *bridge, u8 number, u8 subordinate);

/* ---- pci_address.c ---- */

/* "pci 0000:00:04.0", the subject of log lines; valid until the next call. */
const char *pci_name(const struct pci_device *device);

/* ---- pci_config.c ---- */

/* Before the extras' pci_init(): the ports alone. */
void pci_config_init(void);

/*
 * For an extra: another way to config space, tried before the ports. It reads to *value, all ones
 * where nothing answers, or writes it; false if the address is not reached that way.
 */
typedef bool (*pci_config_access_t)(struct pci_address address, u16 offset, unsigned bytes,
                                    u32 *value, bool is_write);
void pci_config_set_access(pci_config_access_t access);

/* Through the ports, whatever else there is. */
u32 pci_config_read_port(struct pci_address address, u16 offset, unsigned bytes);
void pci_config_write_port(struct pci_address address, u16 offset, unsigned bytes, u32 value);

u32 pci_config_read(struct pci_address address, u16 offset, unsigned bytes);

/* ---- pci_bar.c ---- */

/* Decoding off; the value for pci_restore_decoding(). */
u16 pci_stop_decoding(const struct pci_device *device);
void pci_restore_decoding(const struct pci_device *device, u16 command);

/* Find out kind, size and address of each BAR, decoding off meanwhile; once per occupant. */
void pci_size_bars(struct pci_device *device);

/* ---- pci_scan.c ---- */

/* Whether there is a function; its vendor and device IDs. */
bool pci_answers(struct pci_address address, u32 *ids);

/* Probe each bus that waits to be scanned, and those that are found behind it. */
void pci_scan_buses(void);

#endif
