/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A memory device for the host programs, on the fake transport.
 *
 * It answers requests as virtio 1.4, "Memory Device", says, in the manner of
 * one of four real devices, and fails the test where the driver breaks a rule:
 * a request that is not 24 + 10 bytes, blocks that mm still has mapped when they
 * are asked to be unplugged, blocks that are mapped while they are unplugged,
 * and, while `is_strict`, any request that can only be refused.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_VMEM_H
#define TIDE_TESTS_FAKES_FAKE_VMEM_H

#include "drivers/virtio/mem/spec.h"
#include "include/units.h"
#include "tests/fakes/fake_transport.h"

/* The order of checks, and what is said, differ: see the answer_*() functions. */
enum fake_vmem_manner {
    FAKE_VMEM_QEMU,
    FAKE_VMEM_CLOUD_HYPERVISOR,
    FAKE_VMEM_FIRECRACKER,
    FAKE_VMEM_STRATOVIRT, /* blocks are counted from the region's base */
    FAKE_VMEM_MANNERS,
};

struct fake_vmem;

/* A request as the device decoded it. */
struct fake_vmem_request {
    u16 type;
    u64 addr;
    u16 nr_blocks;
};

/*
 * How many of the next requests are answered in another way. They are served
 * in this order: all silent ones first, then the lost ones, and so on.
 */
struct fake_vmem_moods {
    unsigned silent; /* not done, and never answered */
    unsigned lost;   /* done, and never answered */
    unsigned busy;   /* not STATE, which has no BUSY */
    unsigned nack;
    unsigned error;
    unsigned error_half;   /* the first half is done, rounded down, then ERROR */
    unsigned false_ack;    /* PLUG, UNPLUG, UNPLUG ALL: not done, and ACK */
    unsigned long_used;    /* done; the used length is that of a longer answer */
    unsigned bad_type;     /* not done; the answer's type does not exist */
    unsigned nothing;      /* not done; used length 0, the answer untouched (cloud-hypervisor) */
    unsigned needs_reset;  /* not done; DEVICE_NEEDS_RESET instead of an answer */
    unsigned bad_state;    /* STATE: a state that does not exist */
    unsigned false_state;  /* STATE: unplugged, whatever it is */
    unsigned always_mixed; /* STATE */
};

struct fake_vmem {
    struct fake_transport transport;
    enum fake_vmem_manner manner;
    u64 base;
    u64 block_bytes;
    u64 nr_blocks;
    u64 slot_bytes; /* Firecracker: the usable region grows by these */
    u16 node_id;
    u64 requested_bytes;
    u64 usable_bytes;
    u64 plugged_bytes;
    u64 host_bytes; /* what the host has: BUSY to a PLUG beyond it, as QEMU's with prealloc=on */
    i64 plugged_excess; /* added to the plugged_size that the driver reads */
    u8 *plugged;        /* one byte a block */

    bool is_thief; /* blocks were taken away behind the driver's back: no check of what is mapped */
    bool is_strict; /* the driver had every chance to know: a refusal is its fault */
    struct fake_vmem_moods moods;
    u64 count[4]; /* requests seen, by type */
    u64 nr_acks;
    struct fake_vmem_request last;
    /* Called before each request is looked at; may be NULL. */
    void (*before_request)(struct fake_vmem *vmem, const struct fake_vmem_request *request);
};

/*
 * A region of nr_blocks at base, nothing plugged, nothing requested, with
 * UNPLUGGED_INACCESSIBLE and ACPI_PXM offered. Strict.
 */
void fake_vmem_init(struct fake_vmem *vmem, enum fake_vmem_manner manner, u64 base, u64 block_bytes,
                    u64 nr_blocks);
void fake_vmem_free(struct fake_vmem *vmem);

/* The host requests a size; an interrupt once the driver runs. */
void fake_vmem_set_requested(struct fake_vmem *vmem, u64 bytes);

/* Plug a run behind the driver's back, as an earlier driver left it. */
void fake_vmem_plug(struct fake_vmem *vmem, u64 first, u64 nr_blocks);

/* Write the fields to config space, without an event. */
void fake_vmem_update(struct fake_vmem *vmem);

/* No mapped block is unplugged: mm has nothing that the device did not give. */
void fake_vmem_check(const struct fake_vmem *vmem);

/* Requests seen, all types. */
u64 fake_vmem_requests(const struct fake_vmem *vmem);

#endif
