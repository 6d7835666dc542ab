/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block map; see the header. Two bitmaps in one piece of memory, worked on a word at a time: no
 * function walks block by block.
 */
#include "block_map.h"

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

/* By halves: a compiler's own count may be a call into its library. */
static inline unsigned count_bits(uint64_t word)
{
    if (word == 0 || word == ~(uint64_t)0)
        return word == 0 ? 0 : WORD_BITS;
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (unsigned)(word * 0x0101010101010101 >> 56);
}

/* The bits of word `index` that lie in [first, end). */
static uint64_t mask_of(uint64_t index, uint64_t first, uint64_t end)
{
    uint64_t mask = ~(uint64_t)0;
    if (first > index * WORD_BITS)
        mask <<= first - index * WORD_BITS;
    if (end < (index + 1) * WORD_BITS)
        mask &= ~(uint64_t)0 >> ((index + 1) * WORD_BITS - end);
    return mask;
}

/* Set or clear the bits of a mask. How many more are set than before, modulo 2^64. */
static uint64_t change_bits(uint64_t *word, uint64_t mask, bool set)
{
    uint64_t changed = (set ? ~*word : *word) & mask;
    *word ^= changed;
    return set ? count_bits(changed) : 0 - (uint64_t)count_bits(changed);
}

/* The same for all bits of a run. Most words of a long run are of one kind before and after. */
static uint64_t change_run(uint64_t *bitmap, struct vmem_run run, bool set)
{
    uint64_t end = run.first + run.nr_blocks;
    uint64_t last = end / WORD_BITS;
    uint64_t index = run.first / WORD_BITS;
    uint64_t wanted = set ? ~(uint64_t)0 : 0;
    uint64_t more = change_bits(&bitmap[index], mask_of(index, run.first, end), set);
    for (index++; index < last; index++) {
        if (bitmap[index] == ~wanted) {
            bitmap[index] = wanted;
            more += set ? WORD_BITS : 0 - (uint64_t)WORD_BITS;
        } else if (bitmap[index] != wanted) {
            more += change_bits(&bitmap[index], ~(uint64_t)0, set);
        }
    }
    if (index == last && end % WORD_BITS != 0)
        more += change_bits(&bitmap[index], mask_of(index, run.first, end), set);
    return more;
}

void vmem_map_set(struct vmem_block_map *map, struct vmem_run run, enum vmem_block_state state)
{
    VMEM_ASSERT(run.first <= map->nr_blocks && run.nr_blocks <= map->nr_blocks - run.first);
    if (run.nr_blocks == 0)
        return;
    map->nr_online += change_run(map->online, run, state == VMEM_BLOCK_ONLINE);
    map->nr_in_doubt += change_run(map->in_doubt, run, state == VMEM_BLOCK_IN_DOUBT);
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
    if (from >= to)
        return false;
    run->first = find(map, state, true, from, to);
    if (run->first == to)
        return false;
    run->nr_blocks = find(map, state, false, run->first, to) - run->first;
    return true;
}
