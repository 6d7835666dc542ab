/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-balloon driver: gives pages of the guest to the host and takes them back, as the host
 * asks; tells the host how much memory is free, and which memory is idle.
 *
 * It works as the virtio-mem driver does (vmem.h): vmem_balloon_service() does what can be done now
 * and says when it wants to be called again. Nothing in it waits. Calls for one device must not
 * overlap, and none may come from an interrupt. All addresses are guest-physical, all sizes bytes.
 */
#ifndef VMEM_BALLOON_H
#define VMEM_BALLOON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "memory.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The device counts pages of 4 KiB by 32-bit numbers: it knows no memory at or above this. */
#define VMEM_BALLOON_ADDRESS_LIMIT ((uint64_t)1 << 44)

/* What vmem_balloon_service() returns when only an event can bring work. */
#define VMEM_BALLOON_NEVER (~(uint64_t)0)

struct vmem_balloon;

/* What the allocator has, for the host: virtio 1.4, "Memory Statistics". */
struct vmem_balloon_statistics {
    uint64_t free_bytes;      /* that nobody uses */
    uint64_t total_bytes;     /* that it manages, what is in the balloon among it */
    uint64_t available_bytes; /* that a new program could get */
};

/*
 * Memory operations: what the driver asks of the kernel's page allocator, from within
 * the library's calls for the device, one at a time. They must not call back into the library.
 */
struct vmem_balloon_ops {
    /*
     * Take pages out of use for the balloon: one contiguous range of whole pages of 4 KiB, at most
     * max_bytes of it, below VMEM_BALLOON_ADDRESS_LIMIT. False if there is nothing to take now. The
     * longer the range, the better for both sides.
     */
    bool (*take)(void *context, uint64_t max_bytes, struct vmem_range *taken);

    /* A range that take() gave, whole, is the allocator's again. Its contents are lost. */
    void (*give_back)(void *context, uint64_t base, uint64_t bytes);

    /* What the host asks for now and then. NULL: STATS_VQ is not accepted. */
    void (*statistics)(void *context, struct vmem_balloon_statistics *statistics);

    /*
     * Take idle memory out of use, as take() does: at or above `from`, the lowest first. is_hint:
     * all of it, for a migration; else what the host was not told of since it was used last, which
     * is asked for after vmem_balloon_report_idle() alone. False if there is no more. NULL: neither
     * PAGE_REPORTING nor FREE_PAGE_HINT is accepted.
     */
    bool (*take_idle)(void *context, uint64_t from, uint64_t max_bytes, bool is_hint,
                      struct vmem_range *idle);

    /* That range again, whole, with its contents lost. was_told: the host knows that it is idle;
     * else it knows as much as it did before. */
    void (*give_idle)(void *context, uint64_t base, uint64_t bytes, bool was_told);
};

/* For each device, read at vmem_balloon_attach(). */
struct vmem_balloon_options {
    const char *name; /* "balloon0", at most 15 characters; copied */
    enum vmem_irq_mode irq_mode;
    uint64_t features_masked;           /* feature bits that are never accepted, for experiments */
    bool translates_device_addresses;   /* as in struct vmem_options */
    const struct vmem_balloon_ops *ops; /* kept, not copied */
    void *ops_context;
    void *wake_context; /* for vmem_host_wake() */
    /* The kernel fills each page that is freed with this value, and what give_back() gets at once.
     * Then PAGE_POISON is accepted, and PAGE_REPORTING and FREE_PAGE_HINT are not: idle pages that
     * nobody has freed do not hold the value. */
    bool has_poison;
    uint32_t poison_value;
};

/* In `features` of the status: idle memory is reported. */
#define VMEM_BALLOON_PAGE_REPORTING ((uint64_t)1 << 5)

enum vmem_balloon_state {
    VMEM_BALLOON_RUNNING,
    VMEM_BALLOON_QUIESCED, /* reset by vmem_balloon_quiesce() */
    VMEM_BALLOON_BROKEN,   /* given up; the reason is in the status */
};

struct vmem_balloon_status {
    const char *name;
    enum vmem_balloon_state state;
    uint64_t target_bytes;   /* that the host wants in the balloon */
    uint64_t held_bytes;     /* that the device has acknowledged */
    bool is_short;           /* take() gave too little for the target: tried again every second */
    uint64_t inflated_pages; /* of 4 KiB, since attach */
    uint64_t deflated_pages;
    uint64_t reported_pages;     /* as idle */
    uint64_t hinted_pages;       /* that a migration need not send */
    bool is_drained;             /* vmem_balloon_reclaim() took from it: until the next target */
    uint64_t features;           /* negotiated */
    enum vmem_irq_mode irq_mode; /* in use */
    const char *transport;       /* "virtio-pci" */
    const char *location;        /* "pci 0000:00:05.0" */
    const char *broken_reason;   /* in state BROKEN; else NULL */
};

/*
 * Take over a device that a transport found: negotiate, set up the queues, DRIVER_OK; the balloon
 * is empty. On an error its reason was logged, the device is reset and nothing is kept; the
 * transport's device is the caller's in any case. VMEM_E_UNSUPPORTED if the device lacks
 * VERSION_1, VMEM_E_NOMEM, VMEM_E_NODEV, VMEM_E_TIMEOUT.
 * virtio 1.4, "Traditional Memory Balloon Device: Device Initialization".
 */
int vmem_balloon_attach(struct vmem_virtio *virtio, const struct vmem_balloon_options *options,
                        struct vmem_balloon **attached);

/*
 * Let go of the device: it is reset, so that its balloon is no more, and every page is given back.
 * Waits for the reset, at most a second. If the device does not reset, it may still write to what
 * it was told last: then these pages, and the rings, are lost.
 */
void vmem_balloon_detach(struct vmem_balloon *balloon);

/*
 * Work until there is nothing to do now. Call it after vmem_host_wake(), and at the time that it
 * returned (of vmem_host_now_ms(), or VMEM_BALLOON_NEVER). That time is now_ms while a long change
 * goes on: a call sends at most 64 MiB. Cheap when there is nothing to do.
 */
uint64_t vmem_balloon_service(struct vmem_balloon *balloon, uint64_t now_ms);

/*
 * An allocation finds no memory: give back idle memory that was on its way to the device, or so
 * many bytes, or a run more, from the balloon, where the host allows it by DEFLATE_ON_OOM.
 * VMEM_OK: some came back in this call. VMEM_E_AGAIN: the device has not acknowledged what it has
 * (before that no page may be used, but one out of the balloon where MUST_TELL_HOST was not
 * negotiated); call again, or vmem_balloon_service(). VMEM_E_NOMEM: there is none. A balloon that
 * pages were taken out of is not filled again before the host changes its target. Not from within
 * a memory operation.
 */
int vmem_balloon_reclaim(struct vmem_balloon *balloon, uint64_t bytes);

/*
 * Memory in [base, base + bytes) is to go away, as for virtio-mem, and pages in the balloon keep
 * it: give back max_bytes of them, or a run more, at most 16 MiB, though the target is not reached.
 * They come back in this call, or in a later vmem_balloon_service(), which is due. Nothing while an
 * earlier deflation is on its way. take() must not take from there meanwhile.
 */
void vmem_balloon_vacate(struct vmem_balloon *balloon, uint64_t base, uint64_t bytes,
                         uint64_t max_bytes);

/* There may be idle memory that the host was not told of: the next vmem_balloon_service(), which is
 * due, reports it, 128 MiB at a time. Nothing without PAGE_REPORTING. */
void vmem_balloon_report_idle(struct vmem_balloon *balloon);

/*
 * Reset the device for whoever finds it next, and give every page back. VMEM_E_TIMEOUT,
 * VMEM_E_NODEV if it does not reset. Until vmem_balloon_resume() the driver leaves it alone.
 */
int vmem_balloon_quiesce(struct vmem_balloon *balloon);

/* The machine has slept, or vmem_balloon_quiesce() was called: the device was reset. Give back
 * what is still held, and start it again with an empty balloon, which follows the target anew. */
void vmem_balloon_resume(struct vmem_balloon *balloon);

/* The device is gone (pulled out): every page is given back. State BROKEN. */
void vmem_balloon_gone(struct vmem_balloon *balloon, const char *reason);

void vmem_balloon_get_status(const struct vmem_balloon *balloon,
                             struct vmem_balloon_status *status);

/* The name of a feature bit of a balloon device, or NULL. */
const char *vmem_balloon_feature_name(unsigned bit);

#ifdef __cplusplus
}
#endif

#endif
