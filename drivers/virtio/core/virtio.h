/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device as its driver sees it, whatever the transport.
 *
 * The transport (virtio_pci.c, virtio_mmio.c, the fakes of the tests) fills in
 * a struct vmem_virtio with its operations; a device driver calls only the
 * functions below. A transport names no device, a device names no transport.
 *
 * The device is untrusted. If it breaks a rule, vmem_virtio_break() sets FAILED and keeps the
 * reason, and the device is not used again before a reset.
 */
#ifndef VMEM_CORE_VIRTIO_H
#define VMEM_CORE_VIRTIO_H

#include "../include/vmem/transport.h"
#include "defs.h"

struct virtqueue;

/* virtio 1.4, "Device Status Field". */
enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 64,
    VIRTIO_STATUS_FAILED = 128,
};

/* What an interrupt said; one interrupt may mean both. */
enum virtio_event {
    VIRTIO_EVENT_QUEUE = 1,
    VIRTIO_EVENT_CONFIG = 2,
};

/* Where the parts of one queue are for the device; written by virtqueue.c, told to the device by
 * the transport. */
struct virtqueue_layout {
    uint16_t size;
    uint64_t descriptors;
    uint64_t driver_area; /* avail ring, or driver event suppression */
    uint64_t device_area; /* used ring, or device event suppression */
};

/* The operations of a transport. None of them blocks. */
struct virtio_transport_ops {
    const char *name; /* "virtio-pci" */
    uint8_t (*get_status)(struct vmem_virtio *device);
    void (*set_status)(struct vmem_virtio *device, uint8_t status); /* 0 asks for a reset */
    uint64_t (*get_features)(struct vmem_virtio *device);
    void (*set_features)(struct vmem_virtio *device, uint64_t features);
    uint32_t (*config_generation)(struct vmem_virtio *device);
    uint32_t (*config_bytes)(struct vmem_virtio *device); /* how much config space there is */
    /* Of 32 bits at a multiple of 4; the caller has checked the range. */
    uint32_t (*read_config)(struct vmem_virtio *device, uint32_t offset);
    void (*write_config)(struct vmem_virtio *device, uint32_t offset, uint32_t value);
    uint16_t (*queue_size_max)(struct vmem_virtio *device, uint16_t queue); /* 0: no such queue */
    /* The queue is the one that queue_size_max() was called for last. */
    VMEM_MUST_CHECK int (*queue_enable)(struct vmem_virtio *device, uint16_t queue,
                                        const struct virtqueue_layout *layout);
    void (*notify)(struct vmem_virtio *device, uint16_t queue, uint32_t next_avail);
    /*
     * After each reset, before any queue is enabled: a reset makes the device
     * forget its vectors. Starts over if interrupts were enabled before. On VMEM_OK
     * device->irq_mode is the one chosen.
     */
    VMEM_MUST_CHECK int (*irq_enable)(struct vmem_virtio *device, enum vmem_irq_mode wanted);
    void (*irq_disable)(struct vmem_virtio *device);
    /* Events that no interrupt delivers (polling): read and clear the ISR. */
    uint32_t (*poll_events)(struct vmem_virtio *device);
};

#define VIRTIO_REASON_BYTES 160

struct vmem_virtio {
    const struct virtio_transport_ops *ops;
    const char *name;            /* "vmem0", for log lines; the driver owns it */
    void *wake_context;          /* for vmem_host_wake(); the driver sets it */
    char location[48];           /* "pci 0000:00:04.0"; the transport writes it */
    uint32_t device_type;        /* virtio device ID, 24 for memory */
    uint64_t transport_features; /* bits 24 to 49 that it can carry; the transport writes it */
    uint64_t offered;            /* features the device offered at the last negotiation */
    uint64_t features;           /* negotiated */
    uint64_t features_masked;    /* never accepted, for experiments; the driver sets it */
    int64_t generation; /* of the config snapshot read last; below 0: none since the reset */
    bool translates_device_addresses; /* or ACCESS_PLATFORM is not accepted; the driver sets it */
    uint8_t status;                   /* the bits this driver has set since the reset */
    enum vmem_irq_mode irq_mode;      /* a storm of interrupts turns it to polling */
    uint32_t events; /* of enum virtio_event: handlers set, vmem_virtio_take_events() clears */
    uint64_t nr_interrupts;
    uint64_t window_start_ms; /* interrupts are counted by windows of time, to see a storm */
    uint32_t window_interrupts;
    bool broken;
    char broken_reason[VIRTIO_REASON_BYTES];
};

/* Of log lines: its name, or where it is while no driver has named it. */
static inline const char *vmem_virtio_subject(const struct vmem_virtio *device)
{
    return device->name ? device->name : device->location;
}

/* ---- life cycle, in the order of virtio 1.4, "Device Initialization" ---- */

/*
 * Write 0 and wait until the device reads 0, at most a second (VMEM_E_TIMEOUT), or
 * it reads all ones (VMEM_E_NODEV: it has vanished). Clears broken and events on VMEM_OK.
 */
VMEM_MUST_CHECK int vmem_virtio_reset(struct vmem_virtio *device);

/*
 * Reset, ACKNOWLEDGE, DRIVER, feature negotiation, FEATURES_OK and its re-read.
 * `wanted` are the bits that the driver understands, transport and ring bits
 * are added here; `required` are those it cannot do without (VERSION_1 is
 * always one). VMEM_E_UNSUPPORTED with FAILED set if one is missing or the
 * device does not keep FEATURES_OK (the device is broken then, with the
 * reason), VMEM_E_TIMEOUT and VMEM_E_NODEV from the reset. Logs features by name.
 * device_feature_names has those of bits 0 to 23, NULL where there is none.
 */
VMEM_MUST_CHECK int vmem_virtio_negotiate(struct vmem_virtio *device, uint64_t wanted,
                                          uint64_t required,
                                          const char *const device_feature_names[24]);

/* After the queues are set up: DRIVER_OK. Only now may a queue be notified. */
void vmem_virtio_driver_ok(struct vmem_virtio *device);

/*
 * Give up: FAILED, then the reason as an error line. The device is broken until
 * the next vmem_virtio_reset(); of several reasons the first is kept.
 */
void vmem_virtio_break(struct vmem_virtio *device, const char *format, ...) VMEM_PRINTF(2, 3);

/*
 * DEVICE_NEEDS_RESET is set now, or the device has vanished (all ones), or lost
 * status bits that were set: it was reset behind the driver's back.
 */
bool vmem_virtio_needs_reset(struct vmem_virtio *device);

static inline bool vmem_virtio_has_feature(const struct vmem_virtio *device, unsigned bit)
{
    return (device->features >> bit & 1) != 0;
}

/* ---- config space ---- */

/*
 * Bring a snapshot of `bytes` of the device's config space, from `offset` on, up to date: 32-bit
 * reads, until the generation is the same before and after. If something has changed since the
 * snapshot, the generation must have moved since the last read, too, or two reads must agree: there
 * are devices that never move it. It counts as moved for the first read after a reset. Both are
 * multiples of 4. VMEM_E_RANGE if config space is shorter, VMEM_E_TIMEOUT if it does not hold still
 * within a bounded number of tries.
 */
VMEM_MUST_CHECK int vmem_virtio_read_config(struct vmem_virtio *device, void *snapshot,
                                            uint32_t offset, uint32_t bytes);

/* ---- events ---- */

/* Take and clear what interrupts (or, when polling, the ISR) have said since the last call. */
uint32_t vmem_virtio_take_events(struct vmem_virtio *device);

/*
 * For transports' interrupt handlers: note the events, and wake the host. False when the device
 * interrupts without end: it is to be polled from now on, which irq_mode says, and a warning.
 */
VMEM_MUST_CHECK bool vmem_virtio_interrupt(struct vmem_virtio *device, uint32_t events);

/* The same for one interrupt that is not counted. */
void vmem_virtio_post_events(struct vmem_virtio *device, uint32_t events);

/* The name of a feature bit, or NULL; device_names has those of bits 0 to 23, or NULLs. */
const char *vmem_virtio_feature_name(unsigned bit, const char *const device_names[24]);

#endif
