/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver's state machine; see virtio_mem.h.
 *
 * vmem_service() runs rounds: take the answers that are there; when no request
 * is in flight, look at the config, decide, send. Nothing waits: what must
 * happen later is a time in struct vmem_device, and a request in flight is
 * blocks that are held.
 */
#include "drivers/virtio/mem/virtio_mem.h"

#include "drivers/virtio/mem/device.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"

/* ---- sending ---- */

bool vmem_send(struct vmem_device *vmem, enum virtio_mem_request_type type, struct vmem_run run,
               u64 now_ms)
{
    const struct vmem_request request = {type, run};
    u64 bytes = type == VIRTIO_MEM_REQ_UNPLUG_ALL ? vmem->config.region_bytes
                                                  : run.nr_blocks * vmem->config.block_bytes;
    u64 deadline_ms = now_ms + VMEM_ANSWER_LIMIT_MS + bytes / GIB * VMEM_ANSWER_LIMIT_PER_GIB_MS;
    int status = vmem_requests_submit(&vmem->requests, &request, vmem->config.region_base,
                                      vmem->config.block_bytes, deadline_ms);
    if (status != OK) {
        if (vmem->requests.nr_in_flight == 0 && !vmem->virtio->broken)
            vmem_virtio_break(vmem->virtio, "its queue has no room for one request: %s",
                              status_name(status));
        return false;
    }
    vmem->count.requests[type]++;
    vmem->requests_since++;
    if (type != VIRTIO_MEM_REQ_STATE)
        vmem->changes_since++;
    log_debug(LOG_VMEM, vmem->name, "%s %lu blocks from %lu", vmem_request_name(type),
              run.nr_blocks, run.first);
    return true;
}

void vmem_back_off(struct vmem_device *vmem, u64 now_ms, const char *why)
{
    vmem_evacuate_end(vmem);
    /* Several answers of one batch count once. */
    if (vmem->retry_at_ms <= now_ms) {
        u64 previous_ms = vmem->backoff_ms;
        vmem->backoff_ms = previous_ms == 0 ? VMEM_BACKOFF_FIRST_MS
                                            : min_u64(previous_ms * 2, VMEM_BACKOFF_LAST_MS);
        vmem->retry_at_ms = now_ms + vmem->backoff_ms;
        if (vmem->backoff_ms == VMEM_BACKOFF_LAST_MS && previous_ms != VMEM_BACKOFF_LAST_MS)
            log_warning(LOG_VMEM, vmem->name, "waiting, %s: requested=%lu plugged=%lu", why,
                        vmem->config.requested_bytes, vmem->config.plugged_bytes);
    }
    vmem->work_at_ms = vmem->retry_at_ms;
    vmem->waiting_for = why;
    /* Whoever waits for the first plan must not wait for a device that is busy for long. */
    if (vmem->backoff_ms == VMEM_BACKOFF_LAST_MS)
        vmem->is_ready = true;
}

/* UNPLUG ALL for memory that mm has: all of it goes offline first, or none. */
static bool send_unplug_all(struct vmem_device *vmem, u64 now_ms)
{
    const struct vmem_run whole = {0, vmem->blocks.nr_blocks};
    struct vmem_run run;
    while (vmem_map_next(&vmem->blocks, VMEM_BLOCK_ONLINE, 0, whole.nr_blocks, &run)) {
        if (!vmem_take_offline(vmem, run, now_ms)) {
            vmem_put_all_back(vmem, now_ms);
            return false;
        }
    }
    return vmem_send(vmem, VIRTIO_MEM_REQ_UNPLUG_ALL, whole, now_ms);
}

/* After BUSY a part of the run, and no other request with it: the answer decides about the rest. */
static bool send_plug(struct vmem_device *vmem, struct vmem_run run, u64 now_ms)
{
    if (vmem->plug_limit != 0)
        run.nr_blocks = min_u64(run.nr_blocks, vmem->plug_limit);
    if (!vmem_send(vmem, VIRTIO_MEM_REQ_PLUG, run, now_ms))
        return false;
    vmem_map_set(&vmem->blocks, run, VMEM_BLOCK_IN_DOUBT);
    return vmem->plug_limit == 0;
}

/* Carry out one step of a plan. False if that was the last one for now. */
static bool carry_out(struct vmem_device *vmem, const struct vmem_plan *plan, u64 now_ms)
{
    switch (plan->action) {
    case VMEM_ACTION_PLUG:
        return send_plug(vmem, plan->run, now_ms);
    case VMEM_ACTION_UNPLUG:
        if (vmem->requests.nr_in_flight == VMEM_REQUESTS_MAX)
            return false; /* before anything is unmapped, only to be mapped again */
        /* virtio 1.4, "Memory Device: Device Operation": no unplug request for memory that is in
         * use, so mm lets go of it before the device hears of it (M11). */
        if (!vmem_take_offline(vmem, plan->run, now_ms))
            return false;
        if (vmem_send(vmem, VIRTIO_MEM_REQ_UNPLUG, plan->run, now_ms))
            return true;
        (void)vmem_bring_online(vmem, plan->run, now_ms);
        return false;
    case VMEM_ACTION_UNPLUG_ALL:
        return send_unplug_all(vmem, now_ms);
    case VMEM_ACTION_NOTHING:
        break;
    }
    return false;
}

/* ---- looking and deciding ---- */

static bool next_idle(void *context, u64 from, u64 to, struct vmem_run *idle)
{
    const struct vmem_device *vmem = context;
    struct hotplug_range range;
    if (from >= to ||
        !hotplug_next_idle(vmem_block_paddr(vmem, from), vmem_block_paddr(vmem, to), &range))
        return false;
    idle->first = (range.base - vmem->config.region_base) / vmem->config.block_bytes;
    idle->nr_blocks = range.bytes / vmem->config.block_bytes;
    return true;
}

u64 vmem_plugged_frames_used(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    return stats.plugged_used;
}

/* Take a new snapshot of the config. False if there is no valid one. */
static bool look(struct vmem_device *vmem, u64 now_ms)
{
    struct virtio_mem_config_abi abi;
    struct vmem_config config;
    char reason[VMEM_REASON_BYTES];

    int status = vmem_virtio_read_config(vmem->virtio, &abi, sizeof(abi));
    if (status == E_TIMEOUT && ++vmem->nr_unsteady < VMEM_UNSTEADY_MAX) {
        vmem_back_off(vmem, now_ms, "the config space does not hold still");
        return false;
    }
    if (status != OK) {
        vmem_virtio_break(vmem->virtio, "its config space cannot be read: %s", status_name(status));
        return false;
    }
    vmem->nr_unsteady = 0;
    vmem_config_decode(&abi, vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM), &config);
    if (vmem_config_check_update(&config, &vmem->config, reason, sizeof(reason))) {
        vmem_virtio_break(vmem->virtio, "%s", reason);
        return false;
    }
    bool has_changed = config.requested_bytes != vmem->config.requested_bytes ||
                       config.usable_bytes != vmem->config.usable_bytes;
    vmem->config = config;
    /* A new requested size is worth a try at once. After a reset the back-off is kept even so. */
    if (has_changed && !vmem->is_recovering)
        vmem->retry_at_ms = vmem->retry_mm_ms = now_ms;
    if (vmem->was_nacked && !has_changed)
        vmem_back_off(vmem, now_ms, "the device refuses the request (NACK)");
    vmem->was_nacked = false;
    return true;
}

/* virtio 1.4, "Memory Device: Device Initialization": what is plugged and not in use is given
 * back, or adopted (M5). Only now can be known what it is: after DRIVER_OK. */
static void first_look(struct vmem_device *vmem)
{
    const struct vmem_run whole = {0, vmem->blocks.nr_blocks};
    vmem->stage = VMEM_STAGE_FOLLOW;
    if (vmem->config.plugged_bytes == 0)
        return;
    vmem_map_set(&vmem->blocks, whole, VMEM_BLOCK_IN_DOUBT);
    vmem->stage = vmem->init == VMEM_INIT_STATE ? VMEM_STAGE_ADOPT : VMEM_STAGE_GIVE_BACK;
    log_info(LOG_VMEM, vmem->name, "0x%lx bytes are plugged from before: %s",
             vmem->config.plugged_bytes,
             vmem->stage == VMEM_STAGE_ADOPT ? "adopting them" : "giving them back");
}

/* The plan finds nothing to do now, or nothing that can be done. */
static void rest(struct vmem_device *vmem, const struct vmem_plan *plan, u64 now_ms)
{
    vmem->nr_lies = 0;
    vmem->work_at_ms = now_ms + VMEM_SLOW_MS;
    if (now_ms - vmem->recovered_at_ms >= VMEM_CALM_MS)
        vmem->nr_recoveries = vmem->nr_errors = 0;
    if (plan->shortfall == VMEM_SHORT_OF_NOTHING)
        vmem->plug_limit = vmem->backoff_ms = 0;
    vmem->is_short_of_idle = plan->shortfall == VMEM_SHORT_OF_IDLE;
    if (vmem->is_short_of_idle)
        vmem->used_when_short = vmem_plugged_frames_used();
    if (vmem->is_short_of_idle && vmem->evacuation.trouble != OK)
        vmem->work_at_ms = min_u64(vmem->work_at_ms, vmem->evacuation.retry_at_ms);
    if (vmem->is_leaving)
        vmem->waiting_for = NULL;
    else if (plan->shortfall == VMEM_SHORT_OF_NOTHING && !vmem->is_short_of_room)
        vmem_report_settled(vmem);
    else
        vmem_report_short(vmem, plan);
}

/* Pages are being moved: again in the next call, which is due at once. What a try after a resize
 * fell short is worth is only known at its end: until then the reason stands. */
static void go_on_moving(struct vmem_device *vmem)
{
    if (vmem->evacuation.is_short)
        return;
    vmem->waiting_for = NULL;
    vmem->is_short_of_idle = false;
}

/* mm refused a step of the plan: the rest of the kernel must free memory first. */
static void wait_for_mm(struct vmem_device *vmem)
{
    vmem_evacuate_end(vmem);
    vmem->waiting_for = vmem->refused_by_mm;
    vmem->is_short_of_idle = false;
    vmem->work_at_ms = vmem->retry_mm_ms;
    vmem->is_ready = true;
}

/* The plan is out of date, and nothing was sent. */
static bool plan_again(struct vmem_device *vmem)
{
    vmem_evacuate_end(vmem);
    vmem->waiting_for = NULL;
    return true;
}

/* Send what the plan says, as many requests as there is room for. True if there is more to do now:
 * to take the answers, or to plan again. */
static bool follow(struct vmem_device *vmem, u64 now_ms)
{
    const struct vmem_idle_source idle = {next_idle, vmem};
    struct vmem_config target = vmem->config;
    struct vmem_plan plan;

    if (vmem->refused_by_mm && now_ms < vmem->retry_mm_ms) {
        wait_for_mm(vmem);
        return false;
    }
    vmem->refused_by_mm = NULL;
    vmem->has_lost_race = false;
    target.requested_bytes += vmem_evacuated_bytes(vmem);
    if (vmem->is_leaving)
        target.requested_bytes = 0;
    vmem_keep_to_room(vmem, &target);
    do {
        vmem_plan_next(&target, &vmem->blocks, &idle, &plan);
        /* Leaving is not what the host asked for: only UNPLUG ALL is sure to be let through. */
        if (vmem->is_leaving && plan.action == VMEM_ACTION_UNPLUG)
            plan.action = VMEM_ACTION_UNPLUG_ALL;
    } while (carry_out(vmem, &plan, now_ms) && plan.action != VMEM_ACTION_UNPLUG_ALL);
    bool is_moving = vmem->requests.nr_in_flight == 0 && !vmem->refused_by_mm &&
                     !vmem->has_lost_race && !vmem->virtio->broken && vmem_evacuate(vmem, now_ms);
    if (vmem->requests.nr_in_flight != 0) {
        vmem->waiting_for = NULL;
        vmem->is_short_of_idle = false;
        vmem_queue_publish(vmem->requests.queue);
        return true;
    }
    if (vmem->virtio->broken)
        return false;
    if (vmem->refused_by_mm)
        wait_for_mm(vmem);
    else if (vmem->has_lost_race)
        return plan_again(vmem);
    else if (is_moving)
        go_on_moving(vmem);
    else
        rest(vmem, &plan, now_ms);
    return false;
}

/* One look at the device, and what follows. False when there is nothing more to do now. */
static bool step(struct vmem_device *vmem, u64 now_ms)
{
    if (!look(vmem, now_ms))
        return false;
    if (vmem->stage == VMEM_STAGE_FIRST_LOOK)
        first_look(vmem);
    if (now_ms < vmem->retry_at_ms) {
        vmem->work_at_ms = min_u64(vmem->retry_at_ms, now_ms + VMEM_SLOW_MS);
        return false;
    }
    if (vmem->stage == VMEM_STAGE_GIVE_BACK) {
        const struct vmem_run whole = {0, vmem->blocks.nr_blocks};
        if (!vmem_send(vmem, VIRTIO_MEM_REQ_UNPLUG_ALL, whole, now_ms))
            return false;
        vmem_queue_publish(vmem->requests.queue);
        return true;
    }
    if (vmem->blocks.nr_in_doubt != 0)
        return vmem_resolve_next(vmem, now_ms);
    vmem->is_recovering = false;
    vmem->stage = VMEM_STAGE_FOLLOW;
    if (vmem->verify.is_running)
        return vmem_verify_next(vmem, now_ms);
    /* Nothing is in flight and nothing in doubt: the device must count as we do. */
    if (vmem->config.plugged_bytes != vmem_online_bytes(vmem))
        return vmem_verify_mismatch(vmem);
    vmem->nr_mismatches = 0;
    return follow(vmem, now_ms);
}

/* Whether blocks became idle since the plan found none, or may have become such that can be
 * emptied.
 */
static bool has_idle_again(struct vmem_device *vmem, u64 now_ms)
{
    struct vmem_run idle;
    u64 used;
    if (!vmem->is_short_of_idle || (used = vmem_plugged_frames_used()) == vmem->used_when_short)
        return false;
    vmem->used_when_short = used;
    return now_ms >= vmem->evacuation.retry_at_ms ||
           next_idle(vmem, 0, vmem_usable_blocks(vmem), &idle);
}

/* True if something was overdue. */
static bool check_overdue(struct vmem_device *vmem, u64 now_ms)
{
    if (!vmem_requests_overdue(&vmem->requests, now_ms))
        return false;
    vmem->count.timeouts++;
    vmem_recover(vmem, now_ms, "it did not answer in time");
    return true;
}

static u64 next_time(const struct vmem_device *vmem, u64 now_ms)
{
    if (vmem->virtio->broken)
        return VMEM_NEVER;
    u64 next_ms = vmem->work_at_ms;
    if (vmem->requests.nr_in_flight != 0)
        next_ms = min_u64(vmem_requests_deadline(&vmem->requests), now_ms + VMEM_SLOW_MS);
    if (vmem->virtio->irq_mode == VMEM_IRQ_POLL)
        next_ms = min_u64(next_ms, now_ms + VMEM_POLL_MS);
    return next_ms;
}

/* Broken or quiesced: nobody asks for its events, and nobody must be kept awake by them. */
static bool is_out_of_service(struct vmem_device *vmem)
{
    if (!vmem->virtio->broken && !vmem->is_quiesced)
        return false;
    vmem_evacuate_end(vmem);
    __atomic_store_n(&vmem->virtio->events, 0, __ATOMIC_RELAXED);
    return true;
}

u64 vmem_service(struct vmem_device *vmem, u64 now_ms)
{
    if (is_out_of_service(vmem))
        return VMEM_NEVER;
    u32 events = vmem_virtio_take_events(vmem->virtio);
    if ((events & VIRTIO_EVENT_CONFIG) != 0 || has_idle_again(vmem, now_ms))
        vmem->work_at_ms = min_u64(vmem->work_at_ms, now_ms);
    bool is_due = now_ms >= vmem->work_at_ms || vmem->requests.nr_in_flight != 0;
    if (events == 0 && !is_due)
        return next_time(vmem, now_ms);
    if (vmem_virtio_needs_reset(vmem->virtio))
        vmem_recover(vmem, now_ms, "it asks for a reset (DEVICE_NEEDS_RESET)");
    unsigned rounds;
    for (rounds = 0; rounds < VMEM_ROUNDS_MAX && !vmem->virtio->broken; rounds++) {
        vmem_take_replies(vmem, now_ms);
        if (vmem->virtio->broken)
            break;
        if (vmem->requests.nr_in_flight != 0) {
            if (!check_overdue(vmem, now_ms))
                break;
        } else if (now_ms < vmem->work_at_ms || !step(vmem, now_ms)) {
            break;
        }
    }
    if (vmem->virtio->broken) {
        vmem_evacuate_end(vmem);
        vmem->is_ready = true;
    } else if (rounds == VMEM_ROUNDS_MAX) { /* more to do than one call should */
        return now_ms + VMEM_POLL_MS;
    }
    return next_time(vmem, now_ms);
}
