/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: every function of every bus, found once at boot and again on request.
 *
 * The tree is untrusted: a loop in a capability list or of bridges ends with a log line. Config
 * space is reached through ports 0xcf8/0xcfc (256 bytes, segment 0), or as an extra knows.
 *
 * A scan costs few accesses: one read of each header register of the
 * functions that exist. BARs are sized when a driver first asks
 * (pci_claim_bars(), pci_map_bar()).
 * No function here may be called from an interrupt.
 */
#ifndef TIDE_DRIVERS_PCI_PCI_H
#define TIDE_DRIVERS_PCI_PCI_H

#include "include/boot_info.h"
#include "include/types.h"

struct pci_bus; /* drivers/pci's own */

#define PCI_BARS               6
#define PCI_ADDRESS_TEXT_BYTES 16

struct pci_address {
    u16 segment;
    u8 bus;
    u8 device;   /* 0 to 31 */
    u8 function; /* 0 to 7 */
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_IO, PCI_BAR_MEMORY };

struct pci_bar {
    enum pci_bar_kind kind;
    bool is_64bit; /* the next BAR's register is its upper half, and that entry is PCI_BAR_NONE */
    bool prefetchable;
    u64 base;  /* 0: without an address */
    u64 bytes; /* 0: not implemented */
};

/*
 * One function. pci_scan() fills it, all others only read it. An address keeps its struct for ever:
 * `present` is false once the function has gone, and `occupant` changes when another function is
 * found in its place.
 */
struct pci_device {
    struct pci_address address;
    u16 vendor_id;
    u16 device_id;
    u8 class_code;
    u8 subclass;
    u8 programming_interface;
    u8 revision;
    u8 header_type;         /* without the multi-function bit */
    u8 interrupt_pin;       /* 0 none, 1 to 4 for INTA to INTD; these two by pci_find_line() */
    u8 interrupt_line;      /* as firmware left it, or as an extra corrected it; 0xff none */
    bool present;           /* false once a rescan no longer finds it */
    bool removal_requested; /* the user wants it out: release it */
    u32 occupant;           /* 1 for the first function found at this address, then counted up */
    bool bars_known;        /* pci_claim_bars() has been here */
    struct pci_bar bars[PCI_BARS];

    /* ---- drivers/pci's own ---- */
    struct pci_bus *bus;    /* that it is on; NULL when it is not present */
    struct pci_bus *behind; /* a bridge's secondary bus; NULL if it leads nowhere */
    bool bars_sized;        /* bars[] is filled, perhaps without addresses yet */
    bool number_tried;      /* an extra's: a bridge that this scan could give no bus number */
};

/* ---- config space: offset aligned to the width; all ones where nothing answers ---- */

u8 pci_read8(const struct pci_device *device, u16 offset);
u16 pci_read16(const struct pci_device *device, u16 offset);
u32 pci_read32(const struct pci_device *device, u16 offset);
void pci_write8(const struct pci_device *device, u16 offset, u8 value);
void pci_write16(const struct pci_device *device, u16 offset, u16 value);
void pci_write32(const struct pci_device *device, u16 offset, u32 value);

/* ---- the tree ---- */

/* Once, before the first pci_scan(). The boot map is for extras, which may keep the pointer. */
void pci_init(const struct boot_info *boot);

/*
 * Find everything that lies on a bus that firmware numbered; an extra may number others. May be
 * called again for hot-added and removed devices; known ones keep their struct, their addresses and
 * what their driver set up. Returns the number of functions present, or E_NOMEM if there are more
 * than the table holds (those that fit can be used).
 */
must_check int pci_scan(void);

/* The i-th function that is present, in bus order; NULL past the end. O(functions). */
struct pci_device *pci_device_at(unsigned index);

/* The function at an address, or NULL. */
struct pci_device *pci_find(struct pci_address address);

/* "0000:00:04.0". The buffer holds PCI_ADDRESS_TEXT_BYTES. */
const char *pci_address_text(struct pci_address address, char *buffer);

/* ---- capabilities ---- */

#define PCI_CAP_VENDOR  0x09
#define PCI_CAP_EXPRESS 0x10
#define PCI_CAP_MSIX    0x11

/*
 * The offset of the first capability with this id after `after` (0: from the
 * start), or 0. Pointers below 0x40 or past the end and loops end the walk
 * with a warning. O(48) config reads at most.
 */
u8 pci_find_capability(const struct pci_device *device, u8 id, u8 after);

/* ---- use ---- */

/* Switch memory decoding and bus mastering on in the bridges above a function. */
void pci_open_bridges(const struct pci_device *device);

/* Find out by which pin and line the function interrupts. */
void pci_find_line(struct pci_device *device);

/*
 * Fill bars[]: size each BAR, with decoding off meanwhile. A memory BAR that firmware gave no
 * address, and no extra either, has base 0 and is an error line. Later calls do nothing until
 * another occupant comes.
 */
void pci_claim_bars(struct pci_device *device);

/*
 * Map [offset, offset + bytes) of a memory BAR; claims the BARs first. E_RANGE
 * if it leaves the BAR or wraps, E_NODEV if the BAR is not a memory BAR or has
 * no address, E_NOMEM.
 */
must_check int pci_map_bar(struct pci_device *device, unsigned bar, u64 offset, u64 bytes,
                           volatile void **registers);

#endif
