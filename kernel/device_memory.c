/* SPDX-License-Identifier: BSD-2-Clause */
/* See device_memory.h. Results cross over as they are: kernel/vmem_host.c asserts their numbers. */
#include "kernel/device_memory.h"

#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/printf.h"
#include "mm/page.h"

static u32 node_of_address(paddr_t paddr)
{
    for_each_extra (extra) {
        if (extra->node_of)
            return extra->node_of(paddr);
    }
    return 0;
}

static int add_region(void *context, struct vmem_region *region)
{
    struct device_memory *memory = context;
    /* SRAT may put all of hotpluggable memory into one node; the device's word is better. */
    if (!region->has_node_id)
        region->node_id = (u16)node_of_address(region->base);
    int status = hotplug_add_region(region->base, region->bytes, region->block_bytes,
                                    region->node_id, region->name);
    if (status == OK)
        memory->region = *region;
    return status;
}

static int remove_region(void *context, u64 base)
{
    struct device_memory *memory = context;
    int status = hotplug_remove_region(base);
    if (status == OK)
        memory->region.bytes = 0;
    return status;
}

static int online(void *context, u64 base, u64 bytes)
{
    (void)context;
    return hotplug_online(base, bytes);
}

static int offline(void *context, u64 base, u64 bytes)
{
    (void)context;
    return hotplug_offline(base, bytes);
}

static bool next_idle(void *context, u64 from, u64 to, struct vmem_range *idle)
{
    struct hotplug_range range;
    (void)context;
    if (!hotplug_next_idle(from, to, &range))
        return false;
    *idle = (struct vmem_range){range.base, range.bytes};
    return true;
}

static u64 used_bytes(void *context, u64 base, u64 bytes)
{
    (void)context;
    return hotplug_used_frames(base, bytes) * PAGE_BYTES;
}

static u64 room(void *context, u64 base, u64 bytes)
{
    (void)context;
    return hotplug_room(base, bytes);
}

/* ---- moving pages ---- */

static u64 migration_begin(void *context, u64 from, u64 to, u64 bytes,
                           enum vmem_migration_attempt attempt)
{
    static const enum hotplug_try tries[] = {
        [VMEM_MIGRATION_FIRST] = HOTPLUG_FIRST_TRY,
        [VMEM_MIGRATION_NEXT] = HOTPLUG_NEXT_TRY,
        [VMEM_MIGRATION_CONTINUE] = HOTPLUG_SAME_TRY,
    };
    struct device_memory *memory = context;
    hotplug_migrate_begin(&memory->session, from, to, bytes / memory->region.block_bytes,
                          tries[attempt]);
    return VMEM_MIGRATION_LATER;
}

static enum vmem_migration migration_step(void *context, struct vmem_range *emptied)
{
    struct device_memory *memory = context;
    struct hotplug_range range;
    switch (hotplug_migrate_step(&memory->session, &range)) {
    case OK:
        *emptied = (struct vmem_range){range.base, range.bytes};
        return VMEM_MIGRATION_EMPTIED;
    case E_AGAIN:
        return VMEM_MIGRATION_ONGOING;
    case E_BUSY:
        return VMEM_MIGRATION_REFUSED;
    case E_NOMEM:
        return VMEM_MIGRATION_NO_ROOM;
    default:
        return VMEM_MIGRATION_NONE;
    }
}

static int migration_take(void *context, u64 max_bytes, struct vmem_range *taken)
{
    struct device_memory *memory = context;
    struct hotplug_range range = {0, 0};
    int status = hotplug_migrate_take(&memory->session, max_bytes, &range);
    *taken = (struct vmem_range){range.base, range.bytes};
    return status;
}

static enum vmem_migration migration_obstacle(void *context)
{
    const struct device_memory *memory = context;
    const struct hotplug_pinned *pinned = &memory->session.pinned;
    if (pinned->nr_failed != 0)
        return VMEM_MIGRATION_REFUSED;
    /* Where none was seen that stays, what was in use was about to be freed. */
    bool may_pass = pinned->nr_movable != 0 || pinned->nr_user + pinned->nr_metadata == 0;
    return may_pass ? VMEM_MIGRATION_NO_ROOM : VMEM_MIGRATION_NONE;
}

static void migration_end(void *context)
{
    struct device_memory *memory = context;
    hotplug_migrate_end(&memory->session);
}

/* "blocks user=12 metadata=0 refused=3 movable=0, refused by workload=3". */
static void describe_pinned(void *context, u64 base, u64 bytes, char *text, size_t text_bytes)
{
    const struct device_memory *memory = context;
    const struct hotplug_pinned *pinned = &memory->session.pinned;
    const char *owner;
    (void)base;
    (void)bytes;
    size_t length =
        snprintf(text, text_bytes, "%s user=%lu metadata=%lu refused=%lu movable=%lu",
                 memory->region.block_bytes != pinned->granule_bytes ? "pageblocks" : "blocks",
                 pinned->nr_user, pinned->nr_metadata, pinned->nr_failed, pinned->nr_movable);
    for (unsigned i = 0; (owner = page_owner_name(i)) != NULL && length < text_bytes; i++) {
        if (pinned->nr_failed_by[i] != 0)
            length += snprintf(text + length, text_bytes - length, ", refused by %s=%lu", owner,
                               pinned->nr_failed_by[i]);
    }
}

const struct vmem_memory_ops device_memory_ops = {
    .add_region = add_region,
    .remove_region = remove_region,
    .online = online,
    .offline = offline,
    .next_idle = next_idle,
    .used_bytes = used_bytes,
    .room = room,
    .migration_begin = migration_begin,
    .migration_step = migration_step,
    .migration_take = migration_take,
    .migration_obstacle = migration_obstacle,
    .migration_end = migration_end,
    .describe_pinned = describe_pinned,
};
