/* SPDX-License-Identifier: BSD-2-Clause */
/* For machine.h: memory operations that do what include/vmem/memory.h says, and what the driver
 * owes them. */
#ifndef TIDE_TESTS_PROOFS_MACHINE_MEMORY_H
#define TIDE_TESTS_PROOFS_MACHINE_MEMORY_H

static int any_error(void)
{
    return nondet_bool() ? VMEM_E_BUSY : VMEM_E_NOMEM;
}

static int mm_add_region(void *context, struct vmem_region *region)
{
    (void)context, (void)region;
    return nondet_bool() ? VMEM_OK : VMEM_E_EXIST;
}

static int mm_remove_region(void *context, uint64_t base)
{
    (void)context;
    PROVE(base == PROOF_BASE && proof.used == 0);
    return VMEM_OK;
}

static int mm_online(void *context, uint64_t base, uint64_t bytes)
{
    (void)context;
    blocks_t blocks = blocks_of(run_at(base, bytes));
    PROVE(is_in(blocks, proof.plugged) && (blocks & proof.used) == 0);
    PROVE((blocks & (proof.plug | proof.unplug | proof.probe)) == 0 && !proof.all);
    if (nondet_bool())
        return VMEM_E_NOMEM;
    proof.used |= blocks;
    return VMEM_OK;
}

static int mm_offline(void *context, uint64_t base, uint64_t bytes)
{
    (void)context;
    blocks_t blocks = blocks_of(run_at(base, bytes));
    PROVE(is_in(blocks, proof.used));
    if (nondet_bool())
        return any_error();
    proof.used &= ~blocks;
    return VMEM_OK;
}

static bool any_idle(struct vmem_range *range)
{
    struct vmem_run run = any_run();
    ASSUME(is_in(blocks_of(run), proof.used));
    *range = range_of(run);
    return true;
}

static bool mm_next_idle(void *context, uint64_t from, uint64_t to, struct vmem_range *idle)
{
    (void)context, (void)from, (void)to;
    return proof.used != 0 && nondet_bool() && any_idle(idle);
}

static uint64_t mm_used_bytes(void *context, uint64_t base, uint64_t bytes)
{
    (void)context, (void)base, (void)bytes;
    return proof.used == 0 ? 0 : nondet_u64();
}

static uint64_t mm_room(void *context, uint64_t base, uint64_t bytes)
{
    (void)context, (void)base, (void)bytes;
    return nondet_u64();
}

static uint64_t mm_migration_begin(void *context, uint64_t from, uint64_t to, uint64_t bytes,
                                   enum vmem_migration_attempt attempt)
{
    (void)context, (void)attempt;
    (void)bytes;
    PROVE(from == PROOF_BASE && to >= from);
    return nondet_u64();
}

static enum vmem_migration mm_migration_step(void *context, struct vmem_range *emptied)
{
    (void)context;
    enum vmem_migration result = nondet_u8() % 5;
    if (result == VMEM_MIGRATION_EMPTIED && (proof.used == 0 || !any_idle(emptied)))
        return VMEM_MIGRATION_NONE;
    return result;
}

static int mm_migration_take(void *context, uint64_t max_bytes, struct vmem_range *taken)
{
    (void)context;
    if (proof.used == 0 || nondet_bool() || !any_idle(taken))
        return VMEM_E_NODEV;
    ASSUME(taken->bytes <= max_bytes);
    if (nondet_bool())
        return any_error();
    proof.used &= ~blocks_of(run_at(taken->base, taken->bytes));
    return VMEM_OK;
}

static enum vmem_migration mm_migration_obstacle(void *context)
{
    (void)context;
    static const enum vmem_migration obstacles[] = {VMEM_MIGRATION_NONE, VMEM_MIGRATION_REFUSED,
                                                    VMEM_MIGRATION_NO_ROOM};
    return obstacles[nondet_u8() % 3];
}

static void mm_migration_end(void *context)
{
    (void)context;
}

static const struct vmem_memory_ops proof_memory = {
    .add_region = mm_add_region,
    .remove_region = mm_remove_region,
    .online = mm_online,
    .offline = mm_offline,
    .next_idle = mm_next_idle,
    .used_bytes = mm_used_bytes,
    .room = mm_room,
    .migration_begin = mm_migration_begin,
    .migration_step = mm_migration_step,
    .migration_take = mm_migration_take,
    .migration_obstacle = mm_migration_obstacle,
    .migration_end = mm_migration_end,
};

#endif
