/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MIGRATING: moving pages out of blocks, when the host wants more back than is idle.
 *
 *     plan finds too few idle blocks -> begin: the allocator chooses blocks, and isolates them
 *       -> a step a call: at most 2 MiB are moved; everyone else has a turn, and the next call
 *          looks at the config first
 *       -> enough, or many runs: take what is empty offline, one UNPLUG a run
 *       -> nothing left to move: choose others, or stay short and say why
 *
 * Leaving the state ends the session: isolated blocks can be used again, and a later try begins
 * anew. Emptied blocks stay online in the map until a request names them, so that a host that
 * changes its mind loses nothing.
 */
#include "device.h"

/* Blocks online above what is to be plugged. */
static uint64_t excess_blocks(const struct vmem_device *vmem)
{
    uint64_t target = vmem->target_bytes / vmem->config.block_bytes;
    return vmem->map.nr_online > target ? vmem->map.nr_online - target : 0;
}

uint64_t vmem_migrated_bytes(struct vmem_device *vmem)
{
    struct vmem_migrate *migrate = &vmem->migrate;
    if (excess_blocks(vmem) == 0) { /* the host wants the memory after all */
        if (vmem->state == VMEM_STATE_MIGRATING)
            vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_CONFIG);
        migrate->is_tried = migrate->is_short = false;
    }
    return vmem_min(migrate->nr_empty, excess_blocks(vmem)) * vmem->config.block_bytes;
}

/* ---- beginning and ending ---- */

static bool begin(struct vmem_device *vmem, enum vmem_migration_attempt attempt)
{
    struct vmem_migrate *migrate = &vmem->migrate;
    const struct vmem_options *options = &vmem->options;
    if (!migrate->is_tried || migrate->target_bytes != vmem->target_bytes)
        attempt = VMEM_MIGRATION_FIRST;
    migrate->is_tried = true;
    migrate->target_bytes = vmem->target_bytes;
    migrate->nr_empty = migrate->nr_runs = 0;
    migrate->has_chosen = false;
    if (options->memory->migration_begin(options->memory_context, vmem->config.region_base,
                                         vmem_block_address(vmem, vmem_usable_blocks(vmem)),
                                         excess_blocks(vmem) * vmem->config.block_bytes,
                                         attempt) == 0)
        return false;
    if (vmem->state != VMEM_STATE_MIGRATING)
        vmem_enter(vmem, VMEM_STATE_MIGRATING, VMEM_EVENT_MEMORY);
    return true;
}

/* Nothing more can be chosen: say why, and when to try again. */
static int fall_short(struct vmem_device *vmem, uint64_t now_ms)
{
    static const enum vmem_wait_reason reasons[] = {
        [VMEM_MIGRATION_NONE] = VMEM_WAIT_PAGES_IN_USE,
        [VMEM_MIGRATION_REFUSED] = VMEM_WAIT_MIGRATION_REFUSED,
        [VMEM_MIGRATION_NO_ROOM] = VMEM_WAIT_MIGRATION_ROOM,
    };
    struct vmem_migrate *migrate = &vmem->migrate;
    const struct vmem_options *options = &vmem->options;
    if (vmem->state == VMEM_STATE_MIGRATING)
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_MEMORY);
    migrate->trouble = reasons[options->memory->migration_obstacle(options->memory_context)];
    migrate->is_short = true;
    migrate->is_tried &= migrate->has_chosen; /* else what is left may be where pages came to */
    migrate->was_freed = false;
    migrate->wait_ms = migrate->wait_ms == 0 ? VMEM_BACKOFF_FIRST_MS
                                             : vmem_min(migrate->wait_ms * 2, VMEM_BACKOFF_LAST_MS);
    migrate->retry_at_ms = now_ms + migrate->wait_ms;
    return VMEM_E_NODEV;
}

/*
 * For a new requested size at once. Else after a while, longer each time, if pages were freed
 * meanwhile, or if what was in the way may pass without that.
 */
static bool is_due(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_migrate *migrate = &vmem->migrate;
    if (!migrate->is_short || migrate->target_bytes != vmem->target_bytes) {
        migrate->is_short = false;
        migrate->wait_ms = 0;
        return true;
    }
    return now_ms >= migrate->retry_at_ms &&
           (migrate->trouble != VMEM_WAIT_PAGES_IN_USE || migrate->was_freed);
}

/* ---- a step ---- */

static enum vmem_migration move_some(struct vmem_device *vmem)
{
    struct vmem_migrate *migrate = &vmem->migrate;
    struct vmem_range emptied;
    vmem->planner.budget = 0; /* one step a call */
    enum vmem_migration result =
        vmem->options.memory->migration_step(vmem->options.memory_context, &emptied);
    migrate->has_chosen |= result == VMEM_MIGRATION_REFUSED || result == VMEM_MIGRATION_EMPTIED;
    if (result == VMEM_MIGRATION_REFUSED)
        vmem->report.count.migration_refusals++;
    if (result != VMEM_MIGRATION_EMPTIED)
        return result;
    if (migrate->nr_empty == 0 || emptied.base + emptied.bytes != migrate->lowest)
        migrate->nr_runs++;
    migrate->lowest = emptied.base;
    migrate->nr_empty += emptied.bytes / vmem->config.block_bytes;
    vmem->report.count.migrated_blocks += emptied.bytes / vmem->config.block_bytes;
    return result;
}

/* Unplug what is empty, the highest runs first: as many as there is room for in the queue.
 * VMEM_E_NODEV if nothing was sent, and as vmem_take_emptied(). */
static int send_empty(struct vmem_device *vmem, uint64_t nr_blocks, uint64_t now_ms)
{
    struct vmem_migrate *migrate = &vmem->migrate;
    struct vmem_request request = {VIRTIO_MEM_REQ_UNPLUG, VMEM_PURPOSE_TRACK, {0, 0}};
    unsigned nr_sent = 0;
    int status = VMEM_OK;
    while (nr_sent < VMEM_REQUESTS_MAX && nr_blocks > 0 && status == VMEM_OK) {
        status = vmem_take_emptied(vmem, nr_blocks, &request.run, now_ms);
        if (status != VMEM_OK)
            break;
        if (!vmem_send(vmem, &request, now_ms)) {
            (void)vmem_bring_online(vmem, request.run, now_ms);
            break;
        }
        nr_sent++;
        nr_blocks -= request.run.nr_blocks;
        migrate->nr_empty -= vmem_min(request.run.nr_blocks, migrate->nr_empty);
        migrate->nr_runs -= migrate->nr_runs > 1;
    }
    if (nr_sent != 0) {
        migrate->wait_ms = 0;
        return VMEM_OK;
    }
    return status == VMEM_OK ? VMEM_E_NODEV : status;
}

/* Whether pages are still to be moved before the next requests. */
static bool is_moving(const struct vmem_device *vmem)
{
    return vmem->migrate.nr_empty < excess_blocks(vmem) &&
           vmem->migrate.nr_runs <= VMEM_REQUESTS_MAX;
}

int vmem_migrate_step(struct vmem_device *vmem, uint64_t now_ms)
{
    enum vmem_migration moved = VMEM_MIGRATION_ONGOING;
    if (excess_blocks(vmem) == 0 || vmem->is_detaching || !vmem->options.memory->migration_begin)
        return VMEM_E_NODEV;
    if (vmem->state != VMEM_STATE_MIGRATING) {
        if (!is_due(vmem, now_ms))
            return VMEM_E_NODEV;
        return begin(vmem, VMEM_MIGRATION_NEXT) ? VMEM_OK : fall_short(vmem, now_ms);
    }
    if (is_moving(vmem)) {
        moved = move_some(vmem);
        if (moved != VMEM_MIGRATION_NONE && moved != VMEM_MIGRATION_NO_ROOM && is_moving(vmem))
            return VMEM_OK;
    }
    int status = send_empty(vmem, excess_blocks(vmem), now_ms);
    if (status != VMEM_E_NODEV)
        return status;
    if (vmem->migrate.nr_empty != 0) {
        /* Less than the allocator takes offline at once: used again, they are idle as any other. */
        vmem_enter(vmem, VMEM_STATE_TRACKING, VMEM_EVENT_MEMORY);
        return VMEM_OK;
    }
    /* Without room for one page the next blocks fare no better: wait for some. If nothing was
     * chosen, nothing else will be. */
    if (moved != VMEM_MIGRATION_NO_ROOM && vmem->migrate.has_chosen &&
        begin(vmem, VMEM_MIGRATION_CONTINUE))
        return VMEM_OK;
    return fall_short(vmem, now_ms);
}

bool vmem_migrate_is_freed(struct vmem_device *vmem, uint64_t now_ms)
{
    struct vmem_run idle;
    if (!__atomic_exchange_n(&vmem->is_memory_freed, false, __ATOMIC_RELAXED) ||
        !vmem_is_short_of_idle(vmem))
        return false;
    vmem->migrate.was_freed = true;
    return now_ms >= vmem->migrate.retry_at_ms ||
           vmem_next_idle(vmem, 0, vmem_usable_blocks(vmem), &idle);
}
