/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver: keeps what is plugged at what the host requests.
 *
 * A state machine without a thread: vmem_service() does what can be done now
 * and says when it wants to be called again. Nothing in it waits. One resize:
 * config snapshot -> plan -> (offline) -> one request -> reply -> block states
 * -> (online) -> plan again, until there is nothing left to do.
 */
#ifndef TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_H
#define TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_H

#include "drivers/virtio/core/virtio.h"
#include "drivers/virtio/mem/config.h"

struct vmem_device;

/* Enough for vmem_describe_pinned(). */
#define VMEM_PINNED_BYTES 256

/* What vmem_service() returns when only an event can bring work. */
#define VMEM_NEVER (~(u64)0)

enum vmem_phase {
    VMEM_PHASE_START,    /* giving back what an earlier life left plugged */
    VMEM_PHASE_SETTLED,  /* nothing to do until the host asks */
    VMEM_PHASE_WORKING,  /* a request is in flight, or the next one is due */
    VMEM_PHASE_WAITING,  /* the device said BUSY, or pages in use keep blocks: a retry is due */
    VMEM_PHASE_RECOVERY, /* reset after ERROR or silence, finding out what is plugged */
    VMEM_PHASE_BROKEN,   /* refused or given up; the reason is in the virtio_device */
};

struct vmem_status {
    enum vmem_phase phase;
    const char *waiting_for;   /* one clause for a person, "the device is busy"; NULL if nothing is
                                  waited for, or only the answer to a request */
    struct vmem_config config; /* the last valid snapshot */
    u32 node_id;        /* of the region: the device's word, or without ACPI_PXM firmware's */
    u64 nr_blocks;      /* in the region */
    u64 plugged_blocks; /* by the driver's own book */
    u64 requests[4];    /* sent since attach, by enum virtio_mem_request_type */
    u64 replies[4];     /* received, by enum virtio_mem_response_type */
    u64 timeouts;
    u64 resets;         /* recoveries */
    u64 resizes;        /* settled */
    u64 emptied_blocks; /* by moving the pages in them */
    u64 refusals;       /* of owners that did not let a page be moved */
};

/* What to do with blocks that are plugged when the driver starts. */
enum vmem_init {
    VMEM_INIT_UNPLUG_ALL, /* give them back, as the specification advises */
    VMEM_INIT_STATE,      /* find them by STATE requests and go on using the blocks */
};

/* The names of the device's own feature bits, for vmem_virtio_parse_features_masked(). */
extern const char *const vmem_feature_names[24];

/* For devices attached from now on. The default is VMEM_INIT_UNPLUG_ALL. */
void vmem_choose_init(enum vmem_init init);

/*
 * Take over a device that the transport found: negotiate, read and validate
 * the config, register the region, DRIVER_OK. name ("vmem0") is copied. On an
 * error the reason is logged, the device is left reset and nothing is held.
 */
must_check int vmem_attach(struct vmem_virtio *virtio, const char *name,
                           enum vmem_irq_mode irq_mode, struct vmem_device **attached);

/*
 * Let go of the device: every block is offlined and returned with UNPLUG ALL
 * first. E_BUSY while pages of it are in use: it stays attached and follows
 * the host as before. E_AGAIN while the device has not agreed yet: nothing is
 * plugged any more, call again after events until OK. A broken device is let
 * go without asking it; memory of it that is in use stays mapped (E_BUSY).
 */
must_check int vmem_detach(struct vmem_device *vmem);

/*
 * Work until there is nothing to do now. Call it after an event of the
 * device, when pages were freed, and at the time it returned (milliseconds
 * of platform_now_ms(), or VMEM_NEVER). That time is now_ms while pages are moved out of
 * blocks: a call moves 2 MiB at most. Cheap when there is nothing to do.
 */
u64 vmem_service(struct vmem_device *vmem, u64 now_ms);

/*
 * Compare the driver's book with the device, by STATE requests, in the calls
 * of vmem_service() that follow. The result is one line:
 * "vmem0: verify blocks=N corrected=N requests=N". E_BUSY if a comparison is
 * running, E_BROKEN if the device is.
 */
must_check int vmem_verify(struct vmem_device *vmem);

/*
 * Whether the guest may suspend to RAM: not without PERSISTENT_SUSPEND, for
 * then the device may take plugged memory away (virtio 1.4, "Memory Device:
 * Device Operation").
 */
bool vmem_allows_suspend(const struct vmem_device *vmem);

/*
 * The machine has slept, or vmem_quiesce() was called: the device was reset, but kept what is
 * plugged. Start it again; what was asked for at that time is found out by STATE. PCI must be as it
 * was.
 */
void vmem_resume(struct vmem_device *vmem, u64 now_ms);

/*
 * Reset the device, with every block as it is: it writes to no memory and does not interrupt any
 * more, for whoever finds it next. E_TIMEOUT, E_NODEV if it does not reset. Until vmem_resume()
 * the driver leaves it alone, and vmem_service() returns VMEM_NEVER. A device that broke is told,
 * and not waited for.
 */
must_check int vmem_quiesce(struct vmem_device *vmem);

/* Whether the first plan has settled, or never will (waiting for what only others can change,
 * broken). */
bool vmem_is_ready(const struct vmem_device *vmem);

void vmem_get_status(const struct vmem_device *vmem, struct vmem_status *status);

/*
 * What keeps blocks plugged, as a clause for a person and for tools; empty when nothing does:
 * "blocks user=12 metadata=0 refused=3 movable=0, refused by workload=3". O(region / 2
 * MiB).
 */
void vmem_describe_pinned(const struct vmem_device *vmem, char *text, size_t bytes);

/* The virtio device underneath, for its features, interrupt mode and broken_reason. */
const struct vmem_virtio *vmem_virtio(const struct vmem_device *vmem);

/*
 * If paddr lies in the region, write what a person needs to know of it
 * ("vmem0 block 17 at 0x..., unplugged") and return true. Any context.
 */
bool vmem_describe_address(const struct vmem_device *vmem, paddr_t paddr, char *text, size_t bytes);

/* Block states of one region, for drawing: true if plugged. Index below nr_blocks. */
bool vmem_block_plugged(const struct vmem_device *vmem, u64 block);

#endif
