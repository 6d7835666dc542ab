/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another processor allocates a page between the plan and its blocks going offline. That is
 * nobody's refusal: the plan is made anew at once, without the blocks that are in use by now.
 */
#include "tests/fakes/fake_story.h"

static struct machine machine;

/* The first two choices are lost; what is idle beside goes in their place, at once. */
TEST_WITH(test_unplug, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(races, 2), HOST(request, 32 * MIB), PLUGGED(32 * MIB), SETTLED, WAITS(NONE),
         COUNTS(IS(WARNINGS, 0))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    PLAY(rows);
    assert_int_equal(fake_memory_used_blocks(&machine.memory), 2);
}

/* Everything is to go, in pieces: none goes in the end that has a page, and the rest does. */
STORY(test_unplug_all, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(request, 6 * MIB)},
    {0, GUEST(hold, 0)},
    {0, GUEST(hold, 2), HOST(request, 4 * MIB), PLUGGED(4 * MIB)},
    {1, GUEST(free_all, 0), PLUGGED(4 * MIB)},
    {1, GUEST(races, 1), HOST(request, 0), PLUGGED(2 * MIB), WAITS(PAGES_IN_USE)},
    {1, GUEST(free_all, 0), PLUGGED(0)},
};

/* An emptied block is in use again when it is to go: others are emptied. */
TEST_WITH(test_emptied_block, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(scatter, 32), PLUGGED(64 * MIB)},
        {0, GUEST(races, 1), HOST(request, 44 * MIB)},
        {100, PLUGGED(44 * MIB), SETTLED, GUEST(check_moves, 1), COUNTS(IS(WARNINGS, 0))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    PLAY(rows);
    assert_int_equal(machine.memory.knobs.races, 0);
}

/* The host wants more while a shrink has just lost: nothing stands in the way of that. */
STORY(test_grow_after_it, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(request_at_next, 128 * MIB)},
    {0, GUEST(races, 1), HOST(request, 32 * MIB)},
    {0, PLUGGED(128 * MIB), SETTLED},
};

/* One that loses each time comes to an end all the same, and lets the rest of the kernel run. */
TEST_WITH(test_for_ever, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(races, 16), HOST(request, 62 * MIB)},
        {100, PLUGGED(62 * MIB), SETTLED},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    PLAY(rows);
    assert_int_equal(machine.memory.knobs.races, 0);
}
