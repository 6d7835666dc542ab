/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks of the operations that move pages. Each begins with every block online, a movable page
 * in each of the first 8 blocks and nothing else in use, and asks for 4 blocks of these.
 */
#include "contract_internal.h"

#include <stdlib.h>

#include <vmem/error.h>

enum { NR_KEPT = 8, NR_WANTED = 4, STEPS_MAX = 10000 };

static uint64_t *kept[NR_KEPT]; /* where the movable page of each block is now */
static uint64_t first_place[NR_KEPT];
static struct vmem_range emptied[STEPS_MAX];
static size_t nr_emptied;

/* ---- how each begins and ends ---- */

static uint64_t *take_movable(void)
{
    uint64_t *slot = contract_realloc(NULL, sizeof(*slot)); /* stays where it is */
    if (contract->movable_alloc(contract->allocator_context, slot))
        return slot;
    free(slot);
    return NULL;
}

static void give_movable(uint64_t *slot)
{
    contract->movable_free(contract->allocator_context, slot);
    free(slot);
}

/* Take everything as movable pages, then give back all but one page in each block. */
static void keep_a_page_in_each_block(void)
{
    size_t room = 0, nr = 0;
    uint64_t **others = NULL;
    for (uint64_t *slot; (slot = take_movable()) != NULL;) {
        uint64_t offset = *slot - contract->region.base;
        uint64_t block = offset / contract->region.block_bytes;
        if (*slot >= contract->region.base && block < NR_KEPT && kept[block] == NULL) {
            kept[block] = slot;
            continue;
        }
        if (nr == room)
            others = contract_realloc(others, (room = 2 * room + 256) * sizeof(*others));
        others[nr++] = slot;
    }
    while (nr > 0)
        give_movable(others[--nr]);
    free(others);
    for (unsigned block = 0; block < NR_KEPT; block++)
        expect(kept[block] != NULL, "no movable page comes from block %u, which is online", block);
}

static uint64_t *words_of(uint64_t address)
{
    return contract->page_at(contract->allocator_context, address);
}

static void set_up(void)
{
    skip_unless(contract->memory->migration_begin != NULL && contract->movable_alloc != NULL);
    must_online(0, nr_blocks());
    keep_a_page_in_each_block();
    for (unsigned i = 0; i < NR_KEPT; i++) {
        first_place[i] = *kept[i];
        if (contract->page_at != NULL)
            words_of(*kept[i])[0] = words_of(*kept[i])[511] = first_place[i];
    }
    nr_emptied = 0;
}

static void take_down(void)
{
    contract->memory->migration_end(contract->memory_context);
    for (unsigned i = 0; i < NR_KEPT; i++)
        give_movable(kept[i]);
    for (unsigned i = 0; i < NR_KEPT; i++)
        kept[i] = NULL;
    for (unsigned block = 0; block < nr_blocks(); block++)
        if (is_online(block))
            must_offline(block, 1);
}

static uint64_t begin(void)
{
    return contract->memory->migration_begin(contract->memory_context, block_base(0),
                                             block_base(nr_blocks()), blocks_bytes(NR_WANTED),
                                             VMEM_MIGRATION_FIRST);
}

static void migrate(void)
{
    const struct vmem_memory_ops *memory = contract->memory;
    uint64_t chosen = begin();
    expect(chosen == VMEM_MIGRATION_LATER || (chosen != 0 && chosen <= contract->region.bytes &&
                                              chosen % contract->region.block_bytes == 0),
           "migration_begin() chooses 0x%" PRIx64 " bytes for 0x%" PRIx64, chosen,
           blocks_bytes(NR_WANTED));
    enum vmem_migration result = VMEM_MIGRATION_ONGOING;
    for (unsigned step = 0; result != VMEM_MIGRATION_NONE; step++) {
        struct vmem_range range = {0, 0};
        expect(step < STEPS_MAX, "migration_step() has no end");
        result = memory->migration_step(contract->memory_context, &range);
        expect(result != VMEM_MIGRATION_REFUSED && result != VMEM_MIGRATION_NO_ROOM,
               "migration_step() says %d; no owner refuses, and pages are free", result);
        if (result != VMEM_MIGRATION_EMPTIED)
            continue;
        expect_online_blocks(range, "migration_step()");
        emptied[nr_emptied++] = range;
    }
    expect(nr_emptied != 0, "migration_step() empties none of the blocks that were chosen");
}

static unsigned first_block(struct vmem_range range)
{
    return (unsigned)((range.base - contract->region.base) / contract->region.block_bytes);
}

static unsigned blocks_in(struct vmem_range range)
{
    return (unsigned)(range.bytes / contract->region.block_bytes);
}

/* ---- the checks ---- */

static void check_emptied(void)
{
    set_up();
    migrate();
    for (size_t i = 0; i < nr_emptied; i++) {
        uint64_t used = used_in(first_block(emptied[i]), blocks_in(emptied[i]));
        expect(used == 0, "0x%" PRIx64 " bytes of %u blocks from %u are in use", used,
               blocks_in(emptied[i]), first_block(emptied[i]));
    }
    uint64_t used = used_in(0, nr_blocks());
    expect(used <= NR_KEPT * VMEM_CONTRACT_PAGE_BYTES, "0x%" PRIx64 " bytes for %d pages", used,
           NR_KEPT);
    take_down();
}

static void check_contents(void)
{
    set_up();
    migrate();
    for (unsigned i = 0; i < NR_KEPT; i++) {
        for (size_t j = 0; j < nr_emptied; j++)
            expect(*kept[i] < emptied[j].base || *kept[i] - emptied[j].base >= emptied[j].bytes,
                   "the page of block %u is at 0x%" PRIx64 ", in an emptied block", i, *kept[i]);
        if (contract->page_at != NULL)
            expect(words_of(*kept[i])[0] == first_place[i] &&
                       words_of(*kept[i])[511] == first_place[i],
                   "the page of block %u, now at 0x%" PRIx64 ", holds 0x%" PRIx64 " and 0x%" PRIx64
                   ", not 0x%" PRIx64,
                   i, *kept[i], words_of(*kept[i])[0], words_of(*kept[i])[511], first_place[i]);
    }
    take_down();
}

static void check_isolated(void)
{
    set_up();
    migrate();
    struct pages all = take_all();
    for (size_t i = 0; i < nr_emptied; i++) {
        size_t nr = count_in(&all, first_block(emptied[i]), blocks_in(emptied[i]));
        expect(nr == 0, "%zu pages of %u blocks from %u are given out before migration_end()", nr,
               blocks_in(emptied[i]), first_block(emptied[i]));
    }
    give_all(&all);
    take_down();
}

/* What migration_take() took: offline from now on, and nothing above it was left. */
static void judge_taken(struct vmem_range taken, uint64_t max_bytes)
{
    expect_online_blocks(taken, "migration_take()");
    expect(taken.bytes <= max_bytes, "0x%" PRIx64 " bytes, at most 0x%" PRIx64, taken.bytes,
           max_bytes);
    set_online(first_block(taken), blocks_in(taken), false);
    for (size_t i = 0; i < nr_emptied; i++)
        expect(emptied[i].base < taken.base + taken.bytes || !is_online(first_block(emptied[i])),
               "0x%" PRIx64 " is taken, but 0x%" PRIx64 " is empty and higher", taken.base,
               emptied[i].base);
}

static void check_take(void)
{
    set_up();
    migrate();
    unsigned nr_taken = 0;
    int status;
    do {
        struct vmem_range taken = {0, 0};
        uint64_t max_bytes = nr_taken == 0 ? blocks_bytes(2) : contract->region.bytes;
        status = contract->memory->migration_take(contract->memory_context, max_bytes, &taken);
        if (status == VMEM_OK)
            judge_taken(taken, max_bytes);
        nr_taken += blocks_in(taken);
    } while (status == VMEM_OK);
    expect(status == VMEM_E_NODEV, "%u blocks are taken, then: %d, not VMEM_E_NODEV", nr_taken,
           status);
    contract->memory->migration_end(contract->memory_context);
    for (size_t i = 0; nr_taken == 0 && i < nr_emptied; i++)
        must_offline(first_block(emptied[i]), blocks_in(emptied[i]));
    struct pages all = take_all();
    give_all(&all);
    for (unsigned block = 0; block < nr_blocks(); block++)
        if (!is_online(block))
            must_online(block, 1);
    take_down();
}

/* Other free pages may be kept for movable ones alone; emptied blocks hold none. */
static void check_end(void)
{
    set_up();
    migrate();
    contract->memory->migration_end(contract->memory_context);
    contract->memory->migration_end(contract->memory_context);
    for (size_t i = 0; i < nr_emptied; i++)
        expect_usable(first_block(emptied[i]), blocks_in(emptied[i]), 0);
    take_down();
}

static void check_obstacle(void)
{
    static const unsigned blocks[NR_KEPT] = {0, 1, 2, 3, 4, 5, 6, 7};
    skip_unless(contract->memory->migration_begin != NULL);
    must_online(0, NR_KEPT);
    struct pages used = take_in(blocks, NR_KEPT);
    uint64_t chosen = begin();
    expect(chosen == 0 || chosen == VMEM_MIGRATION_LATER,
           "0x%" PRIx64 " bytes are chosen; no page in them may be moved", chosen);
    enum vmem_migration result = chosen == 0 ? VMEM_MIGRATION_NONE : VMEM_MIGRATION_ONGOING;
    for (unsigned step = 0; result == VMEM_MIGRATION_ONGOING; step++) {
        struct vmem_range range;
        expect(step < STEPS_MAX, "migration_step() has no end");
        result = contract->memory->migration_step(contract->memory_context, &range);
    }
    expect(result == VMEM_MIGRATION_NONE, "migration_step() says %d; no page may be moved", result);
    enum vmem_migration obstacle = contract->memory->migration_obstacle(contract->memory_context);
    expect(obstacle == VMEM_MIGRATION_NONE,
           "migration_obstacle() says %d, not VMEM_MIGRATION_NONE; no page may be moved", obstacle);
    contract->memory->migration_end(contract->memory_context);
    give_all(&used);
    must_offline(0, NR_KEPT);
}

const struct check migration_checks[] = {
    {"migration empties blocks", check_emptied},
    {"migrated pages keep their contents", check_contents},
    {"migration gives out no page of emptied blocks", check_isolated},
    {"migration_take takes offline", check_take},
    {"migration_end lets pages be given out", check_end},
    {"pages that may not be moved stay", check_obstacle},
    {NULL, NULL},
};
