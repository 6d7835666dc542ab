/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TRACKING: what is plugged follows the target. One plan at a time is made and sent, as many
 * requests as there is room for; when there is nothing to send, pages are moved, or the host is
 * told that it is done, or the reason why not is known.
 */
#include "device.h"

#define CALM_MS 10000 /* so long after a reset, at rest, it counts as having helped */

/* ---- carrying out a plan: VMEM_OK: plan the next request; VMEM_E_AGAIN: no more now; else as
 *      vmem_take_offline() ---- */

/* After BUSY a part of the run, and no other request with it: the answer decides about the rest. */
static int send_plug(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms)
{
    if (vmem->wait.plug_limit != 0)
        run.nr_blocks = vmem_min(run.nr_blocks, vmem->wait.plug_limit);
    const struct vmem_request request = {VIRTIO_MEM_REQ_PLUG, VMEM_PURPOSE_TRACK, run};
    if (!vmem_send(vmem, &request, now_ms))
        return VMEM_E_AGAIN;
    vmem_map_set(&vmem->map, run, VMEM_BLOCK_IN_DOUBT);
    return vmem->wait.plug_limit == 0 ? VMEM_OK : VMEM_E_AGAIN;
}

/* virtio 1.4, "Memory Device: Device Operation": no unplug request for memory that is in use, so
 * the allocator lets go of it before the device hears of it (M11). */
static int send_unplug(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms)
{
    const struct vmem_request request = {VIRTIO_MEM_REQ_UNPLUG, VMEM_PURPOSE_TRACK, run};
    int status = vmem_take_offline(vmem, run, now_ms);
    if (status != VMEM_OK || vmem_send(vmem, &request, now_ms))
        return status;
    (void)vmem_bring_online(vmem, run, now_ms);
    return VMEM_E_AGAIN;
}

/* A step towards UNPLUG ALL: if the allocator does not let go of one run, none goes. */
static int gather(struct vmem_device *vmem, struct vmem_run run, uint64_t now_ms)
{
    int status = vmem_take_offline(vmem, run, now_ms);
    if (status != VMEM_OK) {
        vmem_plan_forget(&vmem->planner);
        vmem_put_all_back(vmem, now_ms);
    }
    return status;
}

static int send_unplug_all(struct vmem_device *vmem, uint64_t now_ms)
{
    const struct vmem_request request = {
        VIRTIO_MEM_REQ_UNPLUG_ALL, VMEM_PURPOSE_TRACK, {0, vmem->map.nr_blocks}};
    (void)vmem_send(vmem, &request, now_ms);
    return VMEM_E_AGAIN;
}

static int carry_out(struct vmem_device *vmem, const struct vmem_plan *plan, uint64_t now_ms)
{
    vmem_spend(vmem, plan->run);
    switch (plan->action) {
    case VMEM_ACTION_PLUG:
        return send_plug(vmem, plan->run, now_ms);
    case VMEM_ACTION_UNPLUG:
        return send_unplug(vmem, plan->run, now_ms);
    case VMEM_ACTION_OFFLINE:
        return gather(vmem, plan->run, now_ms);
    case VMEM_ACTION_UNPLUG_ALL:
        return send_unplug_all(vmem, now_ms);
    case VMEM_ACTION_SURVEY:
    case VMEM_ACTION_NOTHING:
        break;
    }
    return VMEM_E_AGAIN;
}

/* ---- deciding ---- */

/* What the plan is to reach: no more than the allocator can bring online now, so that nothing is
 * plugged only to be given back. What limits it, or VMEM_WAIT_NONE. */
static enum vmem_wait_reason choose_goal(struct vmem_device *vmem, struct vmem_goal *goal)
{
    const struct vmem_memory_ops *memory = vmem->options.memory;
    uint64_t online = vmem_online_bytes(vmem);
    uint64_t block_bytes = vmem->config.block_bytes;
    uint64_t bytes = vmem->target_bytes + vmem_migrated_bytes(vmem);
    enum vmem_wait_reason limited =
        vmem->target_bytes < vmem->config.requested_bytes && !vmem->is_detaching
            ? VMEM_WAIT_MEMORY_LIMIT
            : VMEM_WAIT_NONE;
    if (bytes > online && memory->room) {
        uint64_t room =
            memory->room(vmem->options.memory_context, vmem->config.region_base, bytes - online);
        room -= room % block_bytes;
        if (room < bytes - online) {
            bytes = online + room;
            limited = VMEM_WAIT_ROOM;
        }
    }
    *goal = (struct vmem_goal){
        .nr_blocks = bytes / block_bytes,
        .usable_blocks = vmem_min(vmem_usable_blocks(vmem), vmem->map.nr_blocks),
        .run_limit = vmem_run_limit(vmem),
        .is_for_good = vmem->is_detaching,
    };
    return limited;
}

/* Several holes are to be filled, and more of the usable region than is known may have a longer
 * run. Not between requests, which are to be published first. */
static bool needs_usable_size(const struct vmem_device *vmem)
{
    return vmem->due.is_usable_derived && vmem->requests.nr_in_flight == 0 && vmem->planner.grows &&
           vmem->planner.phase == VMEM_PLANNER_SWEEP;
}

/* The plan finds nothing to do now, or nothing that can be done. */
static void rest(struct vmem_device *vmem, const struct vmem_plan *plan,
                 enum vmem_wait_reason limited, uint64_t now_ms)
{
    struct vmem_strikes *strikes = &vmem->strikes;
    if (!vmem->due.is_plugged_derived)
        strikes->false_sizes = 0;
    if (now_ms - strikes->reset_at_ms >= CALM_MS)
        strikes->resets = strikes->errors = 0;
    vmem->due.step_ms = vmem->due.slow_ms;
    vmem->is_ready = true;
    uint64_t nr_short =
        (vmem->config.requested_bytes - vmem_online_bytes(vmem)) / vmem->config.block_bytes;
    if (vmem->is_detaching) {
        vmem->wait.reason = VMEM_WAIT_NONE;
        return;
    }
    switch (plan->shortfall) {
    case VMEM_SHORT_OF_NOTHING:
        vmem->wait.plug_limit = vmem->wait.backoff_ms = 0;
        vmem->wait.reason = limited;
        break;
    case VMEM_SHORT_OF_IDLE:
        vmem->wait.reason = vmem->migrate.is_short ? vmem->migrate.trouble : VMEM_WAIT_PAGES_IN_USE;
        nr_short = plan->short_blocks;
        if (vmem->wait.reason != VMEM_WAIT_PAGES_IN_USE)
            vmem->due.step_ms = vmem_min(vmem->due.step_ms, vmem->migrate.retry_at_ms);
        break;
    case VMEM_SHORT_OF_USABLE:
        vmem->wait.reason = limited == VMEM_WAIT_ROOM ? limited : VMEM_WAIT_USABLE_REGION;
        break;
    }
    if (vmem->wait.reason == VMEM_WAIT_NONE)
        vmem_report_settled(vmem);
    else
        vmem_report_short(vmem, nr_short);
}

/* The plan is out of date, or the allocator has no memory: a migration begins anew later. */
static void leave_migration(struct vmem_device *vmem)
{
    if (vmem->state == VMEM_STATE_MIGRATING)
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_MEMORY);
}

bool vmem_track(struct vmem_device *vmem, uint64_t now_ms)
{
    const struct vmem_idle_source idle = {vmem_next_idle, vmem};
    struct vmem_goal goal;
    struct vmem_plan plan;
    enum vmem_wait_reason limited = choose_goal(vmem, &goal);
    int status;
    do {
        vmem_plan_next(&vmem->planner, &goal, &vmem->map, &idle, &plan);
        if (needs_usable_size(vmem)) {
            vmem_plan_forget(&vmem->planner);
            vmem_want_look(vmem, VMEM_LOOK_SIZES);
            return true;
        }
        status = carry_out(vmem, &plan, now_ms);
    } while (status == VMEM_OK && vmem->planner.budget != 0 &&
             vmem->requests.nr_in_flight < VMEM_REQUESTS_MAX);
    if (status == VMEM_E_AGAIN && plan.action == VMEM_ACTION_NOTHING &&
        vmem->requests.nr_in_flight == 0)
        status = vmem_migrate_step(vmem, now_ms);
    if (vmem->requests.nr_in_flight != 0) {
        if (now_ms >= vmem->wait.until_ms)
            vmem->wait.reason = VMEM_WAIT_NONE;
        vmem_publish(vmem);
        return true;
    }
    if (vmem->virtio->broken)
        return false;
    if (plan.action == VMEM_ACTION_SURVEY)
        return true;
    switch (status) {
    case VMEM_OK: /* there is more to do, in the next call: it is due at once */
        if (!vmem->migrate.is_short)
            vmem->wait.reason = VMEM_WAIT_NONE;
        return false;
    case VMEM_E_BUSY: /* another processor allocated where the plan saw none */
        leave_migration(vmem);
        vmem->wait.reason = VMEM_WAIT_NONE;
        if (vmem->planner.budget != 0)
            return true;
        vmem->due.step_ms = now_ms + VMEM_POLL_MS; /* it was busy each time */
        return false;
    case VMEM_E_AGAIN:
    case VMEM_E_NODEV:
        rest(vmem, &plan, limited, now_ms);
        return false;
    default: /* the rest of the kernel must free memory first */
        leave_migration(vmem);
        vmem->due.step_ms = vmem->wait.until_ms;
        vmem->is_ready = true;
        return false;
    }
}
