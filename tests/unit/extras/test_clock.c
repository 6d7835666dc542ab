/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of extras/tickless: right on any board, and whatever a host does with the machine.
 */
#include "tests/unit/extras/tickless_board.h"

#define PM_CYCLE_MS 4687 /* in which ACPI's timer goes round */

TEST_WITH(test_the_clock_follows_any_counter_of_any_speed, set_up, tear_down)
{
    static const u64 speeds[] = {GHZ, 24 * GHZ / 10, 5 * GHZ};

    for (unsigned fadt = 0; fadt < 2; fadt++) {
        for (unsigned i = 0; i < ARRAY_SIZE(speeds); i++) {
            set_up();
            board.has_fadt = fadt != 0;
            board.stamp_hz = speeds[i];
            start_and_tick();
            u64 begin_ms = board_now_ms();
            for (unsigned step = 1; step <= 400; step++) {
                pass_ns(25 * NS_A_MS);
                expect_clock(begin_ms, step * 25);
            }
        }
    }
}

TEST_WITH(test_a_busy_host_does_not_spoil_the_measure, set_up, tear_down)
{
    board.has_fadt = false;
    board.nr_busy = 20;
    start_and_tick();
    u64 begin_ms = board_now_ms();
    pass_ns(2000 * NS_A_MS);
    expect_clock(begin_ms, 2000);
}

TEST_WITH(test_without_a_counter_to_measure_by_there_is_a_clock, set_up, tear_down)
{
    board.has_fadt = board.has_channel = false;
    board.stamp_hz = 2 * GHZ;
    start_and_tick();
    u64 begin_ms = board_now_ms();
    pass_ns(2000 * NS_A_MS);
    expect_clock(begin_ms, 2000);
}

/* A timer that stands still is none. */
TEST_WITH(test_acpis_timer_that_stands_still, set_up, tear_down)
{
    start_and_tick();
    assert_int_equal(pm_timer_port, PM_PORT);
    board.has_fadt = false;
    start();
    assert_int_equal(pm_timer_port, 0);
}

/* Looks between two alarms cost a host nothing. */
TEST_WITH(test_acpis_timer_is_read_once_an_alarm, set_up, tear_down)
{
    start_and_tick();
    board.clock->arm(board_now_ms() + 2000);
    u32 before = last_count;
    for (unsigned i = 0; i < 1900; i++) {
        pass_ns(NS_A_MS);
        (void)board_now_ms();
    }
    assert_int_equal(last_count, before);
    sleep_to_alarm();
    (void)board_now_ms();
    assert_int_not_equal(last_count, before);
}

/* `stop` and `cont` under KVM: the time stamp counter runs on. */
TEST_WITH(test_a_machine_that_was_stopped, set_up, tear_down)
{
    start_and_tick();
    board.clock->arm(board_now_ms() + 1000);
    pass_ns(300 * NS_A_MS);
    u64 begin_ms = board_now_ms();
    board.ns += 3600 * GHZ;
    assert_in_range(board_now_ms(), begin_ms, begin_ms + 8);
    board.clock->interrupt();
    assert_in_range(board_now_ms(), begin_ms, begin_ms + 8);
    u64 resumed_ms = board_now_ms();
    pass_ns(2000 * NS_A_MS);
    expect_clock(resumed_ms, 2000);
}

/* Migration: another speed, and a counter that goes on anywhere. */
TEST_WITH(test_a_machine_that_moved, set_up, tear_down)
{
    static const struct {
        u64 hz;
        i64 offset_s;
    } hosts[] = {{GHZ, 0},     {3 * GHZ, 100}, {3 * GHZ, -50},
                 {2 * GHZ, 0}, {5 * GHZ, 7},   {2 * GHZ, 0}};

    start_and_tick();
    for (unsigned i = 0; i < ARRAY_SIZE(hosts); i++) {
        u64 stamp = board.stamp_offset + scaled(board.ns, board.stamp_hz);
        board.stamp_hz = hosts[i].hz;
        board.stamp_offset =
            stamp - scaled(board.ns, board.stamp_hz) + (u64)(hosts[i].offset_s * (i64)GHZ);
        (void)sleep_until(board_now_ms() + 5000);
        u64 begin_ms = board_now_ms();
        for (unsigned step = 1; step <= 50; step++) {
            pass_ns(100 * NS_A_MS);
            expect_clock(begin_ms, step * 100);
        }
    }
}

/* `loadvm` where the time stamp counter is all there is: it goes on from where it was. */
TEST_WITH(test_a_counter_that_went_back, set_up, tear_down)
{
    board.has_fadt = false;
    start_and_tick();
    pass_ns(1000 * NS_A_MS);
    u64 begin_ms = board_now_ms();
    board.stamp_offset -= 100 * board.stamp_hz;
    assert_in_range(board_now_ms(), begin_ms, begin_ms + 1);
    pass_ns(1000 * NS_A_MS);
    expect_clock(begin_ms, 1000);
}

TEST_WITH(test_the_clock_never_goes_back, set_up, tear_down)
{
    start_and_tick();
    u64 last_ms = board_now_ms();
    for (unsigned i = 0; i < 2000; i++) {
        pass_ns((i * 7919 % 400) * NS_A_MS);
        board.stamp_offset += (u64)((i64)(i * 104729 % 1000 * NS_A_MS) - 500 * (i64)NS_A_MS);
        if (i % 5 == 0)
            board.clock->interrupt();
        u64 now_ms = board_now_ms();
        assert_true(now_ms >= last_ms);
        last_ms = now_ms;
    }
}

/* Nothing was due, so no alarm kept ACPI's timer from going round. */
TEST_WITH(test_a_sleep_without_an_alarm_is_counted, set_up, tear_down)
{
    static const u64 sleeps_ms[] = {1000, 4000, PM_CYCLE_MS, 5000, 20000, 600000};

    start_and_tick();
    for (unsigned i = 0; i < ARRAY_SIZE(sleeps_ms); i++) {
        u64 begin_ms = board_now_ms();
        board.clock->arm(UINT64_MAX);
        pass_ns(sleeps_ms[i] * NS_A_MS);
        expect_clock(begin_ms, sleeps_ms[i]);
    }
}

TEST_WITH(test_a_suspend_takes_no_time, set_up, tear_down)
{
    start_and_tick();
    (void)sleep_until(board_now_ms() + 3000);
    u64 begin_ms = board_now_ms();
    pass_ns(100 * GHZ);
    board.stamp_offset = (u64) - (i64)scaled(board.ns, board.stamp_hz); /* it begins anew */
    start();
    assert_false(alarm_works());
    assert_in_range(board_now_ms(), begin_ms, begin_ms + 2);
    pass_ns(2000 * NS_A_MS);
    expect_clock(begin_ms, 2000);
}

/* Only the boot processor moves the clock. */
TEST_WITH(test_another_processor_reads_the_clock, set_up, tear_down)
{
    start_and_tick();
    u64 begin_ms = board_now_ms();
    pass_ns(500 * NS_A_MS);
    fake_cpu_id = 1;
    assert_int_equal(board_now_ms(), begin_ms);
    fake_cpu_id = 0;
    expect_clock(begin_ms, 500);
}
