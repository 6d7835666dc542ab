/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver: events in, one step at a time; see vmem.h. The states and their diagram
 * are state.c's.
 *
 * vmem_service() runs rounds: take the answers that are there; when no request is in flight, look
 * at what is new of the config, and do what the state asks for. Nothing waits: what must happen
 * later is a time in struct vmem_due, and a request in flight is blocks in doubt.
 *
 * DEVICE_NEEDS_RESET comes with a config interrupt. So the status is read where a change of the
 * requested size does not explain one, where an answer is due, and at each slow look.
 */
#include "device.h"

#include "../core/text.h"

#define ROUNDS_MAX      64 /* of one vmem_service() call: what a device that never settles may cost */
#define UNSTEADY_MAX    8 /* config snapshots in a row that did not hold still, then broken */
#define FALSE_SIZES_MAX 3 /* plugged sizes that were not what it acknowledged, then broken */

/* ---- looking ---- */

/* What the config asks for, by its last snapshot. */
static void set_target(struct vmem_device *vmem)
{
    uint64_t limit = vmem->options.memory_limit;
    vmem->target_bytes = vmem->config.requested_bytes;
    if (limit != 0)
        vmem->target_bytes = vmem_min(vmem->target_bytes, limit - limit % vmem->config.block_bytes);
    if (vmem->is_detaching)
        vmem->target_bytes = 0;
}

/* A snapshot is there and valid: what is new? A usable region that is only known better is not. */
static void take_config(struct vmem_device *vmem, const struct vmem_config *config, uint64_t now_ms)
{
    bool is_other_usable = config->usable_bytes != vmem->config.usable_bytes;
    bool has_changed = config->requested_bytes != vmem->config.requested_bytes ||
                       (is_other_usable && !vmem->due.is_usable_derived);
    bool was_reset = vmem->strikes.resets != 0 && !vmem_is_tracking(vmem);
    vmem->config = *config;
    if (has_changed || is_other_usable)
        vmem_plan_forget(&vmem->planner);
    /* A new requested size is worth a try at once. After a reset the back-off is kept even so. */
    if (has_changed && !was_reset)
        vmem->wait.until_ms = now_ms;
    if (vmem->wait.was_nacked && !has_changed)
        vmem_back_off(vmem, now_ms, VMEM_WAIT_DEVICE_NACK, VMEM_EVENT_CONFIG);
    vmem->wait.was_nacked = false;
}

/* True if it does: it was reset, and what is in doubt is asked about later. */
static bool needs_reset(struct vmem_device *vmem, uint64_t now_ms)
{
    if (!vmem_virtio_needs_reset(vmem->virtio))
        return false;
    vmem_recover(vmem, now_ms, VMEM_EVENT_DEVICE, "it asks for a reset (DEVICE_NEEDS_RESET)");
    vmem_notice_broken(vmem, VMEM_EVENT_DEVICE);
    return true;
}

/* Read so much of the config: VMEM_OK, VMEM_E_TIMEOUT if it does not hold still, or why not. */
static int read_config(struct vmem_device *vmem, enum vmem_look look, struct vmem_config *config,
                       char *reason)
{
    static const uint32_t starts[] = {
        [VMEM_LOOK_REQUESTED] = offsetof(struct virtio_mem_config_abi, requested_size),
        [VMEM_LOOK_SIZES] = offsetof(struct virtio_mem_config_abi, usable_region_size),
        [VMEM_LOOK_ALL] = 0,
    };
    uint8_t *from = (uint8_t *)&vmem->snapshot + starts[look];
    int status = vmem_virtio_read_config(vmem->virtio, from, starts[look],
                                         (uint32_t)sizeof(vmem->snapshot) - starts[look]);
    if (status != VMEM_OK) {
        vmem_format(reason, VMEM_REASON_BYTES, "its config space cannot be read: %s",
                    vmem_error_name(status));
        return status;
    }
    vmem_config_decode(&vmem->snapshot,
                       vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM), config);
    if (look < VMEM_LOOK_SIZES) {
        config->usable_bytes = vmem->config.usable_bytes;
        config->plugged_bytes = vmem->config.plugged_bytes;
    }
    return vmem_config_check_update(config, &vmem->config, reason, VMEM_REASON_BYTES) ? VMEM_E_INVAL
                                                                                      : VMEM_OK;
}

/* What was read is valid. What was not read is derived. */
static void accept(struct vmem_device *vmem, enum vmem_look look, struct vmem_config *config,
                   uint64_t now_ms)
{
    struct vmem_due *due = &vmem->due;
    bool has_read_sizes = look >= VMEM_LOOK_SIZES;
    bool is_new = config->requested_bytes != vmem->config.requested_bytes;
    if (is_new && !has_read_sizes)
        config->usable_bytes = vmem_max(config->usable_bytes, config->requested_bytes);
    take_config(vmem, config, now_ms);
    due->is_usable_derived = !has_read_sizes && is_new;
    due->is_plugged_derived = !has_read_sizes && due->is_plugged_derived;
    due->look = VMEM_LOOK_NONE;
    bool is_at_rest = vmem->wait.reason == VMEM_WAIT_NONE && !is_new && !due->is_usable_derived &&
                      !due->is_plugged_derived;
    due->slow_ms = now_ms + (is_at_rest ? VMEM_REST_MS : VMEM_SLOW_MS);
    vmem->strikes.unsteady = 0;
}

/* Look at what may be new. False if no valid config could be read, or the device was reset. */
static bool look(struct vmem_device *vmem, uint64_t now_ms)
{
    const struct vmem_due *due = &vmem->due;
    bool is_slow = now_ms >= due->slow_ms;
    enum vmem_look look = due->look;
    struct vmem_config config;
    char reason[VMEM_REASON_BYTES];

    if (!is_slow && look == VMEM_LOOK_NONE)
        return true;
    /* A config interrupt: mostly a new requested size explains it. The settled line names what is
     * usable as well. */
    enum vmem_look first =
        vmem_host_log_wanted(VMEM_LOG_INFO) ? VMEM_LOOK_SIZES : VMEM_LOOK_REQUESTED;
    if (!is_slow && look == VMEM_LOOK_REQUESTED &&
        read_config(vmem, first, &config, reason) == VMEM_OK &&
        config.requested_bytes != vmem->config.requested_bytes) {
        accept(vmem, first, &config, now_ms);
        return true;
    }
    if (look < VMEM_LOOK_SIZES) {
        bool is_more = look == VMEM_LOOK_REQUESTED || due->is_usable_derived;
        look = is_more || due->is_plugged_derived ? VMEM_LOOK_SIZES : VMEM_LOOK_REQUESTED;
    }
    if (needs_reset(vmem, now_ms))
        return false;
    int status = read_config(vmem, look, &config, reason);
    if (status == VMEM_OK)
        accept(vmem, look, &config, now_ms);
    else if (status == VMEM_E_TIMEOUT && ++vmem->strikes.unsteady < UNSTEADY_MAX)
        vmem_back_off(vmem, now_ms, VMEM_WAIT_CONFIG_UNSTEADY, VMEM_EVENT_CONFIG);
    else
        vmem_virtio_break(vmem->virtio, "%s", reason);
    return status == VMEM_OK;
}

/* ---- what each state does with a look ---- */

/* virtio 1.4, "Memory Device: Device Initialization": what is plugged and not in use is given back,
 * or adopted (M5). Only now can be known what it is: after DRIVER_OK. */
static void start(struct vmem_device *vmem)
{
    const struct vmem_run whole = {0, vmem->map.nr_blocks};
    bool adopts = vmem->options.init == VMEM_INIT_STATE;
    if (vmem->config.plugged_bytes == 0) {
        vmem_map_set(&vmem->map, whole, VMEM_BLOCK_UNPLUGGED);
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_CONFIG);
        return;
    }
    vmem_map_set(&vmem->map, whole, VMEM_BLOCK_IN_DOUBT);
    vmem_log(VMEM_LOG_INFO, vmem->name, "0x%llx bytes are plugged from before: %s",
             vmem_llu(vmem->config.plugged_bytes), adopts ? "adopting them" : "giving them back");
    if (adopts)
        vmem_probe_doubt(vmem, VMEM_EVENT_CONFIG);
    else
        vmem_enter(vmem, VMEM_STATE_RELEASING, VMEM_EVENT_CONFIG);
}

static bool release(struct vmem_device *vmem, uint64_t now_ms)
{
    const struct vmem_request request = {
        VIRTIO_MEM_REQ_UNPLUG_ALL, VMEM_PURPOSE_RELEASE, {0, vmem->map.nr_blocks}};
    (void)vmem_send(vmem, &request, now_ms); /* or the device is broken, and run_round() sees it */
    vmem_publish(vmem);
    return true;
}

/* plugged_size is not what the map says: compare; if that explained nothing, break. */
static void answer_mismatch(struct vmem_device *vmem)
{
    struct vmem_strikes *strikes = &vmem->strikes;
    unsigned long long plugged = vmem_llu(vmem->config.plugged_bytes);
    unsigned long long online = vmem_llu(vmem_online_bytes(vmem));
    if (strikes->mismatches++ != 0) {
        vmem_virtio_break(vmem->virtio,
                          "plugged_size is %llu, but by its own STATE answers %llu bytes are "
                          "plugged",
                          plugged, online);
        return;
    }
    if (strikes->false_sizes++ == FALSE_SIZES_MAX) {
        vmem_virtio_break(vmem->virtio,
                          "it acknowledges what it does not do: plugged_size is %llu, expected "
                          "%llu, and was wrong %u times before",
                          plugged, online, FALSE_SIZES_MAX);
        return;
    }
    vmem_log(VMEM_LOG_WARNING, vmem->name,
             "plugged_size is %llu, expected %llu: asking for each block", plugged, online);
    vmem_probe_all(vmem, false, VMEM_EVENT_CONFIG);
}

/* Blocks in doubt are those that wait for UNPLUG ALL: they are plugged for certain. */
static bool is_gathering(const struct vmem_device *vmem)
{
    return vmem->planner.phase == VMEM_PLANNER_GATHER;
}

/* Nothing is in flight and nothing in doubt: the device must count as we do. */
static bool track(struct vmem_device *vmem, uint64_t now_ms)
{
    if (vmem->probe.is_wanted) {
        vmem_probe_all(vmem, true, VMEM_EVENT_VERIFY);
        return true;
    }
    if (!is_gathering(vmem) && vmem->config.plugged_bytes != vmem_online_bytes(vmem)) {
        answer_mismatch(vmem);
        return !vmem->virtio->broken;
    }
    vmem->strikes.mismatches = 0;
    return vmem_track(vmem, now_ms);
}

/* A look at what is new, and what follows. False when there is nothing more to do now. */
static bool step(struct vmem_device *vmem, uint64_t now_ms)
{
    if (!look(vmem, now_ms))
        return false;
    set_target(vmem);
    if (vmem->state == VMEM_STATE_STARTING)
        start(vmem);
    if (vmem_is_tracking(vmem) && vmem->map.nr_in_doubt != 0 && !is_gathering(vmem)) {
        vmem_probe_doubt(vmem, VMEM_EVENT_REPLY);
        return true;
    }
    if (vmem_must_wait(vmem, now_ms)) {
        vmem->due.step_ms = vmem_min(vmem->wait.until_ms, vmem->due.slow_ms);
        return false;
    }
    if (vmem->state == VMEM_STATE_RELEASING)
        return release(vmem, now_ms);
    if (vmem->state == VMEM_STATE_PROBING)
        return vmem_probe_next(vmem, now_ms);
    return track(vmem, now_ms);
}

/* ---- events ---- */

/* Answers are missing: may the device still give them? True if it was reset. */
static bool check_overdue(struct vmem_device *vmem, uint64_t now_ms)
{
    if (now_ms >= vmem->due.slow_ms) {
        vmem->due.slow_ms = now_ms + VMEM_SLOW_MS;
        if (needs_reset(vmem, now_ms))
            return true;
    }
    if (!vmem_requests_overdue(&vmem->requests, now_ms))
        return false;
    vmem->report.count.timeouts++;
    vmem_recover(vmem, now_ms, VMEM_EVENT_TIME, "it did not answer in time");
    vmem_notice_broken(vmem, VMEM_EVENT_TIME);
    return true;
}

/* What interrupts have said, or where there are none the device, asked every VMEM_POLL_MS. True if
 * there is something to do now. */
static bool take_events(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_due *due = &vmem->due;
    uint32_t events = 0;
    if (vmem->virtio->irq_mode != VMEM_IRQ_POLL || now_ms >= due->poll_ms) {
        events = vmem_virtio_take_events(vmem->virtio);
        due->poll_ms = now_ms + VMEM_POLL_MS;
    }
    if ((events & VIRTIO_EVENT_CONFIG) != 0) {
        vmem_want_look(vmem, VMEM_LOOK_REQUESTED);
        due->step_ms = vmem_min(due->step_ms, now_ms);
        if (vmem->requests.nr_in_flight != 0) /* it may say that they will not be answered */
            due->slow_ms = now_ms;
    }
    if (vmem_migrate_is_freed(vmem, now_ms))
        due->step_ms = vmem_min(due->step_ms, now_ms);
    return now_ms >= due->step_ms || vmem->requests.nr_in_flight != 0;
}

static uint64_t next_time(const struct vmem_device *vmem, uint64_t now_ms)
{
    if (vmem->state == VMEM_STATE_BROKEN)
        return VMEM_NEVER;
    uint64_t next_ms = vmem->due.step_ms;
    if (vmem->requests.nr_in_flight != 0)
        next_ms = vmem_min(vmem_requests_deadline(&vmem->requests), vmem->due.slow_ms);
    if (vmem->virtio->irq_mode == VMEM_IRQ_POLL)
        next_ms = vmem_min(next_ms, vmem->due.poll_ms);
    return vmem_max(next_ms, now_ms);
}

/* Take the answers, and if none is missing, look. False when this call has nothing more to do. */
static bool run_round(struct vmem_device *vmem, uint64_t now_ms)
{
    vmem_take_replies(vmem, now_ms);
    vmem_notice_broken(vmem, VMEM_EVENT_REPLY);
    if (vmem->state == VMEM_STATE_BROKEN)
        return false;
    if (vmem->requests.nr_in_flight != 0)
        return check_overdue(vmem, now_ms);
    if (now_ms < vmem->due.step_ms)
        return false;
    bool has_more = step(vmem, now_ms);
    vmem_notice_broken(vmem, VMEM_EVENT_CONFIG);
    return has_more;
}

uint64_t vmem_service(struct vmem_device *vmem, uint64_t now_ms)
{
    if (vmem->state == VMEM_STATE_BROKEN || vmem->state == VMEM_STATE_QUIESCED) {
        /* Nobody asks for its events, and nobody must be kept awake by them. */
        __atomic_store_n(&vmem->virtio->events, 0, __ATOMIC_RELAXED);
        return VMEM_NEVER;
    }
    vmem->planner.budget = VMEM_BUDGET;
    for (unsigned rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        if (!take_events(vmem, now_ms) || !run_round(vmem, now_ms) ||
            vmem->state == VMEM_STATE_BROKEN)
            return next_time(vmem, now_ms);
        if (vmem->planner.budget == 0)
            return now_ms;
    }
    return now_ms + VMEM_POLL_MS; /* more to do than one call should */
}

void vmem_memory_freed(struct vmem_device *vmem)
{
    __atomic_store_n(&vmem->is_memory_freed, true, __ATOMIC_RELAXED);
}

int vmem_verify(struct vmem_device *vmem)
{
    if (vmem->state == VMEM_STATE_BROKEN)
        return VMEM_E_BROKEN;
    if (vmem->probe.is_wanted || vmem->probe.compares)
        return VMEM_E_BUSY;
    if (vmem->state == VMEM_STATE_MIGRATING)
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_VERIFY);
    vmem->probe.is_wanted = true;
    vmem->due.step_ms = 0;
    return VMEM_OK;
}

int vmem_quiesce(struct vmem_device *vmem)
{
    struct vmem_virtio *virtio = vmem->virtio;
    if (vmem->state == VMEM_STATE_BROKEN) {
        virtio->ops->set_status(virtio, 0);
        return VMEM_OK;
    }
    if (vmem->state != VMEM_STATE_QUIESCED)
        vmem_enter(vmem, VMEM_STATE_QUIESCED, VMEM_EVENT_QUIESCE);
    int status = vmem_virtio_reset(virtio);
    if (status == VMEM_OK)
        virtio->ops->irq_disable(virtio);
    vmem_notice_broken(vmem, VMEM_EVENT_DEVICE);
    return status;
}

void vmem_resume(struct vmem_device *vmem, uint64_t now_ms)
{
    if (vmem->state == VMEM_STATE_BROKEN)
        return;
    if (vmem->state != VMEM_STATE_QUIESCED) /* the machine has slept, and lost the device's state */
        vmem_enter(vmem, VMEM_STATE_QUIESCED, VMEM_EVENT_QUIESCE);
    vmem_log(VMEM_LOG_INFO, vmem->name, "awake: %llu blocks stayed online, %llu are in doubt",
             vmem_llu(vmem->map.nr_online), vmem_llu(vmem->map.nr_in_doubt));
    if (!vmem_restart(vmem)) {
        vmem_notice_broken(vmem, VMEM_EVENT_RESUME);
        return;
    }
    if (vmem->map.nr_online == 0)
        vmem_enter(vmem, VMEM_STATE_STARTING, VMEM_EVENT_RESUME);
    else
        vmem_probe_doubt(vmem, VMEM_EVENT_RESUME);
    vmem->due.step_ms = now_ms;
}

void vmem_gone(struct vmem_device *vmem, const char *reason)
{
    if (vmem->state == VMEM_STATE_BROKEN)
        return;
    vmem_virtio_break(vmem->virtio, "%s", reason);
    vmem_notice_broken(vmem, VMEM_EVENT_DEVICE);
}
