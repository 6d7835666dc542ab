/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device as its driver sees it, whatever the transport.
 *
 * The transport (virtio_pci.c, virtio_mmio.c, the fakes of the tests) fills in
 * a struct vmem_virtio with its operations; a device driver calls only the
 * functions below. A transport names no device, a device names no transport.
 *
 * The device is untrusted. What it says wrong ends in vmem_virtio_break(): the
 * reason is kept, the device is reset and not used again until re-attached.
 */
#ifndef TIDE_DRIVERS_VIRTIO_CORE_VIRTIO_H
#define TIDE_DRIVERS_VIRTIO_CORE_VIRTIO_H

#include "include/platform.h"
#include "include/types.h"

struct vmem_virtio;
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

/* How events reach the driver: the choice, and what was asked for. */
enum vmem_irq_mode {
    VMEM_IRQ_AUTO, /* the first that works of the three below */
    VMEM_IRQ_MSIX,
    VMEM_IRQ_INTX,
    VMEM_IRQ_POLL,
};

/* Where the parts of one queue are; written by virtqueue.c, told to the device by the transport. */
struct virtqueue_layout {
    u16 size;
    paddr_t descriptors;
    paddr_t driver_area; /* avail ring, or driver event suppression */
    paddr_t device_area; /* used ring, or device event suppression */
};

/* The verbs of a transport. None of them blocks. */
struct virtio_transport_ops {
    const char *name; /* "virtio-pci" */
    u8 (*get_status)(struct vmem_virtio *device);
    void (*set_status)(struct vmem_virtio *device, u8 status); /* 0 asks for a reset */
    u64 (*get_features)(struct vmem_virtio *device);
    void (*set_features)(struct vmem_virtio *device, u64 features);
    u32 (*config_generation)(struct vmem_virtio *device);
    u32 (*config_bytes)(struct vmem_virtio *device); /* how much config space there is */
    /* One naturally aligned field of 1, 2 or 4 bytes; the caller has checked the range. */
    u32 (*read_config)(struct vmem_virtio *device, u32 offset, unsigned bytes);
    u16 (*queue_size_max)(struct vmem_virtio *device, u16 queue); /* 0: no such queue */
    must_check int (*queue_enable)(struct vmem_virtio *device, u16 queue,
                                   const struct virtqueue_layout *layout);
    /* Only with RING_RESET negotiated: E_TIMEOUT if the device does not finish. */
    must_check int (*queue_reset)(struct vmem_virtio *device, u16 queue);
    void (*notify)(struct vmem_virtio *device, u16 queue, u32 next_avail);
    /*
     * After each reset, before any queue is enabled: a reset makes the device
     * forget its vectors. Starts over if interrupts were enabled before. On OK
     * device->irq_mode is the one chosen.
     */
    must_check int (*irq_enable)(struct vmem_virtio *device, enum vmem_irq_mode wanted);
    void (*irq_disable)(struct vmem_virtio *device);
    /* Events that no interrupt delivers (polling): read and clear the ISR. */
    u32 (*poll_events)(struct vmem_virtio *device);
};

#define VIRTIO_REASON_BYTES 160

struct vmem_virtio {
    const struct virtio_transport_ops *ops;
    const char *name;       /* "vmem0", for log lines; the driver owns it */
    char location[48];      /* "pci 0000:00:04.0"; the transport writes it */
    u32 device_type;        /* virtio device ID, 24 for memory */
    u64 transport_features; /* bits 24 to 49 that the transport can carry; the transport writes it
                             */
    u64 offered;            /* features the device offered at the last negotiation */
    u64 features;           /* negotiated */
    u64 features_masked;    /* never accepted: virtio.features=-name, for experiments */
    u8 status;              /* the bits this driver has set since the reset */
    enum vmem_irq_mode irq_mode; /* a storm of interrupts turns it to polling */
    u32 events; /* enum virtio_event bits; interrupt handlers set, vmem_virtio_take_events() clears
                 */
    u64 nr_interrupts;
    bool broken;
    char broken_reason[VIRTIO_REASON_BYTES];
};

/* ---- life cycle, in the order of virtio 1.4, "Device Initialization" ---- */

/*
 * Write 0 and wait until the device reads 0, at most a second (E_TIMEOUT), or
 * it reads all ones (E_NODEV: it has vanished). Clears broken and events on OK.
 */
must_check int vmem_virtio_reset(struct vmem_virtio *device);

/*
 * Reset, ACKNOWLEDGE, DRIVER, feature negotiation, FEATURES_OK and its re-read.
 * `wanted` are the bits that the driver understands, transport and ring bits
 * are added here; `required` are those it cannot do without (VERSION_1 is
 * always one). E_UNSUPPORTED with FAILED set if one is missing or the
 * device does not keep FEATURES_OK (the device is broken then, with the
 * reason), E_TIMEOUT and E_NODEV from the reset. Logs features by name.
 * device_feature_names has those of bits 0 to 23, NULL where there is none.
 */
must_check int vmem_virtio_negotiate(struct vmem_virtio *device, u64 wanted, u64 required,
                                     const char *const device_feature_names[24]);

/* After the queues are set up: DRIVER_OK. Only now may a queue be notified. */
void vmem_virtio_driver_ok(struct vmem_virtio *device);

/*
 * Give up: FAILED, then the reason as an error line. The device is broken until
 * the next vmem_virtio_reset(); of several reasons the first is kept.
 */
void vmem_virtio_break(struct vmem_virtio *device, const char *format, ...) printf_like(2, 3);

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
 * Copy [0, bytes) of the device's config space, as one consistent snapshot:
 * 32-bit reads, until the generation is the same before and after and two
 * reads agree. bytes is a multiple of 4. E_RANGE if config space is shorter,
 * E_TIMEOUT if it does not hold still within a bounded number of tries.
 */
must_check int vmem_virtio_read_config(struct vmem_virtio *device, void *snapshot, u32 bytes);

/* ---- events ---- */

/* Take and clear what interrupts (or, when polling, the ISR) have said since the last call. */
u32 vmem_virtio_take_events(struct vmem_virtio *device);

/* For transports' interrupt handlers. */
void vmem_virtio_post_events(struct vmem_virtio *device, u32 events);

/* The name of a feature bit, or NULL; device_names has those of bits 0 to 23, NULL where there is
 * none.
 */
const char *vmem_virtio_feature_name(unsigned bit, const char *const device_names[24]);

/*
 * Parse a list of features not to accept, "-ring_packed,-event_idx,-1", for
 * features_masked: names as above in either case, without RING_ if one likes,
 * or the numbers of bits. E_INVAL if malformed or unknown (nothing changes).
 */
must_check int vmem_virtio_parse_features_masked(const char *text,
                                                 const char *const device_names[24], u64 *masked);

#endif
