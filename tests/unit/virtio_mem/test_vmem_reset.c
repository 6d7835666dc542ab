/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that end in a reset: answers that are none, silence, DEVICE_NEEDS_RESET, one that
 * vanishes, a machine that sleeps. STATE tells what is true afterwards; a reset that does not help
 * ends in a broken device and a kernel that goes on.
 */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

static void start_and_hold(void)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
}

/* ---- no valid answer ---- */

static void be_invalid(size_t mood)
{
    const struct story_row rows[] = {
        {0, ANSWER_OF(mood, 1), HOST(request, 128 * MIB), STATE(PROBING)},
        {1000, PLUGGED(128 * MIB), SETTLED, COUNTS(IS(RESETS, 1))},
        {1000, ANSWER_OF(mood, 1), HOST(request, 32 * MIB)},
        {2000, PLUGGED(32 * MIB), SETTLED},
        {2000, ANSWER_OF(mood, 100), HOST(request, 128 * MIB)},
        {12000, IS_BROKEN, GUEST(expect_page, 0)},
    };
    start_and_hold();
    PLAY(rows);
    machine_end();
}

TEST_WITH(test_invalid_answers, NULL, machine_end)
{
    be_invalid(MOOD(bad_type));
    be_invalid(MOOD(nothing));
    be_invalid(MOOD(needs_reset));
}

/* ---- silence ---- */

/* Not done and not answered; and done and not answered: STATE tells which, after a reset. */
static void be_silent(size_t mood)
{
    const struct story_row rows[] = {
        {0, ANSWER_OF(mood, 1), HOST(request, 128 * MIB)},
        {59999, STATE(TRACKING), WAITS(NONE), UNSETTLED, /* and no spinning meanwhile */
         COUNTS(IS(TIMEOUTS, 0), MORE_FROM_TO(CALLS, 1, 99))},
        {60099, PLUGGED(128 * MIB), COUNTS(IS(TIMEOUTS, 1))},
        {60099, ANSWER_OF(mood, 1), HOST(request, 2 * MIB)},
        {130099, PLUGGED(2 * MIB), GUEST(expect_page, 0)},
        {130099, ANSWER_OF(mood, 1), HOST(request, 0)},
        {205099, PLUGGED(0)},
        /* a fourth reset: those before it helped */
        {205099, ANSWER_OF(mood, 1), HOST(request, 16 * MIB)},
        {275099, PLUGGED(16 * MIB), SETTLED, COUNTS(IS(RESETS, 4))},
    };
    start_and_hold();
    PLAY(rows);
    machine_end();
}

TEST_WITH(test_silence, NULL, machine_end)
{
    be_silent(MOOD(silent));
    be_silent(MOOD(lost));
}

STORY(test_silence_for_ever, start_and_hold()) = {
    {0, ANSWER(silent, ~0u), HOST(request, 128 * MIB)},
    {60 * 60 * 1000, IS_BROKEN, GUEST(expect_page, 0), COUNTS(IS(TIMEOUTS, 4), IS(RESETS, 3))},
};

/* UNPLUG ALL was done and not answered: the usable region is gone, and with it the doubt. */
STORY(test_lost_unplug_all, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(request, 6 * MIB)},
    {0, GUEST(hold, 0)},
    {0, GUEST(hold, 2), HOST(request, 4 * MIB), PLUGGED(4 * MIB)},
    {1, ANSWER(lost, 1), HOST(request, 0)},
    {1, GUEST(free_all, 0)},
    {65000, PLUGGED(0), COUNTS(IS(UNPLUG_ALL, 1), IS(STATE, 0), IS(RESETS, 1))},
};

/* A slow device that answers within the limit is no trouble at all. */
STORY(test_slow_answer, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(keep_answers, 1)},
    {0, HOST(request, 128 * MIB)},
    {50000, PLUGGED(64 * MIB), STATE(TRACKING), WAITS(NONE), UNSETTLED, READY},
    {50000, HOST(keep_answers, 0)},
    {50001, PLUGGED(128 * MIB), COUNTS(IS(RESETS, 0))},
};

/* ---- DEVICE_NEEDS_RESET ---- */

STORY(test_needs_reset_at_rest, start_and_hold()) = {
    {0, HOST(needs_reset, 0), WAITS(DEVICE_RESET)},
    {100, STATE(TRACKING), SETTLED, WAITS(NONE), COUNTS(IS(RESETS, 1), IS(STATE, 0))},
    {100, HOST(request, 128 * MIB)},
    {200, PLUGGED(128 * MIB), GUEST(expect_page, 0)},
};

/* A device that fails at each first request and does the second: each reset helped, so no limit. */
TEST_WITH(test_needs_reset_with_progress, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(needs_reset, 1), HOST(request, 128 * MIB)},
        {200, PLUGGED(128 * MIB)},
        {200, ANSWER(needs_reset, 1), HOST(request, 64 * MIB)},
        {400, PLUGGED(64 * MIB), COUNTS(MORE(RESETS, 0))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 5; i++)
        PLAY(rows);
    assert_int_equal(machine_status(&machine).resets, 10);
}

/* A device that was just reset is left alone for 10 ms, whatever the host wants meanwhile. */
STORY(test_reset_backs_off, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(needs_reset, 1), HOST(request, 128 * MIB), WAITS(DEVICE_RESET)},
    {0, HOST(request, 192 * MIB), WAITS(DEVICE_RESET), COUNTS(MORE(REQUESTS, 0))},
    {9, WAITS(DEVICE_RESET), COUNTS(MORE(REQUESTS, 0))},
    {10, PLUGGED(192 * MIB)},
};

/* Now and then it is recovered for ever; again and again, without a calm time between, it is not.
 */
TEST_WITH(test_needs_reset_again, NULL, machine_end)
{
    static const struct story_row now_and_then[] = {
        {0, HOST(needs_reset, 0)},
        {20000, SETTLED, COUNTS(MORE(RESETS, 0))},
    };
    static const struct story_row again_and_again[] = {
        {0, HOST(needs_reset, 0), COUNTS(IS(RESETS, 11))},
        {1000, HOST(needs_reset, 0)},
        {2000, HOST(needs_reset, 0), COUNTS(IS(RESETS, 13))},
        {3000, HOST(needs_reset, 0), IS_BROKEN},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 10; i++)
        PLAY(now_and_then);
    PLAY(again_and_again);
}

/* The interrupt that tells of it is lost: the slow look finds it. */
STORY(test_needs_reset_unnoticed, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(lose_interrupts, 1)},
    {1, HOST(needs_reset, 0), COUNTS(IS(RESETS, 0))},
    {1100, COUNTS(IS(RESETS, 1))},
};

/* The reset works, and then the device takes no features, has no queue or no interrupt. */
TEST_WITH(test_restart_fails, NULL, machine_end)
{
    static const struct fake_faults faults[] = {
        {.refuse_features_ok = true},
        {.queue_enable_status = VMEM_E_UNSUPPORTED},
        {.irq_enable_status = VMEM_E_NOMEM},
    };
    static const struct story_row rows[] = {
        {0, HOST(needs_reset, 0), IS_BROKEN, PLUGGED(64 * MIB)},
        {5000, GUEST(verify, STATUS(VMEM_E_BROKEN)), IS_BROKEN},
        {5000, GUEST(detach, STATUS(VMEM_E_BUSY)), IS_BROKEN, PLUGGED(64 * MIB)},
        {5000, GUEST(expect_page, 0)},
        {5000, HOST(be_sane, 0)},
        {5000, GUEST(detach, VMEM_OK)},
        {5000, GUEST(attach, 0)},
        {5010, PLUGGED(64 * MIB), SETTLED},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
        start_and_hold();
        machine.device.transport.faults = faults[i];
        PLAY(rows);
        machine_end();
    }
}

STORY(test_reset_never_ends, start_and_hold()) = {
    {0, HOST(reset_takes, ~0u)},
    {0, HOST(needs_reset, 0)},
    {10000, IS_BROKEN, GUEST(expect_page, 0)},
};

STORY(test_vanished, start_and_hold()) = {
    {0, HOST(vanish, 0)},
    {10000, IS_BROKEN, GUEST(expect_page, 0)},
};

/* After a reset the region is another: that is not the device we knew. */
STORY(test_region_moves_at_reset, start_and_hold()) = {
    {0, HOST(move_region, GIB)},
    {0, HOST(needs_reset, 0)},
    {10000, IS_BROKEN, GUEST(expect_page, 0)},
};

/* ---- suspend to RAM ---- */

/* The device lost all but its blocks: nothing is asked again, and the next resize is followed. */
STORY(test_sleep_at_rest, start_and_hold()) = {
    {0, GUEST(sleep, 0)},
    {1000, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(REQUESTS, 1), IS(RESETS, 0))},
    {1000, GUEST(expect_page, 0), HOST(request, 128 * MIB)},
    {2000, PLUGGED(128 * MIB)},
};

/* A request was on its way: it may have been done or not, and STATE tells. */
TEST_WITH(test_sleep_in_the_middle_of_a_request, NULL, machine_end)
{
    static const size_t moods[] = {MOOD(lost), MOOD(silent)};
    for (unsigned i = 0; i < ARRAY_SIZE(moods); i++) {
        const struct story_row rows[] = {
            {0, ANSWER_OF(moods[i], 1), HOST(request, 128 * MIB)},
            {100, GUEST(sleep, 0)},
            {1100, PLUGGED(128 * MIB), GUEST(expect_page, 0), COUNTS(FROM_TO(STATE, 1, 100))},
        };
        start_and_hold();
        PLAY(rows);
        machine_end();
    }
}

STORY(test_sleep_of_a_broken_device, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(reset_takes, ~0u)},
    {0, HOST(needs_reset, 0)},
    {10000, IS_BROKEN, GUEST(resume, 0)},
    {11000, IS_BROKEN},
};

/* With no block online there is nothing to ask about: the device starts afresh. */
TEST_WITH(test_sleep_with_nothing_plugged, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(request, 0)},
        {1000, PLUGGED(0), SETTLED},
        {1000, GUEST(sleep, 0), HOST(request, 128 * MIB)},
        {2000, PLUGGED(128 * MIB), SETTLED, COUNTS(IS(STATE, 0), IS(RESETS, 0))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    PLAY(rows);
}

/* ---- another kernel's turn, which then does not come ---- */

/* Asleep while the first blocks come: they are gone, as plugged_size says, and nothing else is
 * asked. */
STORY(test_sleep_while_the_first_blocks_come, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(keep_answers, 1)},
    {0, HOST(request, 64 * MIB)},
    {0, GUEST(sleep, 0), HOST(keep_answers, 0)},
    {100, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(STATE, 0))},
};

/* While quiesced, in the middle of a request: an interrupt that was under way, the end of any wait
 * and freed memory change no block. */
TEST_WITH(test_quiesce, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(silent, 1), HOST(request, 128 * MIB)},
        {100, GUEST(quiesce, VMEM_OK), STATE(QUIESCED), DUE_WITHIN(VMEM_NEVER),
         COUNTS(MORE(REQUESTS, 0), IS(RESETS_SEEN, 2))},
        {100, GUEST(verify, VMEM_OK), DUE_WITHIN(VMEM_NEVER)},
        {100, GUEST(interrupt, 0), STATE(QUIESCED), DUE_WITHIN(VMEM_NEVER)},
        {200000, GUEST(verify, STATUS(VMEM_E_BUSY)), HOST(interrupt, 0), STATE(QUIESCED),
         DUE_WITHIN(VMEM_NEVER), COUNTS(MORE(REQUESTS, 0))},
        {200000, GUEST(hold, 1)},
        {300000, GUEST(free_in, 1), STATE(QUIESCED), DUE_WITHIN(VMEM_NEVER),
         COUNTS(MORE(REQUESTS, 0), IS(RESETS, 0), IS(RESETS_SEEN, 2))},
        {700000, GUEST(resume, 0), COUNTS(MORE_FROM_TO(REQUESTS, 1, 10))},
        {701000, PLUGGED(128 * MIB), SETTLED, GUEST(expect_page, 0)},
    };
    start_and_hold();
    PLAY(rows);
    /* Or nobody would ever sleep. */
    assert_int_equal(vmem_virtio_take_events(&machine.device.transport.device), 0);
}

TEST_WITH(test_quiesce_resets, NULL, machine_end)
{
    start_and_hold();
    assert_int_equal(vmem_quiesce(machine.driver), VMEM_OK);
    assert_int_equal(machine.device.transport.status, 0);
    assert_false(machine.device.transport.irq_enabled);
    vmem_virtio_post_events(&machine.device.transport.device, VIRTIO_EVENT_CONFIG);
    assert_int_equal(vmem_service(machine.driver, vmem_host_now_ms()), VMEM_NEVER);
    assert_int_equal(vmem_virtio_take_events(&machine.device.transport.device), 0);
    assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
    machine_expect_page(&machine);
}

/* Nothing was online, and another driver has used the device meanwhile: what it left plugged is
 * seen at once, though no look was due. */
TEST_WITH(test_resume_looks_anew, NULL, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 0, 1);
    assert_int_equal(vmem_quiesce(machine.driver), VMEM_OK);
    fake_vmem_plug(&machine.device, 3, 5);
    vmem_resume(machine.driver, vmem_host_now_ms());
    machine_run(&machine, 1);
    machine_expect(&machine, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 1);
}

STORY(test_quiesce_fails, start_and_hold()) = {
    {0, HOST(reset_takes, ~0u)},
    {1000, GUEST(quiesce, STATUS(VMEM_E_TIMEOUT)), DUE_WITHIN(VMEM_NEVER)},
    {3000, GUEST(resume, 0)},
    {5000, IS_BROKEN, GUEST(expect_page, 0)},
    {5000, GUEST(quiesce, VMEM_OK), IS_BROKEN}, /* told, not waited for */
};
