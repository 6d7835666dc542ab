/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the virtio-mem driver share, and nobody else sees.
 *
 * virtio_mem.c          the state machine: look, plan, send
 * virtio_mem_reply.c    what each kind of answer means
 * virtio_mem_online.c   blocks to mm and back
 * virtio_mem_evacuate.c moving pages out of blocks that are to go
 * virtio_mem_start.c    attach, first start, detach
 * virtio_mem_recover.c  reset, and finding out by STATE what is plugged
 * virtio_mem_verify.c   comparing the book with the device by STATE
 * virtio_mem_status.c   the lines and figures that people see
 *
 * Invariant: a block is online in the book if and only if mm has it. While a
 * request that names a block is in flight, or its outcome is unknown, the
 * block is held: mm does not have it, and no other request names it.
 */
#ifndef TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_DEVICE_H
#define TIDE_DRIVERS_VIRTIO_MEM_VIRTIO_MEM_DEVICE_H

#include "drivers/virtio/mem/block_map.h"
#include "drivers/virtio/mem/plan.h"
#include "drivers/virtio/mem/request.h"
#include "drivers/virtio/mem/virtio_mem.h"
#include "mm/hotplug/hotplug.h"

#define VMEM_NAME_BYTES 16

/* The config is read again this often, whatever interrupts say: one that got lost costs a second,
 * not a resize. */
#define VMEM_SLOW_MS 1000

/* How often to look when nothing but looking tells (no interrupt), or a service call ran long. */
#define VMEM_POLL_MS 10

/* After BUSY: the first wait, doubled each time up to the last. */
#define VMEM_BACKOFF_FIRST_MS 10
#define VMEM_BACKOFF_LAST_MS  2560

/*
 * An answer may take so long, for each GiB that the request names a second
 * more: a host that allocates the memory first (QEMU's prealloc=on) does so before
 * it answers. Only then is the device taken for dead.
 */
#define VMEM_ANSWER_LIMIT_MS         60000
#define VMEM_ANSWER_LIMIT_PER_GIB_MS 1000

/* After BUSY to a PLUG, its part that is asked for next. From 65,535 blocks to one it takes eight
 * requests, so one block was asked for before the back-off is at its last. */
#define VMEM_PLUG_PART 4

/* How often in a row, without a block changing state between, before the next harsher measure. */
#define VMEM_ERRORS_MAX     3     /* ERROR answers, then a reset */
#define VMEM_RECOVERIES_MAX 3     /* resets, then the device is broken */
#define VMEM_CALM_MS        10000 /* so long after a reset, at rest, it counts as having helped */
#define VMEM_LIES_MAX       3 /* plugged sizes that were not what it acknowledged, then broken */
#define VMEM_UNSTEADY_MAX   8 /* config snapshots that did not hold still, then broken */

/* Rounds of one vmem_service() call: bounds what a device that never settles costs the rest. */
#define VMEM_ROUNDS_MAX 64

enum vmem_stage {
    VMEM_STAGE_FIRST_LOOK, /* DRIVER_OK is set, the config not yet read again */
    VMEM_STAGE_GIVE_BACK,  /* UNPLUG ALL until it is acknowledged */
    VMEM_STAGE_ADOPT,      /* asking by STATE what an earlier life left plugged */
    VMEM_STAGE_FOLLOW,     /* following the requested size */
};

/* A comparison of the book with the device. */
struct vmem_verify_pass {
    bool is_running;
    bool is_for_user; /* report the result whatever it is */
    u64 next;         /* the first block not yet asked about */
    u64 probe_blocks; /* how long the next request may be; 0: as long as can be */
    u64 nr_requests;
    u64 nr_corrected; /* blocks that were not as the book had them */
};

/* Moving pages out of blocks: the session, and what came of the last one. */
struct vmem_evacuation {
    struct hotplug_evacuation session;
    bool is_running;
    bool is_tried;       /* pages were moved for this resize, to requested_bytes */
    bool is_short;       /* nothing more could be chosen */
    u64 requested_bytes; /* the wish that it is for */
    u64 nr_empty;        /* blocks emptied, and not yet taken offline */
    unsigned nr_runs;    /* in how many runs they lie */
    paddr_t lowest;      /* the last one of them */
    int trouble;     /* why it fell short: E_BUSY, an owner refused; E_NOMEM, no room; OK, else */
    u64 retry_at_ms; /* no other try before */
    u64 wait_ms;     /* the last wait; 0 after progress */
    u64 used_when_tried; /* frames of plugged memory that were in use then */
};

struct vmem_device {
    struct vmem_virtio *virtio;
    char name[VMEM_NAME_BYTES];
    u32 node_id; /* that mm was told */
    enum vmem_irq_mode irq_wanted;
    enum vmem_init init;
    u64 memory_frames; /* of this struct */

    struct vmem_config config; /* the last valid snapshot */
    struct vmem_block_map blocks;
    struct vmem_requests requests;

    enum vmem_stage stage;
    bool is_leaving;    /* vmem_detach() was called: down to nothing, and stay there */
    bool is_recovering; /* reset, and not all held blocks resolved yet */
    bool is_ready;
    u64 work_at_ms;  /* no look at the device before this, but for an event */
    u64 retry_at_ms; /* no request before this */
    u64 backoff_ms;  /* the last wait; 0 after progress */
    u64 plug_limit;  /* how many blocks a PLUG may name since one was answered BUSY; 0: as many as
                        can be */
    const char *waiting_for;

    bool is_quiesced;          /* reset by vmem_quiesce(): nothing happens until vmem_resume() */
    bool was_nacked;           /* since the last look */
    bool has_lost_race;        /* a page was allocated where the plan saw none: plan again */
    const char *refused_by_mm; /* what mm could not do, for a person; until retry_mm_ms. Or NULL */
    u64 retry_mm_ms;
    bool is_short_of_room; /* boot RAM limits how much more may be plugged */
    bool is_short_of_idle; /* the plan would unplug, and found no idle block */
    u64 used_when_short;   /* frames of plugged memory that were in use then */

    struct vmem_evacuation evacuation;

    unsigned nr_errors; /* in a row; see the limits above */
    unsigned nr_recoveries;
    u64 recovered_at_ms;
    unsigned nr_unsteady;

    u64 probe_blocks;       /* how long the next STATE request may be */
    unsigned nr_mismatches; /* in a row */
    unsigned nr_lies;       /* mismatches since the plan last had nothing to do */
    struct vmem_verify_pass verify;

    bool has_settled;         /* at settled_bytes, at least once */
    bool is_short_reported;   /* a warning was given for short_bytes */
    u64 settled_bytes;        /* requested size */
    u64 short_bytes;          /* requested size */
    u64 requests_since;       /* sent since the last settled line */
    u64 changes_since;        /* of them, those that change blocks */
    struct vmem_status count; /* the counters of it; vmem_get_status() fills in the rest */
};

static inline u64 vmem_online_bytes(const struct vmem_device *vmem)
{
    return vmem->blocks.nr_online * vmem->config.block_bytes;
}

static inline paddr_t vmem_block_paddr(const struct vmem_device *vmem, u64 block)
{
    return vmem->config.region_base + block * vmem->config.block_bytes;
}

static inline u64 vmem_usable_blocks(const struct vmem_device *vmem)
{
    return vmem->config.usable_bytes / vmem->config.block_bytes;
}

/* ---- virtio_mem.c ---- */

/* Queue a request, not yet visible to the device. False if there is no room, or the device broke.
 */
bool vmem_send(struct vmem_device *vmem, enum virtio_mem_request_type type, struct vmem_run run,
               u64 now_ms);

/* No request before a while, longer each time; why, for a person. */
void vmem_back_off(struct vmem_device *vmem, u64 now_ms, const char *why);

/* Frames in use in plugged memory: what is worth another try once it has changed. */
u64 vmem_plugged_frames_used(void);

/* ---- virtio_mem_online.c ---- */

/*
 * Give a held run, which is plugged, to mm. False if mm cannot take it: the
 * blocks stay held, and nothing more is plugged for a second.
 */
bool vmem_bring_online(struct vmem_device *vmem, struct vmem_run run, u64 now_ms);

/*
 * Lower the requested size to what mm can bring online now, so that nothing is plugged only to be
 * given back.
 */
void vmem_keep_to_room(struct vmem_device *vmem, struct vmem_config *target);

/* Take an online run from mm, to be held: nothing can allocate or touch it any more. False if mm
 * cannot (refused_by_mm), or if pages there are in use by now (has_lost_race). */
bool vmem_take_offline(struct vmem_device *vmem, struct vmem_run run, u64 now_ms);

/*
 * Take the highest run of emptied blocks offline, to be held; at most max_blocks.
 * False if there is none, and as vmem_take_offline().
 */
bool vmem_take_emptied(struct vmem_device *vmem, u64 max_blocks, struct vmem_run *run, u64 now_ms);

/* Bring all held blocks online; they are plugged for certain. */
void vmem_put_all_back(struct vmem_device *vmem, u64 now_ms);

/* ---- virtio_mem_evacuate.c ---- */

/*
 * There are too few idle blocks: take one step towards emptying others. True if
 * there is more to do, in this call if requests were sent, else in the next
 * one; false if no step can be taken now.
 */
bool vmem_evacuate(struct vmem_device *vmem, u64 now_ms);

/* What is empty and about to go, of which the plan need not take care. Ends a session that the host
 * no longer wants. */
u64 vmem_evacuated_bytes(struct vmem_device *vmem);

/* Open what is closed. Harmless without a session. */
void vmem_evacuate_end(struct vmem_device *vmem);

/* ---- virtio_mem_reply.c ---- */

/* Take the answers that are there, and act on each. */
void vmem_take_replies(struct vmem_device *vmem, u64 now_ms);

/* ---- virtio_mem_start.c ---- */

/* From reset to a queue that can be used, DRIVER_OK not set. The reason of a failure is logged. */
must_check int vmem_bring_up(struct vmem_device *vmem);

/* ---- virtio_mem_recover.c ---- */

/* Reset the device and start it again, blocks as they are; or break it, when that did not help. */
void vmem_recover(struct vmem_device *vmem, u64 now_ms, const char *why);

/* Ask about the first held blocks. True if something was sent or settled. */
bool vmem_resolve_next(struct vmem_device *vmem, u64 now_ms);
void vmem_resolve_reply(struct vmem_device *vmem, const struct vmem_reply *reply, u64 now_ms);

/* ---- virtio_mem_verify.c ---- */

/* Begin a pass, if none is running. */
void vmem_verify_start(struct vmem_device *vmem, bool is_for_user);

/* Ask about the next run, or end the pass. */
bool vmem_verify_next(struct vmem_device *vmem, u64 now_ms);
void vmem_verify_reply(struct vmem_device *vmem, const struct vmem_reply *reply, u64 now_ms);

/* plugged_size is not what the book says: compare (true); if that explained nothing, break. */
bool vmem_verify_mismatch(struct vmem_device *vmem);

/* ---- virtio_mem_status.c ---- */

/* The plan has nothing to do: say so, once for each resize. */
void vmem_report_settled(struct vmem_device *vmem);
void vmem_report_short(struct vmem_device *vmem, const struct vmem_plan *plan);

/* hotplug_count_pinned() for the region. */
void vmem_count_pinned(const struct vmem_device *vmem, struct hotplug_pinned *pinned);

#endif
