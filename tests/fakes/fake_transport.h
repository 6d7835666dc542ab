/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device without a bus: a transport whose device is the test.
 *
 * It fails the test where the driver breaks a rule of virtio 1.4: status bits
 * written out of order or cleared, a feature accepted that was not offered, a
 * queue touched before FEATURES_OK or enabled twice, a notification before
 * DRIVER_OK, config space read out of range or unaligned; fake_ring.h adds the
 * rings' rules. The device itself misbehaves only where `faults` says so.
 *
 * A request is answered inside notify(), unless `hold` keeps it until
 * fake_transport_process(). Interrupts are vmem_virtio_post_events() at once.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_TRANSPORT_H
#define TIDE_TESTS_FAKES_FAKE_TRANSPORT_H

#include "drivers/virtio/core/virtio.h"
#include "tests/fakes/fake_ring.h"

#define FAKE_CONFIG_BYTES  256
#define FAKE_QUEUES        5
#define FAKE_REQUEST_BYTES 16384
#define FAKE_UNANSWERED    256

#define FAKE_USED_AS_WRITTEN (~(u32)0)

/* One buffer as the device's callback sees it. */
struct fake_request {
    u16 queue;
    const u8 *readable;
    u32 readable_bytes;
    u8 *reply; /* FAKE_REQUEST_BYTES of room, filled with junk */
    u32 reply_capacity;
    /* The callback's answer; set to the defaults named here before it runs. */
    u32 reply_bytes; /* 0: how many bytes of `reply` go into the buffer, at most the capacity */
    u32 used_bytes;  /* FAKE_USED_AS_WRITTEN: what the used entry says, if not reply_bytes */
    bool no_answer;  /* false: keep the buffer; see fake_transport_answer_late() */
};

typedef void (*fake_request_t)(void *context, struct fake_request *request);

struct fake_transport;

struct fake_faults {
    u32 reset_reads;         /* status reads until a reset is seen done; ~0: never */
    bool refuse_features_ok; /* FEATURES_OK does not stick */
    bool vanished;           /* every read is all ones, nothing is answered */
    bool generation_frozen;  /* fake_transport_raise_config() leaves the generation alone */
    bool generation_runs;    /* it changes with every read of it */
    bool features_flip;      /* every second read of the features is inverted */
    bool no_interrupts;      /* events are never posted, and the ISR stays 0 */
    bool refuse_msix;        /* irq_enable() falls to the next mode */
    int irq_enable_status;   /* OK, or why no way of interrupting works, polling included */
    bool refuse_intx;
    int queue_enable_status; /* what queue_enable() returns, if not OK */
    /* Before each config read, with its offset: the place to change config under the reader. */
    void (*on_config_read)(struct fake_transport *transport, u32 offset);
};

struct fake_queue {
    bool enabled;
    struct fake_ring ring;
    struct fake_buffer unanswered[FAKE_UNANSWERED];
    unsigned nr_unanswered;
};

struct fake_transport {
    struct vmem_virtio device; /* what the driver under test is given */

    /* The device: the test sets these before the driver starts, and may change them later. */
    u64 offered;
    u8 config[FAKE_CONFIG_BYTES];
    u32 config_bytes;
    u32 generation;
    u16 nr_queues;
    u16 queue_size_max;
    fake_request_t on_request;
    void (*on_reset)(void *context); /* the driver wrote status 0; may be NULL */
    /* The driver writes a field of config space; NULL where it may write none. */
    void (*on_config_write)(void *context, u32 offset, u32 value);
    void *context;
    bool hold; /* requests wait for fake_transport_process() */
    struct fake_faults faults;

    /* Its state, to be looked at. */
    u8 status;
    u8 written;       /* the driver's own bits of it */
    u64 last_offered; /* features as last read by the driver */
    u64 accepted;     /* features the driver wrote */
    bool features_written;
    u32 isr; /* what poll_events() returns next */
    bool irq_enabled;
    struct fake_queue queues[FAKE_QUEUES];
    u64 nr_resets;
    u64 nr_notifies;
    u64 nr_requests;
    u64 nr_interrupts;
    u64 nr_accesses; /* to a register, once the driver runs: what a hypervisor charges for */
    u32 nr_config_reads;
    u32 nr_feature_reads;
    u32 reset_reads_left;
};

/*
 * A well-behaved device of `device_type`: VERSION_1 | device_features offered,
 * one queue of 128 entries, config space of config_bytes zeros, interrupts by
 * MSI-X, no on_request (a request then fails the test). Add ring features to
 * transport->offered.
 */
void fake_transport_init(struct fake_transport *transport, u32 device_type, u64 device_features,
                         u32 config_bytes);

/*
 * Config space was changed: the generation moves on, and once DRIVER_OK is set
 * the driver gets a config event (as QEMU: both ISR bits when polling).
 */
void fake_transport_raise_config(struct fake_transport *transport);

/* Post events as an interrupt would, whatever happened: a spurious interrupt. */
void fake_transport_interrupt(struct fake_transport *transport, u32 events);

/* Answer what is available in a queue; for `hold`. Returns how many buffers were taken. */
unsigned fake_transport_process(struct fake_transport *transport, u16 queue);

/*
 * Answer the i-th buffer of those that on_request left without one: write
 * `bytes` of reply into it and push it used, with an interrupt if the driver wants one.
 */
void fake_transport_answer_late(struct fake_transport *transport, u16 queue, unsigned index,
                                const void *reply, u32 bytes);

/* It loses its state, as by a reset that the driver did not ask for and that ends at once. */
void fake_transport_power_off(struct fake_transport *transport);

/* The device finds itself in error: DEVICE_NEEDS_RESET and a config event, nothing more is
 * answered. */
void fake_transport_fail(struct fake_transport *transport);

#endif
