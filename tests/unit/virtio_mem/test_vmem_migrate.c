/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver moving pages out of blocks: that a shrink is complete, in small steps, that
 * the host may change its mind at any moment, and what follows when an owner, the memory or the
 * device says no: what the driver does, what it waits for, and that nothing stays isolated.
 */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

static void start_scattered(uint64_t bytes, unsigned percent)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, bytes, 1);
    machine_expect(&machine, bytes);
    story_percent = percent;
    story_scatter(&machine, bytes / MACHINE_BLOCK);
}

static void run_until_moved(uint64_t wanted)
{
    for (unsigned calls = 0; machine.memory.nr_moves < wanted; calls++) {
        assert_true(calls < 1000);
        if (machine.due_ms > vmem_host_now_ms())
            fake_host_advance_ms(1);
        machine_turn(&machine);
    }
}

static void stop_in_the_middle(uint64_t bytes, unsigned percent, uint64_t target, uint64_t moves)
{
    start_scattered(bytes, percent);
    machine.memory.knobs.pages_per_step = 64; /* a run */
    fake_vmem_set_requested(&machine.device, target);
    run_until_moved(moves);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_MIGRATING);
}

#define NOTHING_MOVES_TWICE GUEST(check_moves, 1)

/* ---- a shrink ---- */

STORY(test_half_of_it_goes, start_scattered(512 * MIB, 42)) = {
    {0, HOST(request, 256 * MIB), PLUGGED(256 * MIB), SETTLED, STATE(TRACKING), WAITS(NONE),
     /* neighbours go in one request */
     COUNTS(FROM_TO(MIGRATED, 100, 128), FROM_TO(UNPLUG, 1, 96), IS(WARNINGS, 0))},
    {10, NOTHING_MOVES_TWICE},
    {10, GUEST(expect_all_open, 0)},
};

/* A page in each block: the blocks that are emptied lie beside each other, and go in one request.
 */
TEST_WITH(test_neighbours_go_together, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(request, 64 * MIB)},
        {10, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(MIGRATED, 32), IS(UNPLUG, 1))},
    };
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 128 * MIB, 1);
    for (unsigned block = 0; block < 64; block++)
        (void)fake_memory_hold(&machine.memory, block, 1, FAKE_MOVABLE);
    PLAY(rows);
}

/* What is idle goes first, and nothing is moved before the device has answered. */
TEST_WITH(test_idle_blocks_first, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(keep_answers, 1)},
        {0, HOST(request, 32 * MIB)},
        {1, STATE(TRACKING), COUNTS(IS(MOVES, 0))},
        {1, HOST(keep_answers, 0)},
        {10, PLUGGED(32 * MIB), SETTLED, COUNTS(IS(MIGRATED, 24))},
    };
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 128 * MIB, 1);
    for (unsigned block = 24; block < 64; block++)
        (void)fake_memory_hold(&machine.memory, block, 1, FAKE_MOVABLE);
    PLAY(rows);
}

/* A call takes one step (machine_turn() checks it), and asks to be called again at once. */
TEST_WITH(test_small_steps, NULL, machine_end)
{
    static const struct story_row rows[] = {{10, PLUGGED(40 * MIB), NOTHING_MOVES_TWICE}};
    start_scattered(64 * MIB, 60);
    machine.memory.knobs.pages_per_step = 64;
    fake_vmem_set_requested(&machine.device, 40 * MIB);
    do
        machine_turn(&machine);
    while (machine.due_ms <= vmem_host_now_ms());
    PLAY(rows);
}

/* The same size again, after it had grown: a new resize, for which pages that moved may move. */
STORY(test_down_to_the_same_size_again, start_scattered(128 * MIB, 25)) = {
    {0, HOST(request, 40 * MIB), PLUGGED(40 * MIB)},
    {1, HOST(request, 80 * MIB), PLUGGED(80 * MIB)},
    /* the runs that stay were all moved in the first resize */
    {2, GUEST(hold_idle, 0)},
    {3, GUEST(free_every_other, 0), HOST(request, 40 * MIB), PLUGGED(40 * MIB)},
};

/* The allocator cannot move pages: what is idle goes, and the rest is waited for. */
TEST_WITH(test_nothing_moves, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(scatter, 32), HOST(request, 2 * MIB)},
        {100, WAITS(PAGES_IN_USE), STATE(TRACKING), UNSETTLED},
        {100, GUEST(free_all, 0), PLUGGED(2 * MIB), SETTLED},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.options.memory = &fake_memory_plain_ops;
    machine_attach(&machine);
    machine_resize(&machine, 64 * MIB, 1);
    PLAY(rows);
}

/* ---- the host changes its mind ---- */

STORY(test_all_is_wanted_after_all, stop_in_the_middle(256 * MIB, 50, 128 * MIB, 30)) = {
    {0, HOST(request, 256 * MIB), PLUGGED(256 * MIB), SETTLED, STATE(TRACKING), NOTHING_MOVES_TWICE,
     COUNTS(MORE(MOVES, 0))},
    {0, GUEST(expect_all_open, 0)},
};

STORY(test_more_is_wanted_than_there_was, stop_in_the_middle(256 * MIB, 50, 128 * MIB, 30)) = {
    {0, HOST(request, 300 * MIB), PLUGGED(300 * MIB), SETTLED, COUNTS(MORE(MOVES, 0))},
    {0, GUEST(expect_all_open, 0)},
};

/* The emptied blocks are enough: nothing more is moved. */
TEST_WITH(test_less_is_wanted_back, NULL, machine_end)
{
    stop_in_the_middle(256 * MIB, 50, 156 * MIB, 60);
    uint64_t bytes = machine.device.plugged_bytes - 6 * MIB;
    const struct story_row rows[] = {
        {0, HOST(request, bytes), PLUGGED(bytes), SETTLED, COUNTS(MORE(MIGRATED, 0))},
    };
    assert_true(machine_status(&machine).migrated_blocks > 4);
    PLAY(rows);
    fake_memory_expect_all_open(&machine.memory);
}

/* Then all is freed: what was emptied goes all the same, and not idle blocks in its place. */
TEST_WITH(test_emptied_blocks_count_as_gone, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(free_all, 0), PLUGGED(128 * MIB), SETTLED},
    };
    bool was_emptied[128];
    unsigned nr_emptied = 0;
    stop_in_the_middle(256 * MIB, 50, 128 * MIB, 60);
    for (unsigned i = 0; i < ARRAY_SIZE(was_emptied); i++) {
        was_emptied[i] = machine.memory.blocks[i].is_emptied;
        nr_emptied += was_emptied[i];
    }
    assert_in_range(nr_emptied, 4, 63);
    PLAY(rows);
    for (unsigned i = 0; i < ARRAY_SIZE(was_emptied); i++)
        assert_false(was_emptied[i] && machine.memory.blocks[i].is_online);
}

STORY(test_still_more_is_to_go, stop_in_the_middle(256 * MIB, 30, 150 * MIB, 4)) = {
    {0, HOST(request, 100 * MIB), PLUGGED(100 * MIB), SETTLED},
    {10, GUEST(check_moves, 2)}, /* two resizes */
};

/* ---- an owner says no ---- */

TEST_WITH(test_another_block_stands_in, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(request, 40 * MIB)},
        {10, PLUGGED(40 * MIB), SETTLED, NOTHING_MOVES_TWICE, COUNTS(IS(REFUSALS, 1))},
    };
    start_scattered(64 * MIB, 30);
    for (unsigned i = 0; i < 32; i++) /* one in the block that would go first */
        machine.memory.knobs.refused_run = machine.memory.nr_runs - 1;
    PLAY(rows);
    assert_int_equal(machine.memory.nr_refusals, 1);
}

TEST_WITH(test_an_owner_refuses, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(owners_refuse, 1), HOST(request, 16 * MIB)},
        {5000, PLUGGED(64 * MIB), WAITS(MIGRATION_REFUSED), STATE(TRACKING), UNSETTLED, READY,
         COUNTS(IS(WARNINGS, 1), FROM_TO(REFUSALS, 32, 32 * 50))},
        {5000, GUEST(expect_all_open, 0)},
        /* asked again, but ever more seldom */
        {105000, WAITS(MIGRATION_REFUSED),
         COUNTS(MORE_FROM_TO(REFUSALS, 32, 50 * 32), MORE_FROM_TO(CALLS, 1, 2000))},
        /* and when it has no reason any more, the resize is completed without anybody's help */
        {105000, GUEST(owners_refuse, 0)},
        {108000, NOTHING_MOVES_TWICE, COUNTS(FROM_TO(MIGRATED, 14, 32))},
    };
    start_scattered(64 * MIB, 50);
    PLAY(rows);
    assert_true(machine.device.plugged_bytes <= 36 * MIB);
}

/* Pages came to a block while its owner refused. They move again once nothing else is left to
 * choose, or the resize would never end. */
TEST_WITH(test_the_last_blocks_are_those_that_pages_came_to, NULL, machine_end)
{
    static const struct story_row refused[] = {
        {0, GUEST(owners_refuse, 1), HOST(request, 48 * MIB)},
        {5000, PLUGGED(64 * MIB), WAITS(MIGRATION_REFUSED)},
    };
    static const struct story_row moved[] = {
        {5000, GUEST(owners_refuse, 0)},
        {9000, PLUGGED(48 * MIB), SETTLED, NOTHING_MOVES_TWICE},
    };
    start_scattered(64 * MIB, 50);
    PLAY(refused);
    for (unsigned i = 0; i < machine.memory.nr_runs; i++)
        machine.memory.runs[i].was_moved = true;
    PLAY(moved);
}

/* It is asked again after 10 ms, not only when the next look at the device is due. */
STORY(test_an_owner_is_asked_again_soon, start_scattered(64 * MIB, 50)) = {
    {0, GUEST(owners_refuse, 1), HOST(request, 48 * MIB), PLUGGED(64 * MIB)},
    {0, GUEST(owners_refuse, 0), WAITS(MIGRATION_REFUSED)},
    {11, PLUGGED(48 * MIB), SETTLED, WAITS(NONE), NOTHING_MOVES_TWICE},
    {11, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
    /* nor does another size inherit how seldom it was asked for the last one */
    {12, GUEST(owners_refuse, 1), HOST(request, 40 * MIB)},
    {20000, HOST(request, 42 * MIB), WAITS(MIGRATION_REFUSED)},
    {20000, GUEST(owners_refuse, 0), WAITS(MIGRATION_REFUSED)},
    {20011, PLUGGED(42 * MIB), SETTLED},
};

/* A new size is tried at once, however long the last one was waited for, and whatever it is. */
STORY(test_new_size_after_falling_short, start_scattered(64 * MIB, 50)) = {
    {0, GUEST(owners_refuse, 1), HOST(request, 46 * MIB)},
    {20000, PLUGGED(64 * MIB), GUEST(owners_refuse, 0), WAITS(MIGRATION_REFUSED)},
    {20000, HOST(request, 48 * MIB), PLUGGED(48 * MIB)},
    {20000, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
    {20001, GUEST(owners_refuse, 1), HOST(request, 46 * MIB)},
    {120000, GUEST(owners_refuse, 0), HOST(request, 64 * MIB), PLUGGED(64 * MIB), SETTLED},
    {120001, HOST(request, 46 * MIB), PLUGGED(46 * MIB), SETTLED},
};

/* The status names the present wait alone, and nothing of a shrink that is over. */
STORY(test_status_after_falling_short, start_scattered(64 * MIB, 50)) = {
    {0, GUEST(owners_refuse, 1), HOST(request, 40 * MIB)},
    {5000, GUEST(is_described, 1), WAITS(MIGRATION_REFUSED)},
    {5000, ANSWER(silent, 1), GUEST(verify, VMEM_OK)},
    {5001, STATE(PROBING), WAITS(NONE), UNSETTLED},
    {75000, ANSWER(busy, ~0u), HOST(request, 128 * MIB)},
    {80000, WAITS(HOST_MEMORY), GUEST(is_described, 0)},
};

/* ---- there is no room ---- */

STORY(test_no_room, start_scattered(64 * MIB, 100)) = {
    {0, HOST(request, 40 * MIB)},
    {5000, PLUGGED(64 * MIB), WAITS(MIGRATION_ROOM), STATE(TRACKING), COUNTS(IS(MOVES, 0))},
    /* runs are freed here and there: what that makes room for goes */
    {5000, GUEST(free_every_fourth, 0)},
    {10000, PLUGGED(48 * MIB), WAITS(MIGRATION_ROOM), UNSETTLED, NOTHING_MOVES_TWICE},
};

/* Pages that cannot be moved keep their blocks, and what is movable beside them stays. */
STORY(test_fixed_pages_stay, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_each, 24)},
    {0, HOST(request, 40 * MIB)},
    {5000, PLUGGED(48 * MIB), WAITS(PAGES_IN_USE), UNSETTLED, GUEST(is_described, 1)},
    {5000, GUEST(free_below, 24), HOST(request, 40 * MIB)},
    {6000, PLUGGED(40 * MIB), SETTLED, WAITS(NONE), GUEST(is_described, 0)},
};

/* A page that is freed is worth one more try, and no block needs to be idle by that alone. */
TEST_WITH(test_freed_beside_what_moves, NULL, machine_end)
{
    static const struct story_row wait[] = {
        {0, HOST(request, 48 * MIB)},
        {5000, PLUGGED(64 * MIB), WAITS(PAGES_IN_USE)},
    };
    static const struct story_row move[] = {{20000, PLUGGED(48 * MIB), SETTLED}};
    unsigned fixed[32];
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned block = 0; block < 32; block++) {
        (void)fake_memory_hold(&machine.memory, block, 1, FAKE_MOVABLE);
        fixed[block] = fake_memory_hold(&machine.memory, block, 2, FAKE_FIXED);
        (void)fake_memory_hold(&machine.memory, block, 1, FAKE_FIXED);
    }
    PLAY(wait);
    fake_memory_free(&machine.memory, fixed[0]);
    machine_run(&machine, 20000);
    uint64_t nr_tries = machine.memory.calls[FAKE_MEMORY_BEGIN];
    machine_run(&machine, 200000);
    assert_int_equal(machine.memory.calls[FAKE_MEMORY_BEGIN], nr_tries);
    for (unsigned run = 2; run < machine.memory.nr_runs; run += 3)
        fake_memory_free(&machine.memory, run);
    for (unsigned block = 1; block < 32; block++)
        fake_memory_free(&machine.memory, fixed[block]);
    PLAY(move);
}

/* The allocator cannot unmap what was emptied: tried again, nothing lost. */
STORY(test_no_memory_for_it, stop_in_the_middle(64 * MIB, 30, 40 * MIB, 1)) = {
    {0, GUEST(offline_fails_after, 0)},
    {100, WAITS(OFFLINE_MEMORY), STATE(TRACKING), READY},
    {100, GUEST(expect_all_open, 0)},
    {3100, PLUGGED(40 * MIB), SETTLED, NOTHING_MOVES_TWICE},
};

/* ---- the device says no, or goes ---- */

static void survive(size_t mood)
{
    const struct story_row rows[] = {
        {0, ANSWER_OF(mood, 3)},
        {1000000, PLUGGED(128 * MIB), SETTLED, STATE(TRACKING), NOTHING_MOVES_TWICE},
    };
    unsigned left;
    stop_in_the_middle(256 * MIB, 40, 128 * MIB, 20);
    machine.device.is_strict = false;
    PLAY(rows);
    memcpy(&left, (char *)&machine.device.moods + mood, sizeof(left));
    assert_int_equal(left, 0);
    fake_memory_expect_all_open(&machine.memory);
    machine_end();
}

TEST_WITH(test_answers_that_are_no_ack, NULL, machine_end)
{
    survive(MOOD(busy));
    survive(MOOD(nack));
    survive(MOOD(error));
    survive(MOOD(error_half));
    survive(MOOD(silent));
    survive(MOOD(lost));
    survive(MOOD(needs_reset));
}

/* While the device does not follow, nothing is kept from those who want memory. */
TEST_WITH(test_nothing_stays_isolated, NULL, machine_end)
{
    static const struct story_row busy[] = {
        {0, ANSWER(busy, 1000)},
        {5, WAITS(DEVICE_BUSY), STATE(TRACKING), COUNTS(FROM_TO(BUSY, 1, 16))},
        {5, GUEST(expect_all_open, 0), ANSWER(busy, 0)},
    };
    static const struct story_row reset[] = {
        {0, ANSWER(needs_reset, 1), GUEST(is_lenient, 1), WAITS(DEVICE_RESET), STATE(PROBING)},
        {1, GUEST(expect_all_open, 0)},
        {100000, PLUGGED(128 * MIB), SETTLED, NOTHING_MOVES_TWICE},
    };
    stop_in_the_middle(256 * MIB, 40, 128 * MIB, 20);
    PLAY(busy);
    fake_vmem_set_requested(&machine.device, 130 * MIB);
    run_until_moved(machine.memory.nr_moves + 1);
    assert_int_equal(vmem_verify(machine.driver), VMEM_OK);
    machine_turn(&machine);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(machine.memory.nr_moves + 1);
    PLAY(reset);
}

TEST_WITH(test_gone_in_the_middle, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(pull_out, 0), IS_BROKEN, COUNTS(MORE(MOVES, 0))},
        {0, GUEST(expect_all_open, 0)},
        {1, GUEST(detach, STATUS(VMEM_E_BUSY)), IS_BROKEN},
        {1, GUEST(free_all, 0)},
        {1, GUEST(detach, VMEM_OK)},
    };
    stop_in_the_middle(256 * MIB, 50, 128 * MIB, 20);
    PLAY(rows);
    assert_false(machine.memory.has_region);
}

TEST_WITH(test_detach_in_the_middle, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(detach, STATUS(VMEM_E_BUSY))}, /* and goes on as before */
        {1, PLUGGED(128 * MIB), SETTLED},
        {1, GUEST(free_all, 0)},
        {1, GUEST(detach, VMEM_OK)},
    };
    stop_in_the_middle(256 * MIB, 40, 128 * MIB, 20);
    PLAY(rows);
    assert_false(machine.memory.has_region);
    assert_int_equal(machine.device.plugged_bytes, 0);
}

TEST_WITH(test_verify_and_sleep_in_the_middle, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(resume, 0)},
        {10000, PLUGGED(128 * MIB), SETTLED, NOTHING_MOVES_TWICE},
    };
    stop_in_the_middle(256 * MIB, 40, 128 * MIB, 20);
    assert_int_equal(vmem_verify(machine.driver), VMEM_OK);
    run_until_moved(40);
    assert_int_equal(fake_host_said(" corrected=0 requests="), 1);
    vmem_resume(machine.driver, vmem_host_now_ms());
    fake_memory_expect_all_open(&machine.memory);
    PLAY(rows);
}
