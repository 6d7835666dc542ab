/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver: events in, one look at the device at a time; see vmem.h. The states and
 * their diagram are state.c's.
 *
 * vmem_service() runs rounds: take the answers that are there; when no request is in flight, look
 * at the config, and do what the state asks for. Nothing waits: what must happen later is a time in
 * struct vmem_device, and a request in flight is blocks in doubt.
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

/* A snapshot is there and valid: what is new? */
static void take_config(struct vmem_device *vmem, const struct vmem_config *config, uint64_t now_ms)
{
    bool has_changed = config->requested_bytes != vmem->config.requested_bytes ||
                       config->usable_bytes != vmem->config.usable_bytes;
    bool was_reset = vmem->strikes.resets != 0 && vmem->state != VMEM_STATE_TRACKING &&
                     vmem->state != VMEM_STATE_MIGRATING;
    vmem->config = *config;
    set_target(vmem);
    if (has_changed)
        vmem_plan_forget(&vmem->planner);
    /* A new requested size is worth a try at once. After a reset the back-off is kept even so. */
    if (has_changed && !was_reset)
        vmem->wait.until_ms = now_ms;
    if (vmem->wait.was_nacked && !has_changed)
        vmem_back_off(vmem, now_ms, VMEM_WAIT_DEVICE_NACK, VMEM_EVENT_CONFIG);
    vmem->wait.was_nacked = false;
}

/* While nothing is in doubt, what can change at all: from the usable region's size on. */
static int read_snapshot(struct vmem_device *vmem)
{
    bool is_tracking = vmem->state == VMEM_STATE_TRACKING || vmem->state == VMEM_STATE_MIGRATING;
    uint32_t from = is_tracking ? offsetof(struct virtio_mem_config_abi, usable_region_size) : 0;
    return vmem_virtio_read_config(vmem->virtio, (uint8_t *)&vmem->snapshot + from, from,
                                   (uint32_t)sizeof(vmem->snapshot) - from);
}

/* Take a new snapshot of the config. False if there is no valid one. */
static bool look(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_config config;
    char reason[VMEM_REASON_BYTES];

    int status = read_snapshot(vmem);
    if (status == VMEM_E_TIMEOUT && ++vmem->strikes.unsteady < UNSTEADY_MAX) {
        vmem_back_off(vmem, now_ms, VMEM_WAIT_CONFIG_UNSTEADY, VMEM_EVENT_CONFIG);
        return false;
    }
    if (status != VMEM_OK) {
        vmem_virtio_break(vmem->virtio, "its config space cannot be read: %s",
                          vmem_error_name(status));
        return false;
    }
    vmem->strikes.unsteady = 0;
    vmem_config_decode(&vmem->snapshot,
                       vmem_virtio_has_feature(vmem->virtio, VIRTIO_MEM_F_ACPI_PXM), &config);
    if (vmem_config_check_update(&config, &vmem->config, reason, sizeof(reason))) {
        vmem_virtio_break(vmem->virtio, "%s", reason);
        return false;
    }
    take_config(vmem, &config, now_ms);
    return true;
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
    if (!vmem_send(vmem, &request, now_ms))
        return false;
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

/* One look at the device, and what follows. False when there is nothing more to do now. */
static bool step(struct vmem_device *vmem, uint64_t now_ms)
{
    if (!look(vmem, now_ms))
        return false;
    if (vmem->state == VMEM_STATE_STARTING)
        start(vmem);
    bool is_tracking = vmem->state == VMEM_STATE_TRACKING || vmem->state == VMEM_STATE_MIGRATING;
    if (is_tracking && vmem->map.nr_in_doubt != 0 && !is_gathering(vmem))
        vmem_probe_doubt(vmem, VMEM_EVENT_REPLY);
    if (vmem_must_wait(vmem, now_ms)) {
        vmem->look_at_ms = vmem_min(vmem->wait.until_ms, now_ms + VMEM_SLOW_MS);
        return false;
    }
    if (vmem->state == VMEM_STATE_RELEASING)
        return release(vmem, now_ms);
    if (vmem->state == VMEM_STATE_PROBING)
        return vmem_probe_next(vmem, now_ms);
    return track(vmem, now_ms);
}

/* ---- events ---- */

/* True if something was overdue. */
static bool check_overdue(struct vmem_device *vmem, uint64_t now_ms)
{
    if (!vmem_requests_overdue(&vmem->requests, now_ms))
        return false;
    vmem->report.count.timeouts++;
    vmem_recover(vmem, now_ms, VMEM_EVENT_TIME, "it did not answer in time");
    vmem_notice_broken(vmem, VMEM_EVENT_TIME);
    return true;
}

static uint64_t next_time(const struct vmem_device *vmem, uint64_t now_ms)
{
    if (vmem->state == VMEM_STATE_BROKEN)
        return VMEM_NEVER;
    uint64_t next_ms = vmem->look_at_ms;
    if (vmem->requests.nr_in_flight != 0)
        next_ms = vmem_min(vmem_requests_deadline(&vmem->requests), now_ms + VMEM_SLOW_MS);
    if (vmem->virtio->irq_mode == VMEM_IRQ_POLL)
        next_ms = vmem_min(next_ms, now_ms + VMEM_POLL_MS);
    return next_ms;
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
    if (now_ms < vmem->look_at_ms)
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
    uint32_t events = vmem_virtio_take_events(vmem->virtio);
    if ((events & VIRTIO_EVENT_CONFIG) != 0 || vmem_migrate_is_freed(vmem, now_ms))
        vmem->look_at_ms = vmem_min(vmem->look_at_ms, now_ms);
    bool is_due = now_ms >= vmem->look_at_ms || vmem->requests.nr_in_flight != 0;
    if (events == 0 && !is_due)
        return next_time(vmem, now_ms);
    if (vmem_virtio_needs_reset(vmem->virtio)) {
        vmem_recover(vmem, now_ms, VMEM_EVENT_DEVICE, "it asks for a reset (DEVICE_NEEDS_RESET)");
        vmem_notice_broken(vmem, VMEM_EVENT_DEVICE);
    }
    vmem->planner.budget = VMEM_BUDGET;
    for (unsigned rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        if (vmem->state == VMEM_STATE_BROKEN || !run_round(vmem, now_ms))
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
    vmem->look_at_ms = 0;
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
    vmem->look_at_ms = now_ms;
}

void vmem_gone(struct vmem_device *vmem, const char *reason)
{
    if (vmem->state == VMEM_STATE_BROKEN)
        return;
    vmem_virtio_break(vmem->virtio, "%s", reason);
    vmem_notice_broken(vmem, VMEM_EVENT_DEVICE);
}
