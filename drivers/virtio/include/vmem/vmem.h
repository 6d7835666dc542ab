/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver: keeps what is plugged at what the host requests.
 *
 * A machine without a thread: vmem_service() does what can be done now and says when it wants to be
 * called again. Nothing in it waits. Calls for one device must not overlap, and none may come from
 * an interrupt, unless a function says so; calls for different devices may overlap.
 */
#ifndef VMEM_VMEM_H
#define VMEM_VMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "memory.h"
#include "transport.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMEM_VERSION "1.3.0"

struct vmem_device;

/* What vmem_service() returns when only an event can bring work. */
#define VMEM_NEVER (~(uint64_t)0)

/* What to do with blocks that are plugged when the driver starts. */
enum vmem_init {
    VMEM_INIT_UNPLUG_ALL, /* give them back, as the specification advises */
    VMEM_INIT_STATE,      /* find them by STATE requests and go on using them */
};

/* Where the machine is; the diagram stands at the head of mem/state.c. */
enum vmem_state {
    VMEM_STATE_STARTING,  /* attached; the config was not yet read after DRIVER_OK */
    VMEM_STATE_RELEASING, /* giving back what an earlier driver left plugged: UNPLUG ALL */
    VMEM_STATE_PROBING,   /* asking by STATE what blocks in doubt are */
    VMEM_STATE_TRACKING,  /* following the requested size */
    VMEM_STATE_MIGRATING, /* the same, while pages are moved out of blocks */
    VMEM_STATE_QUIESCED,  /* reset by vmem_quiesce() */
    VMEM_STATE_BROKEN,    /* given up; the reason is in the status */
    VMEM_NR_STATES,
};

/* What the driver waits for. vmem_wait_text() has the words. */
enum vmem_wait_reason {
    VMEM_WAIT_NONE,              /* for nothing, or only for the answer to a request */
    VMEM_WAIT_DEVICE_BUSY,       /* the device answered BUSY */
    VMEM_WAIT_HOST_MEMORY,       /* the same, to a request to plug a single block */
    VMEM_WAIT_DEVICE_NACK,       /* the device refuses what its own config asks for */
    VMEM_WAIT_DEVICE_ERROR,      /* the device answered ERROR */
    VMEM_WAIT_DEVICE_RESET,      /* the device was just reset */
    VMEM_WAIT_CONFIG_UNSTEADY,   /* the config space does not hold still */
    VMEM_WAIT_ONLINE_MEMORY,     /* online() had no memory */
    VMEM_WAIT_OFFLINE_MEMORY,    /* offline() had no memory */
    VMEM_WAIT_ROOM,              /* room() is less than the host requests */
    VMEM_WAIT_MEMORY_LIMIT,      /* the host requests more than options.memory_limit */
    VMEM_WAIT_USABLE_REGION,     /* no unplugged block is left in the usable region */
    VMEM_WAIT_PAGES_IN_USE,      /* pages that cannot be moved keep blocks plugged */
    VMEM_WAIT_MIGRATION_REFUSED, /* an owner does not let its pages be moved */
    VMEM_WAIT_MIGRATION_ROOM,    /* no free page is left to move pages to */
    VMEM_NR_WAIT_REASONS,
};

/* For each device, read at vmem_attach(). */
struct vmem_options {
    const char *name; /* "vmem0", at most 15 characters; copied */
    enum vmem_init init;
    enum vmem_irq_mode irq_mode;
    uint64_t features_masked; /* feature bits that are never accepted, for experiments */
    uint64_t memory_limit;    /* never plug more bytes than this; 0: no limit */
    uint64_t address_limit;   /* the first guest-physical address that the processor cannot reach */
    bool translates_device_addresses;     /* device addresses of DMA memory pass an IOMMU: then
                                             ACCESS_PLATFORM is accepted */
    const struct vmem_memory_ops *memory; /* kept, not copied */
    void *memory_context;
    void *wake_context; /* for vmem_host_wake() */
};

/* A valid snapshot of the device's config space; sizes in bytes. */
struct vmem_config {
    uint64_t block_bytes;
    uint64_t region_base;
    uint64_t region_bytes;
    uint64_t usable_bytes;
    uint64_t plugged_bytes;
    uint64_t requested_bytes;
    uint16_t node_id; /* 0 without ACPI_PXM */
};

/* Indices of the counters below. */
enum vmem_request_count {
    VMEM_COUNT_PLUG,
    VMEM_COUNT_UNPLUG,
    VMEM_COUNT_UNPLUG_ALL,
    VMEM_COUNT_STATE,
    VMEM_NR_REQUEST_COUNTS,
};
enum vmem_reply_count {
    VMEM_COUNT_ACK,
    VMEM_COUNT_NACK,
    VMEM_COUNT_BUSY,
    VMEM_COUNT_ERROR,
    VMEM_NR_REPLY_COUNTS,
};

struct vmem_status {
    const char *name; /* the device's, until vmem_detach() */
    enum vmem_state state;
    enum vmem_wait_reason wait;
    bool is_settled;           /* plugged is what the host requests, and was reported */
    bool is_ready;             /* the first plan has settled, or the driver waits for others */
    struct vmem_config config; /* the last valid snapshot */
    uint16_t node_id;   /* of the region: the device's word, or without ACPI_PXM the allocator's */
    uint64_t nr_blocks; /* in the region */
    uint64_t plugged_blocks;                   /* by the driver's own block map */
    uint64_t requests[VMEM_NR_REQUEST_COUNTS]; /* sent since attach */
    uint64_t replies[VMEM_NR_REPLY_COUNTS];    /* received */
    uint64_t timeouts;
    uint64_t resets;          /* after errors */
    uint64_t resizes;         /* settled */
    uint64_t migrated_blocks; /* emptied by moving pages */
    uint64_t migration_refusals;
    uint64_t interrupts;
    uint64_t features;           /* negotiated */
    enum vmem_irq_mode irq_mode; /* in use */
    const char *transport;       /* "virtio-pci" */
    const char *location;        /* "pci 0000:00:04.0" */
    const char *broken_reason;   /* in state BROKEN; else NULL */
};

/*
 * Take over a device that a transport found: negotiate, read and check the config, register the
 * region with the memory operations, DRIVER_OK. On an error its reason was logged, the device is
 * reset and nothing is kept; the transport's device is the caller's in any case.
 * virtio 1.4, "Device Initialization".
 */
int vmem_attach(struct vmem_virtio *virtio, const struct vmem_options *options,
                struct vmem_device **attached);

/*
 * Let go of the device: every block is taken offline and returned with UNPLUG ALL first.
 * VMEM_E_BUSY while pages of it are in use: it stays attached and follows the host as before.
 * VMEM_E_AGAIN while the device has not agreed yet: nothing is plugged any more; call again after
 * events until VMEM_OK. A broken device is let go without asking it.
 */
int vmem_detach(struct vmem_device *device);

/*
 * Work until there is nothing to do now. Call it after vmem_host_wake(), and at the time that it
 * returned (of vmem_host_now_ms(), or VMEM_NEVER). That time is now_ms while a long resize goes on:
 * a call has a budget, and moves 2 MiB of pages at most. Cheap when there is nothing to do.
 */
uint64_t vmem_service(struct vmem_device *device, uint64_t now_ms);

/* Pages of the region were freed: what was short of idle blocks may go on at the next
 * vmem_service(), which is due. Any context, at any time; sets a flag. */
void vmem_memory_freed(struct vmem_device *device);

/*
 * Compare the block map with the device, by STATE requests, in the calls of vmem_service() that
 * follow. The result is one line: "vmem0: verify blocks=N corrected=N requests=N". VMEM_E_BUSY if
 * blocks are being asked about already, VMEM_E_BROKEN if the device is.
 */
int vmem_verify(struct vmem_device *device);

/* What vmem_get_status() says in is_ready, without the rest. */
bool vmem_is_ready(const struct vmem_device *device);

/* Whether the guest may suspend to RAM: not without PERSISTENT_SUSPEND, for then the device may
 * take plugged memory away (virtio 1.4, "Memory Device: Device Operation"). */
bool vmem_allows_suspend(const struct vmem_device *device);

/*
 * Reset the device, with every block as it is: it writes to no memory and does not interrupt any
 * more, for whoever finds it next. VMEM_E_TIMEOUT, VMEM_E_NODEV if it does not reset. Until
 * vmem_resume() the driver leaves it alone, and vmem_service() returns VMEM_NEVER.
 */
int vmem_quiesce(struct vmem_device *device);

/* The machine has slept, or vmem_quiesce() was called: the device was reset, but kept what is
 * plugged. Start it again; blocks in doubt are asked about by STATE. */
void vmem_resume(struct vmem_device *device, uint64_t now_ms);

/* The device is gone (pulled out): nothing of it is used any more. State BROKEN. */
void vmem_gone(struct vmem_device *device, const char *reason);

void vmem_get_status(const struct vmem_device *device, struct vmem_status *status);

/* For a person: "tracking", "the device is busy". */
const char *vmem_state_name(enum vmem_state state);
const char *vmem_wait_text(enum vmem_wait_reason reason);

/* The words of memory->describe_pinned() while pages in use keep blocks plugged; else empty. */
void vmem_describe_pinned(const struct vmem_device *device, char *text, size_t text_bytes);

/* If the address lies in the region, write what a person needs to know of it ("vmem0 block 17 at
 * 0x..., unplugged") and return true. Any context. */
bool vmem_describe_address(const struct vmem_device *device, uint64_t address, char *text,
                           size_t text_bytes);

/* Whether a block is plugged and in use by the allocator; its index is below nr_blocks. */
bool vmem_block_is_plugged(const struct vmem_device *device, uint64_t block);

/* The name of a feature bit of a virtio-mem device, or NULL. */
const char *vmem_feature_name(unsigned bit);

#ifdef __cplusplus
}
#endif

#endif
