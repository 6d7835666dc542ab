/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A modern virtio function on the fake PCI bus: the registers of virtio 1.4,
 * "Virtio Over PCI Bus", laid out as QEMU does, with one echoing queue or more.
 *
 * It fails the test where a driver breaks a rule: an access of another width
 * than the field's, a read-only field written, a queue configured after it was
 * enabled, a wrong doorbell, the ISR read while MSI-X is on, a capability
 * written. It misbehaves only where the test says so.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_VIRTIO_PCI_H
#define TIDE_TESTS_FAKES_FAKE_VIRTIO_PCI_H

#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_ring.h"

#define FAKE_VIRTIO_QUEUES       12
#define FAKE_VIRTIO_VECTORS      4
#define FAKE_VIRTIO_BAR_BYTES    0x4000
#define FAKE_VIRTIO_COMMON       0x0000
#define FAKE_VIRTIO_ISR          0x1000
#define FAKE_VIRTIO_DEVICE       0x2000
#define FAKE_VIRTIO_NOTIFY       0x3000
#define FAKE_VIRTIO_NOTIFY_BYTES 0x1000
#define FAKE_VIRTIO_CONFIG_BYTES 56
#define FAKE_VIRTIO_MSIX_CAP     0xd0

struct fake_virtio_queue {
    u16 size;
    u16 vector;
    u16 enabled;
    u16 notify_off;
    u16 notif_config_data;
    u64 areas[3]; /* descriptors, driver, device */
    struct fake_ring ring;
};

struct fake_virtio_pci {
    struct fake_pci_function *function;
    u64 offered;
    u64 accepted;
    u32 device_select;
    u32 driver_select;
    u16 config_vector;
    u16 nr_queues;
    u16 size_max;
    u8 status;
    u8 generation;
    u16 queue_select;
    u8 isr;
    u32 notify_multiplier;
    u8 config[FAKE_VIRTIO_CONFIG_BYTES];
    struct fake_virtio_queue queues[FAKE_VIRTIO_QUEUES];
    u32 msix_table[FAKE_VIRTIO_VECTORS * 4];

    /* ---- misbehaviour ---- */
    u16 vectors_usable; /* higher ones read back 0xffff; FAKE_VIRTIO_VECTORS at first */
    u16 size_beyond;    /* queue_size of queues that num_queues does not count */
    u16 size_reads;     /* not 0: queue_size reads this after a write */
    bool isr_stuck;     /* a read of the ISR does not clear it */
    bool is_late;       /* no answer before fake_virtio_pci_answer() */

    /* ---- seen ---- */
    unsigned nr_isr_reads;
    unsigned nr_notifies;
    u32 last_notify; /* what was written */
    unsigned last_notify_bytes;
    u64 last_notify_at; /* offset in the notify structure */
};

/*
 * The function 00:04.0 of a fresh fake PCI tree, modern ID of `type`, VERSION_1
 * offered, one queue of 128, INTA on line 11, and with nr_vectors != 0 an MSI-X
 * capability. The capability list has what QEMU's has, PCI_CFG first.
 */
void fake_virtio_pci_start(struct fake_virtio_pci *fake, u32 type, unsigned nr_vectors);

/* Answer what queue 0 has, with an interrupt if the driver wants one. */
void fake_virtio_pci_answer(struct fake_virtio_pci *fake);

/* Append a vendor capability at `at` with these fields; cap_bytes is its cap_len. */
void fake_virtio_pci_add_cap(struct fake_virtio_pci *fake, u8 at, u8 cap_bytes, u8 cfg_type, u8 bar,
                             u32 offset, u32 length);

/* Empty the capability list, to build another one. */
void fake_virtio_pci_clear_caps(struct fake_virtio_pci *fake);

/* What the transport under test is created from: scans the fake tree. */
struct pci_device *fake_virtio_pci_scan(struct fake_virtio_pci *fake);

/* Set ISR bits and interrupt by what the driver has set up, if anything. */
void fake_virtio_pci_interrupt(struct fake_virtio_pci *fake, u8 isr);

#endif
