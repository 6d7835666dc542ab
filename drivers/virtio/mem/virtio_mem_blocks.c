/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's book of blocks; see the header. Two bitmaps in one piece of
 * memory, worked on a word at a time: no function walks block by block.
 */
#include "drivers/virtio/mem/virtio_mem_blocks.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

int vmem_blocks_init(struct vmem_blocks *blocks, u64 nr_blocks)
{
    *blocks = (struct vmem_blocks){.nr_blocks = nr_blocks, .memory = PADDR_NONE};
    if (nr_blocks == 0)
        return OK;
    u64 words = BITMAP_WORDS(nr_blocks);
    u64 bytes = align_up(2 * words * sizeof(u64), PAGE_BYTES);
    blocks->memory_frames = bytes / PAGE_BYTES;
    blocks->memory = page_alloc_run(blocks->memory_frames, PAGE_KERNEL);
    if (blocks->memory == PADDR_NONE)
        return E_NOMEM;
    blocks->online = phys_to_virt(blocks->memory);
    blocks->held = blocks->online + words;
    memset(blocks->online, 0, bytes);
    return OK;
}

void vmem_blocks_free(struct vmem_blocks *blocks)
{
    if (blocks->memory != PADDR_NONE)
        page_free_run(blocks->memory, blocks->memory_frames);
    *blocks = (struct vmem_blocks){.memory = PADDR_NONE};
}

void vmem_blocks_set(struct vmem_blocks *blocks, struct vmem_run run, enum vmem_block_state state)
{
    ASSERT(run.first <= blocks->nr_blocks && run.nr_blocks <= blocks->nr_blocks - run.first);
    blocks->nr_online -= bitmap_count_range(blocks->online, run.first, run.nr_blocks);
    blocks->nr_held -= bitmap_count_range(blocks->held, run.first, run.nr_blocks);
    bitmap_clear_range(blocks->online, run.first, run.nr_blocks);
    bitmap_clear_range(blocks->held, run.first, run.nr_blocks);
    if (state == VMEM_BLOCK_ONLINE) {
        bitmap_set_range(blocks->online, run.first, run.nr_blocks);
        blocks->nr_online += run.nr_blocks;
    } else if (state == VMEM_BLOCK_HELD) {
        bitmap_set_range(blocks->held, run.first, run.nr_blocks);
        blocks->nr_held += run.nr_blocks;
    }
}

enum vmem_block_state vmem_blocks_get(const struct vmem_blocks *blocks, u64 block)
{
    ASSERT(block < blocks->nr_blocks);
    if (bitmap_test(blocks->online, block))
        return VMEM_BLOCK_ONLINE;
    return bitmap_test(blocks->held, block) ? VMEM_BLOCK_HELD : VMEM_BLOCK_UNPLUGGED;
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
static bool next_unplugged(const struct vmem_blocks *blocks, u64 from, u64 to, struct vmem_run *run)
{
    u64 first = from;
    for (u64 next = from;; first = next) {
        next = min_u64(bitmap_find_clear(blocks->online, to, first), to);
        next = min_u64(bitmap_find_clear(blocks->held, to, next), to);
        if (next == first)
            break;
    }
    if (first >= to)
        return false;
    u64 end = min_u64(bitmap_find_set(blocks->online, to, first), to);
    end = min_u64(bitmap_find_set(blocks->held, end, first), end);
    *run = (struct vmem_run){first, end - first};
    return true;
}

bool vmem_blocks_next(const struct vmem_blocks *blocks, enum vmem_block_state state, u64 from,
                      u64 to, struct vmem_run *run)
{
    to = min_u64(to, blocks->nr_blocks);
    if (from >= to)
        return false;
    if (state == VMEM_BLOCK_UNPLUGGED)
        return next_unplugged(blocks, from, to, run);
    return next_set(state == VMEM_BLOCK_ONLINE ? blocks->online : blocks->held, from, to, run);
}
