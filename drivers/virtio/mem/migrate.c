/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving pages out of blocks, when the host wants more back than is idle.
 *
 *     plan finds too few idle blocks -> begin: mm chooses and closes blocks
 *       -> a step a call: at most one area of 2 MiB is emptied, then the
 *          config is looked at again, and everyone else has a turn
 *       -> enough, or many runs: take what is empty offline, one UNPLUG a run
 *       -> nothing left to move: choose others, or stay short and say why
 *
 * A session lasts only while the device follows: anything but progress (BUSY, a
 * reset, verify, the end of the device) opens what is closed, and a later
 * try begins anew. Emptied blocks stay online in the book until they are
 * named in a request, so that a host that changes its mind loses nothing.
 */
#include "drivers/virtio/mem/device.h"
#include "include/status.h"
#include "include/units.h"

void vmem_evacuate_end(struct vmem_device *vmem)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    hotplug_evacuate_end(&evacuation->session);
    evacuation->is_running = false;
    evacuation->nr_empty = 0;
    evacuation->nr_runs = 0;
}

/* Blocks online above what is requested. */
static u64 excess_blocks(const struct vmem_device *vmem)
{
    u64 requested = vmem->config.requested_bytes / vmem->config.block_bytes;
    return vmem->blocks.nr_online > requested ? vmem->blocks.nr_online - requested : 0;
}

u64 vmem_evacuated_bytes(struct vmem_device *vmem)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    if (excess_blocks(vmem) == 0 || vmem->is_leaving) { /* the host wants the memory after all */
        vmem_evacuate_end(vmem);
        evacuation->is_tried = evacuation->is_short = false;
    }
    return min_u64(evacuation->nr_empty, excess_blocks(vmem)) * vmem->config.block_bytes;
}

/* ---- beginning and ending ---- */

static bool choose(struct vmem_device *vmem, enum hotplug_try attempt)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    if (!evacuation->is_tried || evacuation->requested_bytes != vmem->config.requested_bytes)
        attempt = HOTPLUG_FIRST_TRY;
    evacuation->is_tried = true;
    evacuation->requested_bytes = vmem->config.requested_bytes;
    evacuation->nr_empty = evacuation->nr_runs = 0;
    evacuation->is_running =
        hotplug_evacuate_begin(&evacuation->session, vmem->config.region_base,
                               vmem_block_paddr(vmem, vmem_usable_blocks(vmem)),
                               excess_blocks(vmem), attempt) != 0;
    return evacuation->is_running;
}

/* Nothing more can be chosen: say why, and when to try again. */
static void fall_short(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    struct hotplug_pinned pinned;
    vmem_evacuate_end(vmem);
    vmem_count_pinned(vmem, &pinned);
    if (pinned.nr_refused != 0)
        evacuation->trouble = E_BUSY;
    else
        evacuation->trouble = pinned.nr_movable != 0 ? E_NOMEM : OK;
    evacuation->is_short = true;
    evacuation->used_when_tried = vmem_plugged_frames_used();
    evacuation->wait_ms = evacuation->wait_ms == 0
                              ? VMEM_BACKOFF_FIRST_MS
                              : min_u64(evacuation->wait_ms * 2, VMEM_BACKOFF_LAST_MS);
    evacuation->retry_at_ms = now_ms + evacuation->wait_ms;
}

/*
 * For a new wish of the host at once. Else after a while, longer each time, if frames
 * were freed or used meanwhile, or if what was in the way may pass without that.
 */
static bool is_due(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    if (!evacuation->is_short || evacuation->requested_bytes != vmem->config.requested_bytes) {
        evacuation->is_short = false;
        evacuation->wait_ms = 0;
        return true;
    }
    return now_ms >= evacuation->retry_at_ms &&
           (evacuation->trouble != OK || evacuation->used_when_tried != vmem_plugged_frames_used());
}

/* ---- a step ---- */

/* E_NODEV if nothing is left to move, E_NOMEM if there is no room; else OK. */
static int move_some(struct vmem_device *vmem)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    struct hotplug_range range;
    int status = hotplug_evacuate_step(&evacuation->session, &range);
    if (status == E_NODEV || status == E_NOMEM)
        return status;
    if (status == E_BUSY)
        vmem->count.refusals++;
    if (status != OK)
        return OK;
    if (evacuation->nr_empty == 0 || range.base + range.bytes != evacuation->lowest)
        evacuation->nr_runs++;
    evacuation->lowest = range.base;
    evacuation->nr_empty += range.bytes / vmem->config.block_bytes;
    vmem->count.emptied_blocks += range.bytes / vmem->config.block_bytes;
    return OK;
}

/* Unplug what is empty, the highest runs first: as many as there is room for in the queue. */
static bool send_empty(struct vmem_device *vmem, u64 nr_blocks, u64 now_ms)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    struct vmem_run run;
    unsigned nr_sent = 0;
    while (nr_sent < VMEM_REQUESTS_MAX && nr_blocks > 0 &&
           vmem_take_emptied(vmem, nr_blocks, &run, now_ms)) {
        if (!vmem_send(vmem, VIRTIO_MEM_REQ_UNPLUG, run, now_ms)) {
            (void)vmem_bring_online(vmem, run, now_ms);
            break;
        }
        nr_sent++;
        nr_blocks -= run.nr_blocks;
        evacuation->nr_empty -= min_u64(run.nr_blocks, evacuation->nr_empty);
        evacuation->nr_runs -= evacuation->nr_runs > 1;
    }
    if (nr_sent != 0)
        evacuation->wait_ms = 0;
    return nr_sent != 0;
}

bool vmem_evacuate(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_evacuation *evacuation = &vmem->evacuation;
    u64 nr_wanted = excess_blocks(vmem);
    if (nr_wanted == 0 || vmem->is_leaving)
        return false;
    if (!evacuation->is_running) {
        if (!is_due(vmem, now_ms))
            return false;
        if (!choose(vmem, HOTPLUG_NEXT_TRY)) {
            fall_short(vmem, now_ms);
            return false;
        }
    }
    int status = OK;
    if (evacuation->nr_empty < nr_wanted && evacuation->nr_runs <= VMEM_REQUESTS_MAX)
        status = move_some(vmem);
    if (status == OK && evacuation->nr_empty < nr_wanted &&
        evacuation->nr_runs <= VMEM_REQUESTS_MAX)
        return true;
    if (send_empty(vmem, nr_wanted, now_ms) || vmem->refused_by_mm || vmem->has_lost_race)
        return true;
    if (evacuation->nr_empty != 0) { /* parts of areas: opened, they are idle as any other block */
        vmem_evacuate_end(vmem);
        return true;
    }
    /* Without room for one page the next blocks fare no better: wait for some. */
    if (status != E_NOMEM && choose(vmem, HOTPLUG_GO_ON))
        return true;
    fall_short(vmem, now_ms);
    return false;
}
