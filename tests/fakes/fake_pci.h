/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI tree for the host programs: config space behind ports 0xcf8/0xcfc and
 * ECAM, and the memory that BARs decode, both routed as bridges' registers say.
 *
 * A function answers only where hardware would: behind a bridge without bus
 * numbers it is invisible, and its registers can be reached only while it decodes
 * memory and every window above it lets the address through. A breach by
 * the driver fails the test: a BAR written while it decodes, an unaligned
 * config access, a register access that nothing decodes.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_PCI_H
#define TIDE_TESTS_FAKES_FAKE_PCI_H

#include "drivers/pci/pci.h"
#include "drivers/pci/pci_spec.h"
#include "extras/ecam/ecam.h"
#include "include/platform.h"
#include "tests/fakes/fake_mmio.h"

#define FAKE_PCI_MEMORY_BASE ((u64)0xc0000000) /* the PCI hole that BARs are decoded in */
#define FAKE_PCI_MEMORY_END  ((u64)0xfec00000)
#define FAKE_PCI_HIGH_BASE   ((u64)0x8000000000) /* and the one above 4 GiB */
#define FAKE_PCI_HIGH_BYTES  ((u64)0x1000000000)

struct fake_pci_bus {
    struct fake_pci_function *functions; /* a list */
    struct fake_pci_function *bridge;    /* NULL: a root bus */
    u16 segment;                         /* of a root bus */
    u8 number;
    struct fake_pci_bus *next_root;
};

struct fake_pci_bar {
    u64 bytes; /* 0: not implemented */
    const struct fake_registers *registers;
    void *context;
};

/* A test may change any field, and `config` and `writable` are the device's own truth. */
struct fake_pci_function {
    u8 config[4096];
    u8 writable[4096]; /* the bits of config that a write changes */
    u8 cleared[4096];  /* the bits that writing them clears */
    struct fake_pci_bar bars[PCI_BARS];
    u8 device;
    u8 function;
    bool present;
    i64 vanishes_after;     /* so many config accesses; -1: never */
    u8 last_capability;     /* where fake_pci_add_capability() put the last one */
    unsigned nr_accesses;   /* of its config space */
    unsigned nr_bar_writes; /* of them to BARs */
    void (*written)(struct fake_pci_function *function, u16 offset); /* after a write, or NULL */
    struct fake_pci_bus *bus;
    struct fake_pci_bus *secondary; /* of a bridge */
    struct fake_pci_function *next;
};

/* An empty machine: ports and PCI holes claimed, one root bus 0 in segment 0. */
struct fake_pci_bus *fake_pci_start(void);
/* Free it all; the claims of fake_mmio are forgotten too. */
void fake_pci_stop(void);

/* Ports that nobody answers: all ones, as on a machine without them. */
void fake_pci_without_ports(void);

/* ECAM answers in this window from now on; at most 8 of them. */
void fake_pci_add_ecam(struct platform_ecam window);

struct fake_pci_bus *fake_pci_add_root(u16 segment, u8 number);

/* A function with an empty header type 0; function 0 becomes multi-function when another joins. */
struct fake_pci_function *fake_pci_add(struct fake_pci_bus *bus, u8 device, u8 function,
                                       u16 vendor_id, u16 device_id);

/* A bridge, its windows closed as after reset; returns its secondary bus. */
struct fake_pci_bus *fake_pci_add_bridge(struct fake_pci_bus *bus, u8 device, u8 secondary,
                                         u8 subordinate);

/* Set a bridge's memory window (inclusive), which must be MiB aligned. */
void fake_pci_set_window(struct fake_pci_bus *secondary, u64 first, u64 last);
void fake_pci_set_prefetch_window(struct fake_pci_bus *secondary, u64 first, u64 last);

/* A BAR; flags as in the register (PCI_BAR_TYPE_64BIT, ...). registers may be NULL: reads give 0.
 */
void fake_pci_add_bar(struct fake_pci_function *function, unsigned index, u32 flags, u64 bytes,
                      u64 base, const struct fake_registers *registers, void *context);

/* Append a capability to the list at `offset`; what is behind the first two bytes is the caller's.
 */
void fake_pci_add_capability(struct fake_pci_function *function, u8 offset, u8 id);

/* As a driver does it: it decodes and masters the bus, and so do the bridges above it. */
void fake_pci_switch_on(const struct pci_device *device);

/* Pull it out, with all that is behind it. */
void fake_pci_remove(struct fake_pci_function *function);

u32 fake_pci_get(const struct fake_pci_function *function, u16 offset, unsigned bytes);
void fake_pci_set(struct fake_pci_function *function, u16 offset, unsigned bytes, u32 value);

/* The address at which BAR `index` can be reached from the processor now; 0 if it cannot. */
u64 fake_pci_decodes(const struct fake_pci_function *function, unsigned index);

/* All config accesses since fake_pci_start(), through ports or ECAM. */
unsigned fake_pci_nr_config_accesses(void);

#endif
