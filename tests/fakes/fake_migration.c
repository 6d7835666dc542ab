/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations of fake_memory.h that empty blocks: the chosen blocks are those with the fewest
 * used pages, all of them movable, and no more than the free pages of the others can take. They are
 * emptied from the top.
 */
#include <stdio.h>

#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_memory_internal.h"
#include "tests/unit/unit.h"

static void end(struct fake_memory *memory)
{
    for (uint64_t i = 0; i < memory->nr_blocks; i++)
        memory->blocks[i].is_chosen = memory->blocks[i].is_emptied = false;
}

void fake_migration_end(void *context)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_END);
    end(memory);
    fake_memory_leave(memory);
}

/* ---- choosing ---- */

/* Mark the blocks with a page that is fixed, or was moved or refused, if that counts. */
static void find_pinned(struct fake_memory *memory, bool moved_stay, bool refused_stay)
{
    for (uint64_t i = 0; i < memory->nr_blocks; i++)
        memory->blocks[i].is_pinned = false;
    for (unsigned i = 0; i < memory->nr_runs; i++) {
        const struct fake_memory_run *run = &memory->runs[i];
        if (run->nr_pages == 0)
            continue;
        bool stays = run->mobility == FAKE_FIXED || (moved_stay && run->was_moved) ||
                     (refused_stay && run->was_refused);
        uint64_t last = (run->first + run->nr_pages - 1) / memory->block_pages;
        for (uint64_t block = run->first / memory->block_pages; block <= last; block++)
            memory->blocks[block].is_pinned |= stays;
    }
}

static void forget(struct fake_memory *memory, enum vmem_migration_attempt attempt)
{
    for (unsigned i = 0; i < memory->nr_runs; i++) {
        memory->runs[i].was_moved &= attempt != VMEM_MIGRATION_FIRST;
        memory->runs[i].was_refused &= attempt == VMEM_MIGRATION_CONTINUE;
    }
}

static bool can_empty(const struct fake_memory_block *block)
{
    return block->is_online && !block->is_chosen && !block->is_pinned && block->nr_used != 0;
}

/* The one with the fewest used pages, of several the highest; NULL if there is none. */
static struct fake_memory_block *cheapest(struct fake_memory *memory, uint64_t from, uint64_t to)
{
    struct fake_memory_block *found = NULL;
    for (uint64_t i = from; i < to; i++) {
        struct fake_memory_block *block = &memory->blocks[i];
        if (can_empty(block) && (!found || block->nr_used <= found->nr_used))
            found = block;
    }
    return found;
}

static uint64_t count_free(const struct fake_memory *memory)
{
    uint64_t nr_free = 0;
    for (uint64_t i = 0; i < memory->nr_blocks; i++) {
        if (memory->blocks[i].is_online && !memory->blocks[i].is_chosen)
            nr_free += memory->block_pages - memory->blocks[i].nr_used;
    }
    return nr_free;
}

uint64_t fake_migration_begin(void *context, uint64_t from, uint64_t to, uint64_t bytes,
                              enum vmem_migration_attempt attempt)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_BEGIN);
    uint64_t first, last, nr_chosen = 0, nr_to_move = 0;
    fake_memory_expect_blocks(memory, from, to - from, &first, &last);
    uint64_t wanted = bytes / memory->region.block_bytes;
    end(memory);
    forget(memory, attempt);
    find_pinned(memory, true, true);
    while (nr_chosen < wanted) {
        struct fake_memory_block *block = cheapest(memory, first, last);
        if (!block)
            break;
        block->is_chosen = true;
        nr_to_move += block->nr_used;
        if (nr_to_move > count_free(memory)) {
            block->is_chosen = false;
            break;
        }
        nr_chosen++;
    }
    fake_memory_leave(memory);
    return nr_chosen * memory->region.block_bytes;
}

/* ---- moving ---- */

/* The highest chosen block that is not yet empty; nr_blocks if there is none. */
static uint64_t next_block(const struct fake_memory *memory)
{
    for (uint64_t i = memory->nr_blocks; i-- > 0;) {
        if (memory->blocks[i].is_chosen && !memory->blocks[i].is_emptied)
            return i;
    }
    return memory->nr_blocks;
}

static enum vmem_migration move_run(struct fake_memory *memory, unsigned index)
{
    struct fake_memory_run *run = &memory->runs[index];
    struct fake_memory_run moved = *run;
    if (memory->knobs.refuses || memory->knobs.refused_run == index) {
        run->was_refused = true;
        memory->nr_refusals++;
        return VMEM_MIGRATION_REFUSED;
    }
    if (!fake_memory_find_free(memory, 0, memory->nr_blocks * memory->block_pages, run->nr_pages,
                               &moved.first))
        return VMEM_MIGRATION_NO_ROOM;
    moved.was_moved = true;
    moved.nr_moves++;
    fake_memory_mark(memory, &moved, true);
    fake_memory_mark(memory, run, false);
    *run = moved;
    memory->nr_moves++;
    return VMEM_MIGRATION_ONGOING;
}

/* Move runs of the block until so many pages were moved; at least one. */
static enum vmem_migration empty_some(struct fake_memory *memory, uint64_t block)
{
    uint64_t nr_moved = 0;
    for (unsigned i = 0; i < memory->nr_runs && nr_moved < memory->knobs.pages_per_step; i++) {
        const struct fake_memory_run *run = &memory->runs[i];
        if (run->nr_pages == 0 || run->first / memory->block_pages != block)
            continue;
        enum vmem_migration result = move_run(memory, i);
        if (result != VMEM_MIGRATION_ONGOING)
            return result;
        nr_moved += run->nr_pages;
    }
    return memory->blocks[block].nr_used == 0 ? VMEM_MIGRATION_EMPTIED : VMEM_MIGRATION_ONGOING;
}

enum vmem_migration fake_migration_step(void *context, struct vmem_range *emptied)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_STEP);
    uint64_t block = next_block(memory);
    enum vmem_migration result = VMEM_MIGRATION_NONE;
    if (block < memory->nr_blocks) {
        result = empty_some(memory, block);
        if (result == VMEM_MIGRATION_EMPTIED) {
            memory->blocks[block].is_emptied = true;
            *emptied = (struct vmem_range){fake_memory_block_base(memory, block),
                                           memory->region.block_bytes};
        } else if (result != VMEM_MIGRATION_ONGOING) {
            memory->blocks[block].is_chosen = false;
        }
    }
    fake_memory_leave(memory);
    return result;
}

int fake_migration_take(void *context, uint64_t max_bytes, struct vmem_range *taken)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_TAKE);
    uint64_t max_blocks = max_bytes / memory->region.block_bytes;
    uint64_t to = memory->nr_blocks;
    int error = VMEM_E_NODEV;
    while (to > 0 && !memory->blocks[to - 1].is_emptied)
        to--;
    uint64_t from = to;
    while (from > 0 && memory->blocks[from - 1].is_emptied && to - from < max_blocks)
        from--;
    if (from != to) {
        for (uint64_t i = from; i < to; i++)
            memory->blocks[i].is_chosen = memory->blocks[i].is_emptied = false;
        *taken = (struct vmem_range){fake_memory_block_base(memory, from),
                                     (to - from) * memory->region.block_bytes};
        error = fake_memory_offline_blocks(memory, from, to);
    }
    fake_memory_leave(memory);
    return error;
}

/* ---- what is in the way ---- */

/* A run that was refused; or blocks of movable runs alone, for which there was no room. */
enum vmem_migration fake_migration_obstacle(void *context)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_OBSTACLE);
    enum vmem_migration obstacle = VMEM_MIGRATION_NONE;
    find_pinned(memory, false, false);
    if (cheapest(memory, 0, memory->nr_blocks))
        obstacle = VMEM_MIGRATION_NO_ROOM;
    for (unsigned i = 0; i < memory->nr_runs; i++) {
        if (memory->runs[i].nr_pages != 0 && memory->runs[i].was_refused)
            obstacle = VMEM_MIGRATION_REFUSED;
    }
    fake_memory_leave(memory);
    return obstacle;
}

void fake_migration_describe_pinned(void *context, uint64_t base, uint64_t bytes, char *text,
                                    size_t text_bytes)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_DESCRIBE);
    uint64_t from, to, nr_fixed = 0, nr_movable = 0;
    fake_memory_expect_blocks(memory, base, bytes, &from, &to);
    find_pinned(memory, false, true);
    for (uint64_t i = from; i < to; i++) {
        nr_fixed += memory->blocks[i].is_pinned;
        nr_movable += !memory->blocks[i].is_pinned && memory->blocks[i].nr_used != 0;
    }
    snprintf(text, text_bytes, "blocks fixed=%llu movable=%llu", (unsigned long long)nr_fixed,
             (unsigned long long)nr_movable);
    fake_memory_leave(memory);
}
