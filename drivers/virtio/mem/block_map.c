/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's book of blocks; see the header. Two bitmaps in one piece of
 * memory, worked on a word at a time: no function walks block by block.
 */
#include "drivers/virtio/mem/block_map.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

int vmem_map_init(struct vmem_block_map *blocks, u64 nr_blocks)
{
    *blocks = (struct vmem_block_map){.nr_blocks = nr_blocks, .memory = PADDR_NONE};
    if (nr_blocks == 0)
        return OK;
    u64 words = BITMAP_WORDS(nr_blocks);
    u64 bytes = align_up(2 * words * sizeof(u64), PAGE_BYTES);
    blocks->memory_frames = bytes / PAGE_BYTES;
    blocks->memory = page_alloc_run(blocks->memory_frames, PAGE_KERNEL);
    if (blocks->memory == PADDR_NONE)
        return E_NOMEM;
    blocks->online = phys_to_virt(blocks->memory);
    blocks->in_doubt = blocks->online + words;
    memset(blocks->online, 0, bytes);
    return OK;
}

void vmem_map_free(struct vmem_block_map *blocks)
{
    if (blocks->memory != PADDR_NONE)
        page_free_run(blocks->memory, blocks->memory_frames);
    *blocks = (struct vmem_block_map){.memory = PADDR_NONE};
}

void vmem_map_set(struct vmem_block_map *blocks, struct vmem_run run, enum vmem_block_state state)
{
    ASSERT(run.first <= blocks->nr_blocks && run.nr_blocks <= blocks->nr_blocks - run.first);
    blocks->nr_online -= bitmap_count_range(blocks->online, run.first, run.nr_blocks);
    blocks->nr_in_doubt -= bitmap_count_range(blocks->in_doubt, run.first, run.nr_blocks);
    bitmap_clear_range(blocks->online, run.first, run.nr_blocks);
    bitmap_clear_range(blocks->in_doubt, run.first, run.nr_blocks);
    if (state == VMEM_BLOCK_ONLINE) {
        bitmap_set_range(blocks->online, run.first, run.nr_blocks);
        blocks->nr_online += run.nr_blocks;
    } else if (state == VMEM_BLOCK_IN_DOUBT) {
        bitmap_set_range(blocks->in_doubt, run.first, run.nr_blocks);
        blocks->nr_in_doubt += run.nr_blocks;
    }
}

enum vmem_block_state vmem_map_get(const struct vmem_block_map *blocks, u64 block)
{
    ASSERT(block < blocks->nr_blocks);
    if (bitmap_test(blocks->online, block))
        return VMEM_BLOCK_ONLINE;
    return bitmap_test(blocks->in_doubt, block) ? VMEM_BLOCK_IN_DOUBT : VMEM_BLOCK_UNPLUGGED;
}

static bool next_set(const u64 *bitmap, u64 from, u64 to, struct vmem_run *run)
{
    run->first = bitmap_find_set(bitmap, to, from);
    if (run->first >= to)
        return false;
    run->nr_blocks = min_u64(bitmap_find_clear(bitmap, to, run->first), to) - run->first;
    return true;
}

/* Unplugged is what is clear in both bitmaps: skip over the runs that are set in either. */
static bool next_unplugged(const struct vmem_block_map *blocks, u64 from, u64 to,
                           struct vmem_run *run)
{
    u64 first = from;
    for (u64 next = from;; first = next) {
        next = min_u64(bitmap_find_clear(blocks->online, to, first), to);
        next = min_u64(bitmap_find_clear(blocks->in_doubt, to, next), to);
        if (next == first)
            break;
    }
    if (first >= to)
        return false;
    u64 end = min_u64(bitmap_find_set(blocks->online, to, first), to);
    end = min_u64(bitmap_find_set(blocks->in_doubt, end, first), end);
    *run = (struct vmem_run){first, end - first};
    return true;
}

bool vmem_map_next(const struct vmem_block_map *blocks, enum vmem_block_state state, u64 from,
                   u64 to, struct vmem_run *run)
{
    to = min_u64(to, blocks->nr_blocks);
    if (from >= to)
        return false;
    if (state == VMEM_BLOCK_UNPLUGGED)
        return next_unplugged(blocks, from, to, run);
    return next_set(state == VMEM_BLOCK_ONLINE ? blocks->online : blocks->in_doubt, from, to, run);
}
