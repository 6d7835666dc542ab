/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-mmio device with one echoing queue. It fails the test where the
 * driver breaks a rule of virtio 1.4, "Virtio Over MMIO": an access that is not
 * of 32 bits, a register that is not there, a queue configured while it is in
 * use, a notification before DRIVER_OK.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_VIRTIO_MMIO_H
#define TIDE_TESTS_FAKES_FAKE_VIRTIO_MMIO_H

#include "tests/fakes/fake_ring.h"

#define FAKE_VIRTIO_MMIO_BASE  0xfeb00e00
#define FAKE_VIRTIO_MMIO_BYTES 0x200
#define FAKE_VIRTIO_MMIO_LINE  12

/* A test may change any field. */
struct fake_virtio_mmio {
    u32 magic;
    u32 version;
    u32 id;
    u64 offered;
    u64 accepted;
    u32 selected[2]; /* device and driver features */
    u32 queue;
    u32 size_max;
    u32 size;
    u32 ready;
    u64 areas[3];
    u32 isr;
    bool isr_stuck;
    bool is_late; /* no answer before fake_virtio_mmio_answer() */
    u32 status;
    u32 generation;
    u8 config[256];
    u32 last_notify;
    struct fake_ring ring;
};

/* The one device, memory, VERSION_1 offered, 64 entries; claims its registers. */
struct fake_virtio_mmio *fake_virtio_mmio_start(void);

/* Answer what the queue has, with an interrupt if the driver wants one. */
void fake_virtio_mmio_answer(void);

/* Set interrupt status bits and raise the line. */
void fake_virtio_mmio_interrupt(u32 isr);

#endif
