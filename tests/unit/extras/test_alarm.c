/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The alarm of extras/tickless: it comes when something is due, and costs little. And
 * extras/no_tick on machines where it does not come, or no line interrupts.
 */
#include "tests/unit/extras/tickless_board.h"

/* ---- the alarm ---- */

TEST_WITH(test_each_alarm_comes_when_something_is_due, set_up, tear_down)
{
    static const struct {
        bool apic, deadlines;
        u64 apic_hz;
        u64 shot_ms;
    } boards[] = {
        {true, true, GHZ, 2000},
        {true, false, GHZ, 2000},
        {true, false, 25 * GHZ / 1000, 2000},
        {false, false, 0, 50},
    };
    static const u64 waits_ms[] = {1, 2, 10, 49, 50, 100, 1000, 2000, 2001, 7000};

    for (unsigned i = 0; i < ARRAY_SIZE(boards); i++) {
        set_up();
        board.has_apic = boards[i].apic;
        board.has_deadlines = boards[i].deadlines;
        board.apic_hz = boards[i].apic_hz;
        start_and_tick();
        assert_int_equal(board.clock->needs_line, !boards[i].apic);
        for (unsigned j = 0; j < ARRAY_SIZE(waits_ms); j++) {
            u64 begin_ms = board_now_ms();
            u64 shots = (waits_ms[j] + boards[i].shot_ms - 1) / boards[i].shot_ms;
            assert_in_range(sleep_until(begin_ms + waits_ms[j]), 1, shots + 1);
            u64 waited_ms = board_now_ms() - begin_ms;
            assert_in_range(waited_ms, waits_ms[j], waits_ms[j] + waits_ms[j] / 32 + 3);
        }
        assert_int_equal(sleep_until(board_now_ms() + boards[i].shot_ms), 1);
    }
}

/* So that a start takes less; until then a counter of 2 GHz is a guess. */
TEST_WITH(test_nothing_is_measured_before_the_first_alarm, set_up, tear_down)
{
    tickless_extra.timer_started();
    no_tick_extra.timer_started();
    u64 begin_ms = board_now_ms();
    pass_ns(100 * NS_A_MS);
    assert_in_range(board_now_ms() - begin_ms, 119, 121);
    assert_int_equal(board.nr_writes, 0);
    assert_int_equal(alarm_ns(), NEVER_NS);
    begin_ms = board_now_ms();
    board.clock->arm(begin_ms + 1000);
    assert_in_range(alarm_ns(), board.ns + 1000 * NS_A_MS, board.ns + 1050 * NS_A_MS);
    sleep_to_alarm();
    expect_clock(begin_ms, 1017);
}

/* What an alarm that is left alone costs: nothing. */
TEST_WITH(test_it_is_set_only_for_an_earlier_time, set_up, tear_down)
{
    static const struct {
        u64 at_ms; /* from the beginning */
        unsigned nr_writes;
    } calls[] = {{1000, 1}, {1000, 0}, {1500, 0}, {UINT64_MAX, 0}, {999, 1}, {200, 1}, {900, 0}};

    start_and_tick();
    u64 begin_ms = board_now_ms();
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        unsigned before = board.nr_writes;
        board.clock->arm(calls[i].at_ms == UINT64_MAX ? UINT64_MAX : begin_ms + calls[i].at_ms);
        assert_int_equal(board.nr_writes - before, calls[i].nr_writes);
    }
    sleep_to_alarm();
    expect_clock(begin_ms, 207);

    unsigned before = board.nr_writes;
    board.clock->arm(UINT64_MAX);
    assert_int_equal(board.nr_writes, before);
    assert_int_equal(alarm_ns(), NEVER_NS);
    board.clock->arm(board_now_ms() + 300);
    assert_int_equal(board.nr_writes, before + 1);
}

/* One that was lost does not keep the next one from being set; nor does a time that has passed. */
TEST_WITH(test_a_lost_alarm_is_set_again, set_up, tear_down)
{
    start_and_tick();
    board.clock->arm(board_now_ms() + 100);
    pass_ns(500 * NS_A_MS);
    board.apic_count = 0;
    board.clock->arm(board_now_ms() + 100);
    assert_in_range(alarm_ns(), board.ns + 99 * NS_A_MS, board.ns + 105 * NS_A_MS);
    board.clock->arm(0);
    assert_in_range(alarm_ns(), board.ns, board.ns + 3 * NS_A_MS);
}

/* The counter of the local APIC is faster than it was at the start: the first alarm is early, but
 * not the third. A late one, on a busy host, teaches nothing. */
TEST_WITH(test_an_early_alarm_is_learnt_from, set_up, tear_down)
{
    start_and_tick();
    board.apic_hz = board.apic_hz * 11 / 10;
    assert_in_range(sleep_until(board_now_ms() + 1500), 2, 4);
    assert_int_equal(sleep_until(board_now_ms() + 1500), 1);
    for (unsigned i = 0; i < 5; i++) {
        board.clock->arm(board_now_ms() + 500);
        pass_ns(900 * NS_A_MS);
        board.clock->interrupt();
    }
    u64 before_ms = board_now_ms();
    assert_int_equal(sleep_until(before_ms + 1500), 1);
    assert_in_range(board_now_ms() - before_ms, 1500, 1550);
}

TEST_WITH(test_another_kernel_gets_no_alarm, set_up, tear_down)
{
    start_and_tick();
    assert_int_equal(board.apic_timer, VECTOR_TIMER);
    alarm_stop();
    assert_int_equal(board.apic_timer & 1 << 16, 1 << 16);
    board.has_apic = false;
    start();
    alarm_stop(); /* the 8254 stays as a boot loader leaves it */
}

/* ---- machines without interrupts ---- */

/* Turns of the loop for so long: it sleeps where something is due later. */
static void turn_for(u64 ms)
{
    for (u64 end = board.ns + ms * NS_A_MS; board.ns < end;) {
        no_tick_extra.poll();
        u64 due = no_tick_extra.due_ms();
        if (due > board_now_ms() && due != UINT64_MAX)
            (void)sleep_until(due);
        else
            pass_ns(NS_A_MS / 10);
    }
}

TEST_WITH(test_without_the_8259_the_lines_are_polled, set_up, tear_down)
{
    board.has_pic = false;
    start_and_tick();
    turn_for(3000);
    assert_in_range(board.nr_polls, 220, 310);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_with_interrupts_nothing_is_polled, set_up, tear_down)
{
    start_and_tick();
    board.nr_polls = 0;
    no_tick_extra.poll();
    assert_int_equal(no_tick_extra.due_ms(), UINT64_MAX);
    assert_int_equal(board.nr_polls, 0);
}

TEST_WITH(test_the_warning_names_what_is_missing, set_up, tear_down)
{
    static const struct {
        bool channel, pic, requested;
        const char *said;
    } cases[] = {
        {true, false, false, "no 8259 interrupt controller"},
        {false, true, false, "no 8254 timer"},
        {true, true, true, "the 8259 does not reach the processor"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        set_up();
        board.has_apic = false;
        board.has_channel = cases[i].channel;
        board.has_pic = cases[i].pic;
        board.is_requested = cases[i].requested;
        start();
        turn_for(WARN_MS * 3 / 4);
        assert_in_range(board.nr_polls, 700, 1200); /* at 2.4 GHz, taken for 2 */
        assert_string_equal(fake_console(), "");
        turn_for(WARN_MS / 2);
        assert_non_null(strstr(fake_console(), cases[i].said));
        assert_non_null(strstr(fake_console(), "polling"));
        fake_console_clear();
        turn_for(2 * WARN_MS);
        assert_string_equal(fake_console(), "");
    }
}

/* A busy host may let the first one wait for any time: nothing is missing then. */
TEST_WITH(test_a_late_alarm_is_no_missing_one, set_up, tear_down)
{
    start();
    turn_for(20 * WARN_MS);
    assert_string_equal(fake_console(), "");
    assert_false(alarm_works());
    sleep_to_alarm();
    assert_int_equal(no_tick_extra.due_ms(), UINT64_MAX);
}
