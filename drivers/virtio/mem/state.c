/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine: which states there are, how one leads to another, and what every state needs, the
 * wait and the request queue.
 *
 *              plugged at start          acknowledged
 *   STARTING ------------------> RELEASING ----------+
 *      |  \ to be adopted            | NACK           |
 *      |   \                         v                v
 *      |    +-------------------> PROBING <-----> TRACKING <-----> MIGRATING
 *      |                             ^    in doubt,   ^   too few       |
 *      | nothing plugged             |    compare,    |   idle blocks   |
 *      +-----------------------------|--- reset ------+                 |
 *                                    +----------------------------------+
 *   any ---- vmem_quiesce() ----> QUIESCED ---- vmem_resume() ----> PROBING, or STARTING if the
 *                                                                   allocator has no block
 *   any ---- a limit, or the device is gone ----> BROKEN
 *
 * Only vmem_enter() writes the state. A reset of the device is no transition in STARTING, RELEASING
 * and PROBING: what they ask is asked anew.
 */
#include "device.h"

#include "../core/text.h"

/* An answer may take so long, for each GiB that the request names a second more: a host that
 * allocates the memory first (QEMU's prealloc=on) does so before it answers. */
#define ANSWER_LIMIT_MS         60000
#define ANSWER_LIMIT_PER_GIB_MS 1000
#define GIB                     ((uint64_t)1 << 30)

#define CONFIG  VMEM_EVENT_CONFIG
#define REPLY   VMEM_EVENT_REPLY
#define TIME    VMEM_EVENT_TIME
#define MEMORY  VMEM_EVENT_MEMORY
#define DEVICE  VMEM_EVENT_DEVICE
#define VERIFY  VMEM_EVENT_VERIFY
#define DETACH  VMEM_EVENT_DETACH
#define QUIESCE VMEM_EVENT_QUIESCE
#define RESUME  VMEM_EVENT_RESUME

/* From a state to a state: the events that may cause it. */
static const uint16_t transitions[VMEM_NR_STATES][VMEM_NR_STATES] = {
    [VMEM_STATE_STARTING] =
        {
            [VMEM_STATE_TRACKING] = CONFIG,
            [VMEM_STATE_RELEASING] = CONFIG,
            [VMEM_STATE_PROBING] = CONFIG,
            [VMEM_STATE_QUIESCED] = QUIESCE,
            [VMEM_STATE_BROKEN] = CONFIG | DEVICE,
        },
    [VMEM_STATE_RELEASING] =
        {
            [VMEM_STATE_TRACKING] = REPLY,
            [VMEM_STATE_PROBING] = REPLY,
            [VMEM_STATE_QUIESCED] = QUIESCE,
            [VMEM_STATE_BROKEN] = CONFIG | REPLY | TIME | DEVICE,
        },
    [VMEM_STATE_PROBING] =
        {
            [VMEM_STATE_TRACKING] = CONFIG,
            [VMEM_STATE_QUIESCED] = QUIESCE,
            [VMEM_STATE_BROKEN] = CONFIG | REPLY | TIME | DEVICE,
        },
    [VMEM_STATE_TRACKING] =
        {
            [VMEM_STATE_PROBING] = CONFIG | REPLY | TIME | DEVICE | VERIFY,
            [VMEM_STATE_MIGRATING] = MEMORY,
            [VMEM_STATE_QUIESCED] = QUIESCE,
            [VMEM_STATE_BROKEN] = CONFIG | REPLY | TIME | DEVICE,
        },
    [VMEM_STATE_MIGRATING] =
        {
            [VMEM_STATE_TRACKING] = CONFIG | REPLY | MEMORY | VERIFY | DETACH,
            [VMEM_STATE_PROBING] = CONFIG | REPLY | TIME | DEVICE,
            [VMEM_STATE_QUIESCED] = QUIESCE,
            [VMEM_STATE_BROKEN] = CONFIG | REPLY | TIME | DEVICE,
        },
    [VMEM_STATE_QUIESCED] =
        {
            [VMEM_STATE_STARTING] = RESUME,
            [VMEM_STATE_PROBING] = RESUME,
            [VMEM_STATE_BROKEN] = RESUME | DEVICE,
        },
};

bool vmem_state_allows(enum vmem_state from, enum vmem_event event, enum vmem_state to)
{
    return (transitions[from][to] & event) != 0;
}

const char *vmem_state_name(enum vmem_state state)
{
    static const char *const names[] = {
        [VMEM_STATE_STARTING] = "starting",   [VMEM_STATE_RELEASING] = "releasing",
        [VMEM_STATE_PROBING] = "probing",     [VMEM_STATE_TRACKING] = "tracking",
        [VMEM_STATE_MIGRATING] = "migrating", [VMEM_STATE_QUIESCED] = "quiesced",
        [VMEM_STATE_BROKEN] = "broken",
    };
    return names[state];
}

static void end_migration(struct vmem_device *vmem)
{
    vmem->options.memory->migration_end(vmem->options.memory_context);
    vmem->migrate.nr_empty = 0;
    vmem->migrate.nr_runs = 0;
}

void vmem_enter(struct vmem_device *vmem, enum vmem_state state, enum vmem_event event)
{
    VMEM_ASSERT(vmem_state_allows(vmem->state, event, state));
    vmem_log(VMEM_LOG_DEBUG, vmem->name, "state %s -> %s, event %u", vmem_state_name(vmem->state),
             vmem_state_name(state), event);
    if (vmem->state == VMEM_STATE_MIGRATING)
        end_migration(vmem);
    if (state == VMEM_STATE_BROKEN || state == VMEM_STATE_QUIESCED)
        vmem->wait.reason = VMEM_WAIT_NONE;
    if (state == VMEM_STATE_BROKEN)
        vmem->is_ready = true;
    if (state == VMEM_STATE_PROBING || vmem->state == VMEM_STATE_PROBING)
        vmem_want_look(vmem, VMEM_LOOK_ALL);
    vmem->state = state;
    vmem_plan_forget(&vmem->planner);
}

void vmem_notice_broken(struct vmem_device *vmem, enum vmem_event event)
{
    if (vmem->virtio->broken && vmem->state != VMEM_STATE_BROKEN)
        vmem_enter(vmem, VMEM_STATE_BROKEN, event);
}

/* ---- waiting ---- */

const char *vmem_wait_text(enum vmem_wait_reason reason)
{
    static const char *const texts[] = {
        [VMEM_WAIT_NONE] = "nothing",
        [VMEM_WAIT_DEVICE_BUSY] = "the device is busy",
        [VMEM_WAIT_HOST_MEMORY] = "the host gives no more memory",
        [VMEM_WAIT_DEVICE_NACK] = "the device refuses the request (NACK)",
        [VMEM_WAIT_DEVICE_ERROR] = "the device answered ERROR",
        [VMEM_WAIT_DEVICE_RESET] = "the device was reset",
        [VMEM_WAIT_CONFIG_UNSTEADY] = "the config space does not hold still",
        [VMEM_WAIT_ONLINE_MEMORY] = "mm has no memory to bring blocks online",
        [VMEM_WAIT_OFFLINE_MEMORY] = "mm has no memory to take blocks offline",
        [VMEM_WAIT_ROOM] = "boot RAM has no room for the page tables and metadata of more",
        [VMEM_WAIT_MEMORY_LIMIT] = "the memory limit is reached",
        [VMEM_WAIT_USABLE_REGION] = "no unplugged block is left in the usable region",
        [VMEM_WAIT_PAGES_IN_USE] = "pages in use keep blocks plugged",
        [VMEM_WAIT_MIGRATION_REFUSED] = "an owner does not let its pages be moved",
        [VMEM_WAIT_MIGRATION_ROOM] = "no memory is left to move pages to",
    };
    return texts[reason];
}

static bool is_for_allocator(enum vmem_wait_reason reason)
{
    return reason == VMEM_WAIT_ONLINE_MEMORY || reason == VMEM_WAIT_OFFLINE_MEMORY;
}

bool vmem_must_wait(const struct vmem_device *vmem, uint64_t now_ms)
{
    if (now_ms >= vmem->wait.until_ms)
        return false;
    return vmem_is_tracking(vmem) || !is_for_allocator(vmem->wait.reason);
}

void vmem_wait_for_memory(struct vmem_device *vmem, uint64_t now_ms, enum vmem_wait_reason reason)
{
    vmem->wait.reason = reason;
    vmem->wait.until_ms = now_ms + VMEM_SLOW_MS;
}

void vmem_back_off(struct vmem_device *vmem, uint64_t now_ms, enum vmem_wait_reason reason,
                   enum vmem_event event)
{
    struct vmem_wait *wait = &vmem->wait;
    if (vmem->state == VMEM_STATE_MIGRATING)
        vmem_enter(vmem, VMEM_STATE_TRACKING, event);
    /* Several answers of one batch count once. */
    if (wait->until_ms <= now_ms || is_for_allocator(wait->reason)) {
        uint64_t previous_ms = wait->backoff_ms;
        wait->backoff_ms = previous_ms == 0 ? VMEM_BACKOFF_FIRST_MS
                                            : vmem_min(previous_ms * 2, VMEM_BACKOFF_LAST_MS);
        wait->until_ms = now_ms + wait->backoff_ms;
        if (wait->backoff_ms == VMEM_BACKOFF_LAST_MS && previous_ms != VMEM_BACKOFF_LAST_MS)
            vmem_log(VMEM_LOG_WARNING, vmem->name, "waiting, %s: requested=%llu plugged=%llu",
                     vmem_wait_text(reason), vmem_llu(vmem->config.requested_bytes),
                     vmem_llu(vmem->config.plugged_bytes));
    }
    wait->reason = reason;
    vmem->due.step_ms = wait->until_ms;
    /* The kernel waits for the first plan, but not for a device that is busy for long. */
    if (wait->backoff_ms == VMEM_BACKOFF_LAST_MS)
        vmem->is_ready = true;
}

/* ---- sending ---- */

bool vmem_send(struct vmem_device *vmem, const struct vmem_request *request, uint64_t now_ms)
{
    uint64_t bytes = request->type == VIRTIO_MEM_REQ_UNPLUG_ALL
                         ? vmem->config.region_bytes
                         : vmem_run_bytes(vmem, request->run);
    uint64_t deadline_ms = now_ms + ANSWER_LIMIT_MS + bytes / GIB * ANSWER_LIMIT_PER_GIB_MS;
    int status = vmem_requests_submit(&vmem->requests, request, vmem->config.region_base,
                                      vmem->config.block_bytes, deadline_ms);
    if (status != VMEM_OK) {
        if (vmem->requests.nr_in_flight == 0 && !vmem->virtio->broken)
            vmem_virtio_break(vmem->virtio, "its queue has no room for one request: %s",
                              vmem_error_name(status));
        return false;
    }
    vmem->report.count.requests[request->type]++;
    vmem->report.requests_since++;
    if (request->type != VIRTIO_MEM_REQ_STATE)
        vmem->report.changes_since++;
    vmem_log(VMEM_LOG_DEBUG, vmem->name, "%s %llu blocks from %llu",
             vmem_request_name(request->type), vmem_llu(request->run.nr_blocks),
             vmem_llu(request->run.first));
    return true;
}

void vmem_publish(struct vmem_device *vmem)
{
    vmem_queue_publish(vmem->requests.queue);
}
