/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the virtio-mem driver share, and nobody else sees. A file calls only files
 * that stand above it here:
 *
 * config.c block_map.c plan.c request.c   pure: no state of the device's
 * state.c     the states and their transitions, waiting, sending
 * online.c    blocks to the allocator and back
 * report.c    the lines that people see
 * status.c    what a kernel can ask about a device
 * probe.c     asking by STATE what blocks are
 * bring_up.c  from reset to a queue that can be used, and again after an error
 * migrate.c   moving pages out of blocks that are to go
 * track.c     following the requested size: plan, and send
 * reply.c     what each kind of answer means
 * machine.c   events in, one look at a time: vmem_service()
 * attach.c    the beginning and the end
 *
 * Invariant: a block is online in the block map if and only if the allocator has it. While a
 * request that names a block is in flight, or its outcome is unknown, the block is in doubt: the
 * allocator does not have it, and no other request names it, but one that asks what it is.
 */
#ifndef VMEM_MEM_DEVICE_H
#define VMEM_MEM_DEVICE_H

#include "../core/virtio.h"
#include "../include/vmem/vmem.h"
#include "block_map.h"
#include "config.h"
#include "plan.h"
#include "request.h"

#define VMEM_NAME_BYTES 16

/* Enough for memory->describe_pinned(). */
#define VMEM_PINNED_BYTES 256

/* The device is looked at this often, whatever interrupts say: one that got lost costs a second or
 * three, not a resize. */
#define VMEM_SLOW_MS 1000
#define VMEM_REST_MS 3000 /* when nothing is waited for, and the last look found nothing new */

/* How often to look when nothing but looking tells (no interrupt), or a service call ran long. */
#define VMEM_POLL_MS 10

/* After BUSY: the first wait, doubled each time up to the last. */
#define VMEM_BACKOFF_FIRST_MS 10
#define VMEM_BACKOFF_LAST_MS  2560

/* What one service call may do, so that the kernel is not kept from others: look at so many runs.
 * A request counts as some, and each 256 MiB of what it names as one, as its pages are mapped. */
#define VMEM_BUDGET         512
#define VMEM_REQUEST_RUNS   16
#define VMEM_BYTES_OF_A_RUN ((uint64_t)256 << 20)

/* What happened: the cause of a transition. */
enum vmem_event {
    VMEM_EVENT_CONFIG = 1 << 0,  /* the config was read */
    VMEM_EVENT_REPLY = 1 << 1,   /* a request was answered */
    VMEM_EVENT_TIME = 1 << 2,    /* an answer is overdue */
    VMEM_EVENT_MEMORY = 1 << 3,  /* the allocator: too few idle blocks, pages moved, no memory */
    VMEM_EVENT_DEVICE = 1 << 4,  /* the device asks for a reset, or is gone */
    VMEM_EVENT_VERIFY = 1 << 5,  /* vmem_verify() */
    VMEM_EVENT_DETACH = 1 << 6,  /* vmem_detach() */
    VMEM_EVENT_QUIESCE = 1 << 7, /* vmem_quiesce() */
    VMEM_EVENT_RESUME = 1 << 8,  /* vmem_resume() */
};

/*
 * How much of the config a look reads: from one field to the end. Each 32 bits are an exit of the
 * virtual machine, so only what is new is read. What is not read must be safe not to know, for the
 * device is untrusted:
 *
 * usable_region_size  is at least the requested size ("Memory Device: Device configuration
 *                     layout"), so that much is taken for usable. A request beyond what is usable
 *                     is answered with ERROR, and nothing was done.
 * plugged_size        is what the acknowledged requests make it. The block map alone says which
 *                     memory the kernel may touch; a device that acknowledges what it does not do
 *                     could as well take the memory away later.
 * fixed fields        are compared at each start of the device; their first values are used.
 *
 * All sizes are read where somebody reads the settled line, where an answer was not ACK, after
 * UNPLUG ALL, before several holes are filled, and once within VMEM_SLOW_MS of a resize.
 */
enum vmem_look {
    VMEM_LOOK_NONE,
    VMEM_LOOK_REQUESTED, /* requested_size */
    VMEM_LOOK_SIZES,     /* usable_region_size, plugged_size, requested_size, and the status */
    VMEM_LOOK_ALL,       /* what must not change as well */
};

/* When to do what, and how far to look before. */
struct vmem_due {
    uint64_t step_ms;        /* nothing is to be done before this, but for an event */
    uint64_t slow_ms;        /* then the device is looked at whatever it has said */
    uint64_t poll_ms;        /* without interrupts: then it is asked for events */
    enum vmem_look look;     /* before the next step */
    bool is_usable_derived;  /* config.usable_bytes: there may be more */
    bool is_plugged_derived; /* config.plugged_bytes: from answers */
};

/* When the next request may be sent, and why not before; state.c's. */
struct vmem_wait {
    uint64_t until_ms;
    uint64_t backoff_ms; /* the last wait for the device; 0 after progress */
    uint64_t plug_limit; /* how many blocks a PLUG may name since one was BUSY; 0: any number */
    bool was_nacked;     /* since the last look */
    enum vmem_wait_reason reason;
};

/* Asking by STATE, one run after the other; probe.c's. */
struct vmem_probe {
    bool is_wanted;        /* vmem_verify() was called */
    bool is_for_user;      /* report the result whatever it is */
    bool compares;         /* ask about all blocks; else about those in doubt */
    uint64_t next;         /* the first block not yet asked about */
    uint64_t limit;        /* how many blocks the next request may name */
    uint64_t nr_requests;  /* that compared */
    uint64_t nr_corrected; /* blocks that were not as in the block map */
};

/* Moving pages out of blocks: this session, and what came of the last one; migrate.c's. */
struct vmem_migrate {
    uint64_t nr_empty; /* blocks emptied, and not yet taken offline */
    unsigned nr_runs;  /* in how many runs they lie */
    uint64_t lowest;   /* the address of the last one */
    bool has_chosen;   /* a block was emptied, or an owner refused: there was one to choose */
    bool is_tried;     /* the next try for target_bytes moves no page again */
    uint64_t target_bytes;
    bool is_short;                 /* nothing more could be chosen, */
    enum vmem_wait_reason trouble; /* for this reason; */
    uint64_t retry_at_ms;          /* no other try before */
    uint64_t wait_ms;              /* the last wait; 0 after progress */
    bool was_freed;                /* pages were freed since */
};

/* How often in a row something went wrong, before the next harsher measure. */
struct vmem_strikes {
    unsigned errors;      /* ERROR answers, then a reset */
    unsigned resets;      /* then the device is broken */
    uint64_t reset_at_ms; /* the last */
    unsigned unsteady;    /* config snapshots that did not hold still, then broken */
    unsigned mismatches;  /* of plugged_size and the block map */
    unsigned false_sizes; /* mismatches since the plan last had nothing to do, then broken */
};

/* What was said of which requested size, and the counters; report.c's. */
struct vmem_report {
    bool has_settled;       /* at settled_bytes, at least once */
    bool is_short_reported; /* a warning was given for short_bytes */
    uint64_t settled_bytes;
    uint64_t short_bytes;
    uint64_t requests_since;  /* sent since the last settled line */
    uint64_t changes_since;   /* of them, those that change blocks */
    struct vmem_status count; /* the counters of it; vmem_get_status() fills in the rest */
};

struct vmem_device {
    struct vmem_virtio *virtio;
    struct vmem_options options;
    char name[VMEM_NAME_BYTES];            /* options.name points here */
    uint16_t node_id;                      /* of the region, as the allocator has it */
    struct virtio_mem_config_abi snapshot; /* of the config space, as it was read last */
    struct vmem_config config;             /* the last valid one, with what is known since */
    struct vmem_block_map map;
    struct vmem_requests requests;
    enum vmem_state state; /* written by vmem_enter() alone */
    uint64_t target_bytes; /* what is to be plugged: the requested size, at most
                         options.memory_limit; zero while detaching */
    bool is_detaching;
    bool is_ready;
    bool is_memory_freed; /* vmem_memory_freed() was called; any context sets it */
    struct vmem_due due;
    struct vmem_planner planner;
    struct vmem_wait wait;
    struct vmem_probe probe;
    struct vmem_migrate migrate;
    struct vmem_strikes strikes;
    struct vmem_report report;
};

static inline uint64_t vmem_online_bytes(const struct vmem_device *vmem)
{
    return vmem->map.nr_online * vmem->config.block_bytes;
}

static inline uint64_t vmem_block_address(const struct vmem_device *vmem, uint64_t block)
{
    return vmem->config.region_base + block * vmem->config.block_bytes;
}

static inline uint64_t vmem_run_bytes(const struct vmem_device *vmem, struct vmem_run run)
{
    return run.nr_blocks * vmem->config.block_bytes;
}

static inline uint64_t vmem_usable_blocks(const struct vmem_device *vmem)
{
    return vmem->config.usable_bytes / vmem->config.block_bytes;
}

/* How many blocks one request may name, so that its pages can be mapped in one call. */
static inline uint64_t vmem_run_limit(const struct vmem_device *vmem)
{
    uint64_t of_budget = VMEM_BUDGET * VMEM_BYTES_OF_A_RUN / vmem->config.block_bytes;
    return vmem_min(vmem_max(of_budget, 1), VIRTIO_MEM_NB_BLOCKS_MAX);
}

/* A request for the run, or its answer, is worked on: that counts in this call's budget. */
static inline void vmem_spend(struct vmem_device *vmem, struct vmem_run run)
{
    uint64_t spent = VMEM_REQUEST_RUNS + vmem_run_bytes(vmem, run) / VMEM_BYTES_OF_A_RUN;
    vmem->planner.budget -= vmem_min(vmem->planner.budget, spent);
}

/* TRACKING, or MIGRATING: nothing is in doubt. */
static inline bool vmem_is_tracking(const struct vmem_device *vmem)
{
    return vmem->state == VMEM_STATE_TRACKING || vmem->state == VMEM_STATE_MIGRATING;
}

/* The next step begins with a look at so much of the config, or more. */
static inline void vmem_want_look(struct vmem_device *vmem, enum vmem_look look)
{
    if (look > vmem->due.look)
        vmem->due.look = look;
}

/* ---- state.c ---- */

/* Whether the table has this transition. */
bool vmem_state_allows(enum vmem_state from, enum vmem_event event, enum vmem_state to);

/* Go to a state, and do what leaving the present one means. The transition must be in the table. */
void vmem_enter(struct vmem_device *vmem, enum vmem_state state, enum vmem_event event);

/* If the device broke, in whatever was done last: go to BROKEN. */
void vmem_notice_broken(struct vmem_device *vmem, enum vmem_event event);

/* Send no request for a while, longer each time. A migration ends. */
void vmem_back_off(struct vmem_device *vmem, uint64_t now_ms, enum vmem_wait_reason reason,
                   enum vmem_event event);

/* The allocator has no memory: plug and unplug nothing for a second. */
void vmem_wait_for_memory(struct vmem_device *vmem, uint64_t now_ms, enum vmem_wait_reason reason);

/* Whether requests of this state must wait: probing does not wait for the allocator. */
bool vmem_must_wait(const struct vmem_device *vmem, uint64_t now_ms);

/* Queue a request, not yet visible to the device. False without room, or if the device broke. */
bool vmem_send(struct vmem_device *vmem, const struct vmem_request *request, uint64_t now_ms);

/* Show the device what was queued. */
void vmem_publish(struct vmem_device *vmem);

/* ---- online.c ---- */

/* Give a run in doubt, which is plugged, to the allocator. False if it cannot take it: the blocks
 * stay in doubt, and the allocator is waited for. */
bool vmem_bring_online(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms);

/*
 * Take an online run from the allocator, to be in doubt: nothing can allocate or touch it any more.
 * VMEM_E_BUSY if pages there are in use by now; else the allocator is waited for.
 */
VMEM_MUST_CHECK int vmem_take_offline(struct vmem_device *vmem, struct vmem_run run,
                                      uint64_t now_ms);

/* Take the highest run of emptied blocks offline, at most max_blocks. VMEM_E_NODEV if there is
 * none, and as vmem_take_offline(). */
VMEM_MUST_CHECK int vmem_take_emptied(struct vmem_device *vmem, uint64_t max_blocks,
                                      struct vmem_run *run, uint64_t now_ms);

/* The first longest run of online blocks without a page in use, in block numbers. */
bool vmem_next_idle(void *vmem_device, uint64_t from, uint64_t to, struct vmem_run *idle);

/* Bring all blocks in doubt online; they are plugged for certain. */
void vmem_put_all_back(struct vmem_device *vmem, uint64_t now_ms);

/* ---- report.c ---- */

/* Whether pages in use are what is waited for. */
static inline bool vmem_is_short_of_idle(const struct vmem_device *vmem)
{
    return vmem->wait.reason == VMEM_WAIT_PAGES_IN_USE ||
           vmem->wait.reason == VMEM_WAIT_MIGRATION_REFUSED ||
           vmem->wait.reason == VMEM_WAIT_MIGRATION_ROOM;
}

/* The plan has nothing to do: say so, once for each resize. */
void vmem_report_settled(struct vmem_device *vmem);

/* The plan cannot go on, for vmem->wait.reason: say so, once for each resize. */
void vmem_report_short(struct vmem_device *vmem, uint64_t nr_blocks);

/* ---- probe.c ---- */

/* Ask about the blocks in doubt, or compare all: go to PROBING. */
void vmem_probe_doubt(struct vmem_device *vmem, enum vmem_event event);
void vmem_probe_all(struct vmem_device *vmem, bool is_for_user, enum vmem_event event);

/* Ask the next question, or end. True if there is more to do at once: an answer to take, or a plan
 * to make. */
bool vmem_probe_next(struct vmem_device *vmem, uint64_t now_ms);
void vmem_probe_reply(struct vmem_device *vmem, const struct vmem_reply *reply, uint64_t now_ms);

/* ---- bring_up.c ---- */

/* From reset to a queue that can be used, DRIVER_OK not set. The reason of a failure is logged. */
VMEM_MUST_CHECK int vmem_bring_up(struct vmem_device *vmem);

/* Reset the device and start it again, blocks as they are. False if it broke by that. */
bool vmem_restart(struct vmem_device *vmem);

/* Because of an error: restart, and find out what blocks in doubt are; or break the device, when
 * that did not help before. */
void vmem_recover(struct vmem_device *vmem, uint64_t now_ms, enum vmem_event event,
                  const char *why);

/* ---- migrate.c ---- */

/*
 * There are too few idle blocks: take one step towards emptying others. VMEM_OK: there is more to
 * do, in the next call, or requests were sent; VMEM_E_NODEV: no step can be taken now, and
 * migrate.trouble says why; else as vmem_take_offline().
 */
int vmem_migrate_step(struct vmem_device *vmem, uint64_t now_ms);

/* How many bytes are emptied and about to be unplugged: the plan adds them to the target, so that
 * it does not choose others for them. Ends a session that the host no longer wants. */
uint64_t vmem_migrated_bytes(struct vmem_device *vmem);

/* Whether pages that were freed are worth a look now. */
bool vmem_migrate_is_freed(struct vmem_device *vmem, uint64_t now_ms);

/* ---- track.c ---- */

/* Send what the plan says, as many requests as there is room for. True if there is more to do at
 * once. */
bool vmem_track(struct vmem_device *vmem, uint64_t now_ms);

/* ---- reply.c ---- */

/* Take the answers that are there, and act on each. */
void vmem_take_replies(struct vmem_device *vmem, uint64_t now_ms);

#endif
