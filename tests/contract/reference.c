/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference's memory: an allocator with a byte for each page, and the operations on it. */
#include "reference.h"

#include <string.h>

#include <vmem/error.h>

#define PAGE_BYTES VMEM_CONTRACT_PAGE_BYTES

enum {
    NR_BLOCKS = 12,
    PAGES_PER_BLOCK = 12, /* no power of two */
    NR_REGION_PAGES = NR_BLOCKS * PAGES_PER_BLOCK,
    NR_PAGES = NR_REGION_PAGES + 40, /* with those that are there from the beginning */
};

#define REGION_BASE UINT64_C(0x140000000)
#define OTHER_BASE  UINT64_C(0x100000)
#define BLOCK_BYTES ((uint64_t)PAGES_PER_BLOCK * PAGE_BYTES)

enum page_state { ABSENT, FREE, USED };

enum reference_fault reference_fault;

/* Pages of the region come first, then the others. */
static unsigned char states[NR_PAGES];
static uint64_t *owners[NR_PAGES]; /* of a movable page: where its address is kept */
static _Alignas(PAGE_BYTES) unsigned char memory[NR_PAGES][PAGE_BYTES];
static bool is_known;
static bool is_short;                                      /* for the fault ROOM_TOO_HIGH */
static unsigned nr_lost;                                   /* for the fault ONLINE_LOSES_MEMORY */
static bool is_isolated[NR_BLOCKS], is_emptied[NR_BLOCKS]; /* emptied blocks stay isolated */

static bool has(enum reference_fault fault)
{
    return reference_fault == fault;
}

/* ---- the allocator ---- */

static uint64_t address_of(unsigned page)
{
    return page < NR_REGION_PAGES ? REGION_BASE + (uint64_t)page * PAGE_BYTES
                                  : OTHER_BASE + (uint64_t)(page - NR_REGION_PAGES) * PAGE_BYTES;
}

static unsigned page_of(uint64_t address)
{
    return address >= REGION_BASE
               ? (unsigned)((address - REGION_BASE) / PAGE_BYTES)
               : NR_REGION_PAGES + (unsigned)((address - OTHER_BASE) / PAGE_BYTES);
}

static bool can_be_had(unsigned page)
{
    bool isolated = page < NR_REGION_PAGES && is_isolated[page / PAGES_PER_BLOCK];
    return states[page] == FREE && (!isolated || has(FAULT_EMPTIED_GIVEN_OUT));
}

static unsigned find_free(void)
{
    unsigned page = 0;
    while (page < NR_PAGES && !can_be_had(page))
        page++;
    return page;
}

static uint64_t page_alloc(void *context)
{
    (void)context;
    unsigned page = find_free();
    if (page == NR_PAGES)
        return VMEM_CONTRACT_NO_PAGE;
    states[page] = USED;
    return address_of(page);
}

static void page_free(void *context, uint64_t address)
{
    (void)context;
    states[page_of(address)] = FREE;
    owners[page_of(address)] = NULL;
}

static bool movable_alloc(void *context, uint64_t *address)
{
    *address = page_alloc(context);
    if (*address == VMEM_CONTRACT_NO_PAGE)
        return false;
    owners[page_of(*address)] = address;
    return true;
}

static void movable_free(void *context, uint64_t *address)
{
    page_free(context, *address);
}

static void *page_at(void *context, uint64_t address)
{
    (void)context;
    unsigned page = page_of(address);
    return memory[has(FAULT_PAGES_SHARE_MEMORY) ? page / 2 : page];
}

void *reference_take_from_region(size_t bytes)
{
    unsigned nr = (unsigned)((bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    for (unsigned page = 0; page + nr <= NR_REGION_PAGES; page++) {
        unsigned found = 0;
        while (found < nr && states[page + found] == FREE)
            found++;
        if (found == nr) {
            memset(&states[page], USED, nr);
            return memory[page];
        }
    }
    return NULL;
}

/* ---- blocks ---- */

static unsigned block_of(uint64_t address)
{
    return (unsigned)((address - REGION_BASE) / BLOCK_BYTES);
}

static unsigned count(unsigned block, enum page_state state)
{
    unsigned nr = 0;
    for (unsigned page = block * PAGES_PER_BLOCK; page < (block + 1) * PAGES_PER_BLOCK; page++)
        nr += states[page] == state;
    return nr;
}

static bool is_absent(unsigned block)
{
    return count(block, ABSENT) == PAGES_PER_BLOCK;
}

static bool is_idle(unsigned block)
{
    return count(block, FREE) == PAGES_PER_BLOCK;
}

static void set(unsigned block, enum page_state state)
{
    memset(&states[block * PAGES_PER_BLOCK], state, PAGES_PER_BLOCK);
    is_isolated[block] = is_emptied[block] = false;
}

/* ---- the operations ---- */

static int add_region(void *context, struct vmem_region *region)
{
    (void)context;
    if (is_known && !has(FAULT_ADD_ACCEPTS_OVERLAP))
        return VMEM_E_EXIST;
    if (region->base != REGION_BASE || region->bytes != NR_BLOCKS * BLOCK_BYTES)
        return VMEM_E_RANGE;
    is_known = true;
    if (has(FAULT_ADD_GIVES_OUT_ABSENT))
        states[3] = FREE;
    if (has(FAULT_ADD_CHANGES_BLOCK_SIZE))
        region->block_bytes = PAGE_BYTES;
    return VMEM_OK;
}

static int remove_region(void *context, uint64_t base)
{
    (void)context, (void)base;
    for (unsigned block = 0; block < NR_BLOCKS; block++)
        if (!is_absent(block) && !has(FAULT_REMOVE_WHILE_ONLINE))
            return VMEM_E_BUSY;
    is_known = false;
    return VMEM_OK;
}

static int online(void *context, uint64_t base, uint64_t bytes)
{
    (void)context;
    unsigned first = block_of(base), end = block_of(base + bytes);
    if (is_short)
        return VMEM_E_NOMEM;
    for (unsigned block = first; block < end; block++) {
        if (!is_absent(block) && !has(FAULT_ONLINE_ACCEPTS_PRESENT))
            return VMEM_E_EXIST;
        if (has(FAULT_ONLINE_HALF_ON_EXIST))
            set(block, FREE);
    }
    for (unsigned block = first; block < end; block++)
        set(block, FREE);
    if (has(FAULT_ONLINE_GIVES_OUT_MORE) && end < NR_BLOCKS)
        states[end * PAGES_PER_BLOCK] = FREE;
    if (has(FAULT_ONLINE_GIVES_OUT_LESS))
        states[first * PAGES_PER_BLOCK] = USED;
    if (has(FAULT_ONLINE_LOSES_MEMORY))
        states[NR_PAGES - 1 - nr_lost++ % (NR_PAGES - NR_REGION_PAGES)] = USED;
    return VMEM_OK;
}

static int offline(void *context, uint64_t base, uint64_t bytes)
{
    (void)context;
    unsigned first = block_of(base), end = block_of(base + bytes);
    for (unsigned block = first; block < end; block++) {
        if (!is_idle(block) && !has(FAULT_OFFLINE_ACCEPTS_USED))
            return VMEM_E_BUSY;
        if (has(FAULT_OFFLINE_HALF_ON_BUSY))
            set(block, ABSENT);
    }
    for (unsigned block = first; block < end; block++)
        set(block, ABSENT);
    if (has(FAULT_OFFLINE_LEAVES_PAGES))
        states[end * PAGES_PER_BLOCK - 1] = FREE;
    return VMEM_OK;
}

static bool next_idle(void *context, uint64_t from, uint64_t to, struct vmem_range *idle)
{
    (void)context;
    unsigned first = block_of(from), end = block_of(to);
    while (first < end && !is_idle(first) && !(has(FAULT_IDLE_NAMES_USED) && !is_absent(first)))
        first++;
    if (has(FAULT_IDLE_MISSES_FIRST_RUN) && first == block_of(from) && first != 0)
        first++;
    if (has(FAULT_IDLE_BEYOND_RANGE))
        end = NR_BLOCKS;
    idle->base = REGION_BASE + first * BLOCK_BYTES;
    idle->bytes = 0;
    while (first < end && is_idle(first) && !(has(FAULT_IDLE_ONE_BLOCK_ONLY) && idle->bytes != 0)) {
        idle->bytes += BLOCK_BYTES;
        first++;
    }
    if (has(FAULT_IDLE_NAMES_USED) && first < end && idle->bytes == 0)
        idle->bytes = BLOCK_BYTES;
    return idle->bytes != 0;
}

static uint64_t used_bytes(void *context, uint64_t base, uint64_t bytes)
{
    (void)context;
    uint64_t nr_used = 0;
    for (unsigned block = block_of(base); block < block_of(base + bytes); block++)
        nr_used += count(block, USED);
    if (has(FAULT_USED_OFF_BY_A_PAGE) && nr_used > 2)
        nr_used--;
    return nr_used * PAGE_BYTES;
}

static uint64_t room(void *context, uint64_t base, uint64_t bytes)
{
    (void)context, (void)base;
    is_short = has(FAULT_ROOM_TOO_HIGH);
    return bytes;
}

static void describe_pinned(void *context, uint64_t base, uint64_t bytes, char *text,
                            size_t text_bytes)
{
    size_t room_for = has(FAULT_DESCRIBE_TOO_LONG) ? text_bytes + 1 : text_bytes;
    uint64_t used = used_bytes(context, base, bytes);
    if (snprintf(text, room_for, "%llu bytes are in use", (unsigned long long)used) < 0)
        text[0] = 0;
}

/* ---- moving pages ---- */

static bool is_movable(unsigned block)
{
    unsigned nr_owned = 0;
    for (unsigned page = block * PAGES_PER_BLOCK; page < (block + 1) * PAGES_PER_BLOCK; page++)
        nr_owned += states[page] == USED && owners[page] != NULL;
    return nr_owned != 0 && nr_owned == count(block, USED);
}

static void migration_end(void *context)
{
    (void)context;
    for (unsigned block = 0; block < NR_BLOCKS && !has(FAULT_END_KEEPS_ISOLATED); block++)
        is_isolated[block] = is_emptied[block] = false;
}

static uint64_t migration_begin(void *context, uint64_t from, uint64_t to, uint64_t bytes,
                                enum vmem_migration_attempt attempt)
{
    (void)attempt; /* an owner here never refuses, and a page that moved may move again */
    uint64_t chosen = 0;
    migration_end(context);
    for (unsigned block = block_of(to); block-- > block_of(from) && chosen < bytes;)
        if (is_movable(block)) {
            is_isolated[block] = true;
            chosen += BLOCK_BYTES;
        }
    return chosen;
}

/* Move one page, the last that the block has. */
static enum vmem_migration move_one(unsigned block)
{
    unsigned from = (block + 1) * PAGES_PER_BLOCK - 1;
    while (states[from] != USED)
        from--;
    unsigned to = find_free();
    if (to == NR_PAGES) {
        is_isolated[block] = false;
        return VMEM_MIGRATION_NO_ROOM;
    }
    if (!has(FAULT_MOVE_LOSES_CONTENTS))
        memcpy(memory[to], memory[from], PAGE_BYTES);
    states[to] = USED;
    owners[to] = owners[from];
    *owners[to] = address_of(to);
    page_free(NULL, address_of(from));
    return VMEM_MIGRATION_ONGOING;
}

static enum vmem_migration migration_step(void *context, struct vmem_range *emptied)
{
    (void)context;
    for (unsigned block = NR_BLOCKS; block-- > 0;) {
        if (!is_isolated[block] || is_emptied[block])
            continue;
        if (count(block, USED) != 0 && !has(FAULT_STEP_EMPTIES_NOTHING))
            return move_one(block);
        is_emptied[block] = true;
        *emptied = (struct vmem_range){REGION_BASE + block * BLOCK_BYTES, BLOCK_BYTES};
        return VMEM_MIGRATION_EMPTIED;
    }
    return VMEM_MIGRATION_NONE;
}

static enum vmem_migration migration_obstacle(void *context)
{
    (void)context;
    for (unsigned block = 0; block < NR_BLOCKS; block++)
        if (is_movable(block) || has(FAULT_OBSTACLE_IS_ROOM))
            return VMEM_MIGRATION_NO_ROOM;
    return VMEM_MIGRATION_NONE;
}

static int migration_take(void *context, uint64_t max_bytes, struct vmem_range *taken)
{
    unsigned end = NR_BLOCKS, first;
    while (end > 0 && !is_emptied[end - 1])
        end--;
    for (first = end;
         first > 0 && is_emptied[first - 1] && (end - first + 1) * BLOCK_BYTES <= max_bytes;)
        first--;
    if (first == end)
        return VMEM_E_NODEV;
    if (has(FAULT_TAKE_LOWEST_FIRST)) {
        for (first = 0; !is_emptied[first];)
            first++;
        end = first + 1;
    }
    *taken = (struct vmem_range){REGION_BASE + first * BLOCK_BYTES, (end - first) * BLOCK_BYTES};
    if (has(FAULT_TAKE_LEAVES_ONLINE)) {
        memset(&is_emptied[first], 0, end - first);
        return VMEM_OK;
    }
    return offline(context, taken->base, taken->bytes);
}

void reference_memory(struct vmem_contract *contract)
{
    static const struct vmem_memory_ops operations = {
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
    memset(&states[NR_REGION_PAGES], FREE, NR_PAGES - NR_REGION_PAGES);
    contract->memory = &operations;
    contract->region = (struct vmem_region){.base = REGION_BASE,
                                            .bytes = NR_BLOCKS * BLOCK_BYTES,
                                            .block_bytes = BLOCK_BYTES,
                                            .name = "reference"};
    contract->page_alloc = page_alloc;
    contract->page_free = page_free;
    contract->movable_alloc = movable_alloc;
    contract->movable_free = movable_free;
    contract->page_at = page_at;
}
