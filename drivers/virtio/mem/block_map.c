/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block map; see the header. Two bitmaps in one piece of memory, worked on a word at a time: no
 * function walks block by block.
 */
#include "block_map.h"

#include "spec.h"

#define WORD_BITS 64

static uint64_t nr_words(uint64_t nr_blocks)
{
    return (nr_blocks + WORD_BITS - 1) / WORD_BITS;
}

/* Of the two bitmaps together. */
static size_t bitmap_bytes(uint64_t nr_blocks)
{
    return 2 * nr_words(nr_blocks) * sizeof(uint64_t);
}

int vmem_map_init(struct vmem_block_map *map, uint64_t nr_blocks)
{
    *map = (struct vmem_block_map){.nr_blocks = nr_blocks};
    if (nr_blocks == 0)
        return VMEM_OK;
    map->online = vmem_host_alloc(bitmap_bytes(nr_blocks));
    if (!map->online)
        return VMEM_E_NOMEM;
    map->in_doubt = map->online + nr_words(nr_blocks);
    memset(map->online, 0, bitmap_bytes(nr_blocks));
    return VMEM_OK;
}

void vmem_map_free(struct vmem_block_map *map)
{
    if (map->online)
        vmem_host_free(map->online, bitmap_bytes(map->nr_blocks));
    *map = (struct vmem_block_map){0};
}

static void fill_word(uint64_t *word, uint64_t mask, bool set)
{
    *word = set ? *word | mask : *word & ~mask;
}

static void fill(uint64_t *bitmap, struct vmem_run run, bool set)
{
    uint64_t end = run.first + run.nr_blocks;
    uint64_t *first = &bitmap[run.first / WORD_BITS];
    uint64_t *last = &bitmap[(end - 1) / WORD_BITS];
    uint64_t in_first = ~(uint64_t)0 << run.first % WORD_BITS;
    uint64_t in_last = ~(uint64_t)0 >> (WORD_BITS - 1 - (end - 1) % WORD_BITS);
    if (first == last) {
        fill_word(first, in_first & in_last, set);
        return;
    }
    fill_word(first, in_first, set);
    memset(first + 1, set ? 0xff : 0, (size_t)(last - first - 1) * sizeof(*first));
    fill_word(last, in_last, set);
}

/* The blocks of a run come into a state, or leave it. */
static void change(struct vmem_block_map *map, struct vmem_run run, enum vmem_block_state state,
                   bool comes)
{
    if (state == VMEM_BLOCK_UNPLUGGED)
        return;
    fill(state == VMEM_BLOCK_ONLINE ? map->online : map->in_doubt, run, comes);
    *(state == VMEM_BLOCK_ONLINE ? &map->nr_online : &map->nr_in_doubt) +=
        comes ? run.nr_blocks : 0 - run.nr_blocks;
}

void vmem_map_set(struct vmem_block_map *map, struct vmem_run run, enum vmem_block_state state)
{
    VMEM_ASSERT(run.first <= map->nr_blocks && run.nr_blocks <= map->nr_blocks - run.first);
    if (run.nr_blocks == 0)
        return;
    if (run.nr_blocks == map->nr_blocks) {
        memset(map->online, 0, bitmap_bytes(map->nr_blocks));
        map->nr_online = map->nr_in_doubt = 0;
    } else {
        enum vmem_block_state before = vmem_map_get(map, run.first);
        VMEM_ASSERT(vmem_map_get(map, run.first + run.nr_blocks - 1) == before);
        change(map, run, before, false);
    }
    change(map, run, state, true);
    if (state == VMEM_BLOCK_UNPLUGGED)
        map->first_unplugged = vmem_min(map->first_unplugged, run.first);
    else if (run.first <= map->first_unplugged)
        map->first_unplugged = vmem_max(map->first_unplugged, run.first + run.nr_blocks);
}

enum vmem_block_state vmem_map_get(const struct vmem_block_map *map, uint64_t block)
{
    VMEM_ASSERT(block < map->nr_blocks);
    uint64_t bit = (uint64_t)1 << block % WORD_BITS;
    if (map->online[block / WORD_BITS] & bit)
        return VMEM_BLOCK_ONLINE;
    return map->in_doubt[block / WORD_BITS] & bit ? VMEM_BLOCK_IN_DOUBT : VMEM_BLOCK_UNPLUGGED;
}

/* The first block in [from, to) that is in the state, or that is not; `to` if there is none. A
 * block is unplugged if it is in neither bitmap. */
static uint64_t find(const struct vmem_block_map *map, enum vmem_block_state state, bool is_in,
                     uint64_t from, uint64_t to)
{
    const uint64_t *one = state == VMEM_BLOCK_IN_DOUBT ? map->in_doubt : map->online;
    const uint64_t *other = state == VMEM_BLOCK_UNPLUGGED ? map->in_doubt : one;
    uint64_t flip = is_in == (state != VMEM_BLOCK_UNPLUGGED) ? 0 : ~(uint64_t)0;
    uint64_t end = nr_words(to);
    uint64_t index = from / WORD_BITS;
    uint64_t word = ((one[index] | other[index]) ^ flip) & ~(uint64_t)0 << from % WORD_BITS;
    while (word == 0) {
        if (++index >= end)
            return to;
        word = (one[index] | other[index]) ^ flip;
    }
    return vmem_min(index * WORD_BITS + (unsigned)__builtin_ctzll(word), to);
}

bool vmem_map_next(const struct vmem_block_map *map, enum vmem_block_state state, uint64_t from,
                   uint64_t to, struct vmem_run *run)
{
    to = vmem_min(to, map->nr_blocks);
    if (state == VMEM_BLOCK_UNPLUGGED)
        from = vmem_max(from, map->first_unplugged);
    if (from >= to)
        return false;
    run->first = find(map, state, true, from, to);
    if (run->first == to)
        return false;
    to = vmem_min(to, run->first + VIRTIO_MEM_NB_BLOCKS_MAX);
    run->nr_blocks = find(map, state, false, run->first, to) - run->first;
    return true;
}
