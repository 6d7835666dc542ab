/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks whose size is no power of two, as StratoVirt lets its user choose them:
 * the driver says so once, and then does with them all that it does with others.
 */
#include "tests/fakes/fake_chunks.h"
#include "tests/unit/unit.h"

static const struct {
    u64 block_bytes;
    u64 base; /* 0: the first multiple of the block above 4 GiB, where StratoVirt puts it */
    u64 nr_blocks;
} regions[] = {
    {12 * KIB, 0, 3000},
    {12 * KIB, 4 * GIB + 4 * KIB, 3000},
    {16 * KIB + 4 * KIB, 0, 1000},
    {3 * MIB, 0, 300},
    {3 * MIB, 4 * GIB + 508 * KIB, 300}, /* no block begins where a pageblock does */
    {96 * MIB, 0, 50},
    {5 * GIB, 0, 12},
    {5 * GIB + 4 * KIB, 0, 12},
    {32 * MIB, 0, 100}, /* its default */
};

static u64 block_bytes, base, nr_blocks;

static void boot(unsigned i)
{
    block_bytes = regions[i].block_bytes;
    nr_blocks = regions[i].nr_blocks;
    base = regions[i].base;
    if (base == 0)
        base = (4 * GIB + block_bytes - 1) / block_bytes * block_bytes;
    machine_boot_region(&machine, FAKE_VMEM_STRATOVIRT, base, block_bytes, nr_blocks);
}

static void expect(u64 blocks)
{
    machine_expect(&machine, blocks * block_bytes);
}

static void resize(u64 blocks)
{
    machine_resize(&machine, blocks * block_bytes, 1);
}

#define PAGES_MAX 200

static struct {
    paddr_t paddr;
    u64 nr_frames;
} pages[PAGES_MAX];

static u8 is_pinned[3000];

/* Which blocks the pages lie in; how many that are. */
static u64 mark_pinned(unsigned nr_pages)
{
    u64 count = 0;
    memset(is_pinned, 0, sizeof(is_pinned));
    for (unsigned i = 0; i < nr_pages; i++) {
        if (pages[i].paddr < base)
            continue;
        u64 last = (pages[i].paddr + pages[i].nr_frames * PAGE_BYTES - 1 - base) / block_bytes;
        for (u64 block = (pages[i].paddr - base) / block_bytes; block <= last; block++) {
            count += !is_pinned[block];
            is_pinned[block] = 1;
        }
    }
    return count;
}

static unsigned allocate(void)
{
    unsigned nr_pages = 0;
    for (; nr_pages < PAGES_MAX; nr_pages++) {
        u64 nr_frames = 1 + (u64)rand() % (rand() % 4 == 0 ? 900 : 8);
        pages[nr_pages].nr_frames = nr_frames;
        pages[nr_pages].paddr = page_alloc_run(nr_frames, PAGE_USER);
        if (pages[nr_pages].paddr == PADDR_NONE)
            break;
    }
    return nr_pages;
}

/* Plugged is what the host wants, or exactly the blocks that pages keep. */
static void expect_pinned(unsigned nr_pages, u64 target)
{
    expect(max_u64(mark_pinned(nr_pages), target));
    for (u64 block = 0; block < nr_blocks; block++) {
        if (is_pinned[block])
            assert_true(vmem_block_is_plugged(machine.driver, block));
    }
}

/* A shrink ends at the blocks with a page in them and no other, and goes on when they are freed. */
TEST(test_pages_keep_their_blocks)
{
    srand(14);
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        boot(i);
        machine_attach(&machine);
        resize(nr_blocks);
        unsigned nr_pages = allocate();
        assert_true(nr_pages > 20);
        for (u64 target = nr_blocks; nr_pages > 0; target /= 2) {
            resize(target);
            expect_pinned(nr_pages, target);
            for (unsigned left = nr_pages / 2; nr_pages > left; nr_pages--)
                page_free_run(pages[nr_pages - 1].paddr, pages[nr_pages - 1].nr_frames);
            machine_run(&machine, 1);
            expect_pinned(nr_pages, target);
        }
        resize(0);
        expect(0);
        machine_end();
    }
}

/* Whether a block begins where a pageblock does: else no pages are moved out of blocks. */
static bool can_migrate(void)
{
    for (u64 i = 0; i < nr_blocks; i++) {
        if (is_aligned(base + i * block_bytes, 2 * MIB))
            return true;
    }
    return false;
}

/* Movable pages leave; blocks that share pageblocks go together, and never more than wanted. */
TEST(test_migrates)
{
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        if (regions[i].block_bytes < MIB || regions[i].block_bytes > 100 * MIB)
            continue;
        boot(i);
        machine_attach(&machine);
        forget_chunks();
        u64 online = min_u64(nr_blocks, 768 * MIB / block_bytes);
        resize(online);
        scatter(online * block_bytes, 30);
        for (u64 target = online - 1; target >= online / 2; target -= (online + 7) / 8) {
            machine_resize(&machine, target * block_bytes, 20000);
            if (can_migrate())
                expect(target);
            check_chunks();
            memset(chunk_moves, 0, sizeof(chunk_moves)); /* once in each resize */
        }
        assert_int_equal(nr_chunk_moves > 0, can_migrate());
        assert_int_equal(machine_status(&machine).is_settled, can_migrate());
        assert_int_equal(machine_status(&machine).wait == VMEM_WAIT_NONE, can_migrate());
        machine_end();
    }
}
