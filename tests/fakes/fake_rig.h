/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A queue ready to use: a fake transport that negotiated some features, one
 * virtqueue on it, DRIVER_OK set, and memory for buffers; on a fake host (fake_host.h).
 */
#ifndef TIDE_TESTS_FAKES_FAKE_RIG_H
#define TIDE_TESTS_FAKES_FAKE_RIG_H

#include "tests/fakes/fake_transport.h"

#define FAKE_RIG_BUFFERS      1024
#define FAKE_RIG_BUFFER_BYTES 256

/*
 * The driver's part on any transport: negotiate no device features, interrupts,
 * queue 0 of at most 128 entries, DRIVER_OK. Returns vmem_queue_create()'s status.
 */
must_check int fake_rig_bring_up(struct vmem_virtio *device, enum vmem_irq_mode wanted,
                                 struct virtqueue **queue);

/* One request of 8 bytes to a device that echoes at once; the reply is checked. */
void fake_rig_round_trip(struct virtqueue *queue);

/* The same to a device that answers when `answer` is called, by when the driver waits for it. */
void fake_rig_late_trip(struct virtqueue *queue, void (*answer)(void));

struct fake_rig {
    struct fake_transport transport;
    struct virtqueue *queue;
    u8 *buffers;         /* FAKE_RIG_BUFFERS of FAKE_RIG_BUFFER_BYTES */
    u64 buffers_address; /* for the device */
};

/* fake_host_start() and a fake transport, not yet negotiated; fake_rig_stop() undoes it. */
void fake_rig_boot(struct fake_rig *rig);

/* All of it. The device answers a request by copying it into the reply, as far as it fits. */
void fake_rig_start(struct fake_rig *rig, u64 features, u16 queue_size);

/* The queue, negotiated and enabled, on a rig that was booted and whose transport is set up. */
void fake_rig_attach(struct fake_rig *rig, u16 size_wanted);

/* Reset the device, destroy the queue, release everything; nothing may be left allocated. */
void fake_rig_stop(struct fake_rig *rig);

/* The i-th buffer, and its address for the device. */
u8 *fake_rig_buffer(struct fake_rig *rig, unsigned index);
u64 fake_rig_address(const struct fake_rig *rig, unsigned index);

/*
 * Add a request of `bytes` bytes of value `fill` and room for a reply as long,
 * in the i-th buffer (two halves), token: its address. Returns vmem_queue_add()'s status.
 */
must_check int fake_rig_add(struct fake_rig *rig, unsigned index, u8 fill, u32 bytes);

/* Take one used buffer; the test fails unless it is the i-th, with that length. */
void fake_rig_expect(struct fake_rig *rig, unsigned index, u32 used_bytes);

#endif
