/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks whose size is no power of two, as StratoVirt lets its user choose them: the driver says so
 * once, and then does with them all that it does with others. Pages in them, over Tide's mm, are in
 * tests/unit/mm/test_vmem_mm_blocks.c.
 */
#include "tests/fakes/fake_story.h"

static const struct {
    uint64_t block_bytes;
    uint64_t base; /* 0: the first multiple of the block above 4 GiB, where StratoVirt puts it */
    uint64_t nr_blocks;
} regions[] = {
    {12 * KIB, 0, 3000}, {12 * KIB, 4 * GIB + 4 * KIB, 3000}, {16 * KIB + 4 * KIB, 0, 1000},
    {3 * MIB, 0, 300},   {3 * MIB, 4 * GIB + 508 * KIB, 300}, {96 * MIB, 0, 50},
    {5 * GIB, 0, 12},    {5 * GIB + 4 * KIB, 0, 12},          {32 * MIB, 0, 100}, /* its default */
};

static struct machine machine;

static void boot(unsigned i)
{
    uint64_t block_bytes = regions[i].block_bytes;
    uint64_t base = regions[i].base;
    if (base == 0)
        base = (4 * GIB + block_bytes - 1) / block_bytes * block_bytes;
    machine_boot_region(&machine, FAKE_VMEM_STRATOVIRT, base, block_bytes, regions[i].nr_blocks);
}

#define FOLLOWS(ms, blocks)                                                                \
    {                                                                                      \
        (ms), HOST(request, (blocks)*block_bytes), PLUGGED((blocks)*block_bytes), SETTLED, \
            COUNTS(MORE(REQUESTS, 1), IS(WARNINGS, is_odd), IS(ERROR_LINES, 0))            \
    }

/* Each resize is one request and one line, whatever a block is. */
TEST_WITH(test_follows, NULL, machine_end)
{
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        uint64_t block_bytes = regions[i].block_bytes;
        uint64_t nr_blocks = regions[i].nr_blocks;
        bool is_odd = !is_power_of_two(block_bytes);
        const struct story_row rows[] = {
            FOLLOWS(0, nr_blocks / 2),     FOLLOWS(1, nr_blocks), FOLLOWS(2, nr_blocks / 3),
            FOLLOWS(3, nr_blocks / 3 + 1), FOLLOWS(4, 1),         FOLLOWS(5, 0),
        };
        boot(i);
        machine_attach(&machine);
        PLAY(rows);
        machine_end();
    }
}

/* Plugged blocks are found one by one. */
TEST_WITH(test_adopts, NULL, machine_end)
{
    srand(15);
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        uint64_t nr_blocks = regions[i].nr_blocks;
        boot(i);
        machine.options.init = VMEM_INIT_STATE;
        for (uint64_t at = 0; at < nr_blocks;) {
            uint64_t run = min_u64(1 + (uint64_t)rand() % (nr_blocks / 10 + 1), nr_blocks - at);
            if (rand() % 2 == 0)
                fake_vmem_plug(&machine.device, at, run);
            at += run;
        }
        const struct story_row rows[] = {
            {100, PLUGGED(machine.device.plugged_bytes), SETTLED},
        };
        story_request_unseen(&machine, machine.device.plugged_bytes);
        machine_attach(&machine);
        PLAY(rows);
        for (uint64_t block = 0; block < nr_blocks; block++)
            assert_int_equal(vmem_block_is_plugged(machine.driver, block),
                             machine.device.plugged[block]);
        machine_resize(&machine, 0, 1);
        machine_expect(&machine, 0);
        machine_end();
    }
}

/* A page keeps the blocks that it lies in, and no other; it may lie in several. */
TEST_WITH(test_pages_keep_their_blocks, NULL, machine_end)
{
    for (unsigned i = 0; i < ARRAY_SIZE(regions); i++) {
        uint64_t block_bytes = regions[i].block_bytes;
        uint64_t nr_blocks = regions[i].nr_blocks;
        boot(i);
        machine_attach(&machine);
        machine_resize(&machine, nr_blocks * block_bytes, 1);
        unsigned one = fake_memory_hold(&machine.memory, nr_blocks / 2, 1, FAKE_FIXED);
        unsigned many = fake_memory_alloc(&machine.memory, 7, FAKE_FIXED);
        uint64_t kept = fake_memory_used_blocks(&machine.memory);
        assert_in_range(kept, 2, 5);
        machine_resize(&machine, 0, 1);
        machine_expect(&machine, kept * block_bytes);
        assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_PAGES_IN_USE);
        fake_memory_free(&machine.memory, one);
        machine_run(&machine, 0);
        machine_expect(&machine, (kept - 1) * block_bytes);
        fake_memory_free(&machine.memory, many);
        machine_run(&machine, 0);
        machine_expect(&machine, 0);
        machine_end();
    }
}
