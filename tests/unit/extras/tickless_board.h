/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A board under extras/tickless and extras/no_tick: a time stamp counter, ACPI's timer, an 8254 and
 * a local APIC, each of which may be absent, run at another speed, jump or stand still. A test
 * includes this once; the sources themselves are included here.
 */
#ifndef TIDE_TESTS_UNIT_EXTRAS_BOARD_H
#define TIDE_TESTS_UNIT_EXTRAS_BOARD_H

#include <asm/cpu.h>

#include "arch/x86_64/cpu.h"

static u64 board_stamp(void);
static u64 board_msr_read(u32 msr);
static void board_msr_write(u32 msr, u64 value);
static u64 board_now_ms(void);

#define cpu_stamp       board_stamp
#define msr_read        board_msr_read
#define msr_write       board_msr_write
#define platform_now_ms board_now_ms

#include "extras/no_tick/no_tick.c"
#include "extras/tickless/clock.c"
#include "extras/tickless/tickless.c"

#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define PM_PORT   0x608
#define APIC_AT   0xfee00000
#define GHZ       1000000000ull
#define NS_A_MS   1000000ull
#define NEVER_NS  UINT64_MAX
#define ACCESS_NS 1000

static struct {
    u64 ns; /* what has passed */
    u64 stamp_hz;
    u64 stamp_offset;
    u64 pm_ns; /* for which ACPI's timer ran: not while the host has stopped the machine */
    u64 apic_hz;
    bool has_fadt, has_channel, has_pic, has_apic, has_deadlines, is_requested;
    u32 pic_command; /* of the first 8259: the last one */
    u64 channel_at, channel_count;
    u64 apic_at;
    u32 apic_count, apic_timer;
    u64 deadline;
    u8 low;       /* the first half of a count that is written */
    bool is_high; /* the other half of a count is next */
    u16 latched;
    unsigned nr_writes; /* to what an alarm is set by */
    unsigned nr_polls;
    unsigned nr_busy; /* so many accesses are those of a busy host */
    const struct timer_clock *clock;
} board;

static void pass_ns(u64 ns)
{
    board.ns += ns;
    board.pm_ns += ns;
}

static u64 scaled(u64 ns, u64 hz)
{
    return (u64)((unsigned __int128)ns * hz / GHZ);
}

static u64 board_stamp(void)
{
    pass_ns(100);
    return board.stamp_offset + scaled(board.ns, board.stamp_hz);
}

static u64 board_now_ms(void)
{
    return board.clock->now_ms();
}

/* ---- registers ---- */

static u64 board_msr_read(u32 msr)
{
    assert_int_equal(msr, 0x1b);
    return APIC_AT | 1 << 11;
}

static void board_msr_write(u32 msr, u64 value)
{
    assert_int_equal(msr, 0x6e0);
    assert_int_equal(board.apic_timer, VECTOR_TIMER | 2 << 17);
    board.nr_writes++;
    board.deadline = value;
}

struct cpuid_result cpuid(u32 leaf)
{
    assert_int_equal(leaf, 1);
    return (struct cpuid_result){.ecx = board.has_deadlines ? 1 << 24 : 0};
}

/* Every third time. */
static void run_something_else(void)
{
    if (board.nr_busy > 0 && board.nr_busy-- % 3 == 0)
        pass_ns(3 * NS_A_MS);
}

static u32 read_port(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    pass_ns(ACCESS_NS);
    if (bytes == 4)
        return (u32)scaled(board.pm_ns, 3579545) & 0xffffff;
    if (!board.has_channel || offset != 0)
        return 0xff;
    run_something_else();
    board.is_high = !board.is_high;
    return board.is_high ? board.latched & 0xff : board.latched >> 8;
}

static void write_port(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)bytes;
    pass_ns(ACCESS_NS);
    if (offset == 3) {
        board.is_high = false;
        board.latched = (u16)(board.channel_count - scaled(board.ns - board.channel_at, INPUT_HZ));
        return;
    }
    board.nr_writes++;
    if (board.is_high) {
        board.channel_count = value << 8 | board.low;
        board.channel_at = board.ns;
        run_something_else();
    }
    board.low = (u8)value;
    board.is_high = !board.is_high;
}

static u32 read_apic(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    assert_int_equal(bytes, 4);
    assert_int_equal(offset, 0x390);
    pass_ns(ACCESS_NS);
    u64 passed = scaled(board.ns - board.apic_at, board.apic_hz / 16);
    return passed < board.apic_count ? board.apic_count - (u32)passed : 0;
}

static void write_apic(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    assert_int_equal(bytes, 4);
    pass_ns(ACCESS_NS);
    if (offset == 0x320)
        board.apic_timer = value;
    if (offset != 0x380)
        return;
    board.nr_writes++;
    board.apic_count = value;
    board.apic_at = board.ns;
}

/* ---- what the kernel offers ---- */

const void *acpi_find_table(const char *signature, u32 *bytes)
{
    static u8 fadt[128];
    u32 port = PM_PORT;

    assert_string_equal(signature, "FACP");
    memcpy(fadt + 76, &port, sizeof(port));
    *bytes = sizeof(fadt);
    return board.has_fadt ? fadt : NULL;
}

bool apic_is_usable(void)
{
    return board.has_apic;
}

bool pic_exists(void)
{
    return board.has_pic;
}

void interrupts_poll(void)
{
    board.nr_polls++;
}

void timer_set_clock(const struct timer_clock *that)
{
    board.clock = that;
}

void timer_arm(u64 at_ms)
{
    board.clock->arm(at_ms);
}

static u32 read_requested(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)offset;
    (void)bytes;
    assert_int_equal(board.pic_command, 0x0a);
    return board.is_requested ? 1 : 0xfe;
}

static void write_pic(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)offset;
    (void)bytes;
    board.pic_command = value;
}

/* ---- the tests' words ---- */

/* A board that lacks nothing but deadlines. */
static void set_up(void)
{
    static const struct fake_registers ports = {read_port, write_port};
    static const struct fake_registers pic = {read_requested, write_pic};
    static const struct fake_registers apic_registers = {read_apic, write_apic};

    memset(&board, 0, sizeof(board));
    board.ns = 123 * NS_A_MS;
    board.stamp_hz = 24 * GHZ / 10;
    board.apic_hz = GHZ;
    board.has_fadt = board.has_channel = board.has_pic = board.has_apic = true;
    fake_mmio_reset();
    fake_port_claim(CHANNEL_0, 4, &ports, NULL);
    fake_port_claim(PM_PORT, 4, &ports, NULL);
    fake_port_claim(0x20, 1, &pic, NULL);
    fake_mmio_claim(APIC_AT, 0x1000, &apic_registers, NULL);
    stamps_per_ms = CPU_STAMP_HZ / 1000;
    shown_ms = 0;
    rest = 0;
    warned = false;
    fake_console_clear();
}

static void tear_down(void)
{
    fake_mmio_reset();
}

/* The kernel's start, and the first turn of its loop. */
static void start(void)
{
    tickless_extra.timer_started();
    no_tick_extra.timer_started();
    no_tick_extra.poll();
}

/* When what is set goes off, or NEVER_NS. */
static u64 alarm_ns(void)
{
    if (!board.has_apic)
        return board.channel_at + board.channel_count * GHZ / INPUT_HZ;
    if (board.has_deadlines)
        return board.deadline == 0
                   ? NEVER_NS
                   : (u64)((unsigned __int128)(board.deadline - board.stamp_offset) * GHZ /
                           board.stamp_hz);
    return board.apic_count == 0 ? NEVER_NS
                                 : board.apic_at + board.apic_count * 16ull * GHZ / board.apic_hz;
}

/* Sleep until the alarm goes off. */
static void sleep_to_alarm(void)
{
    u64 at = alarm_ns();

    assert_true(at != NEVER_NS);
    if (at > board.ns)
        pass_ns(at - board.ns);
    board.apic_count = 0;
    board.deadline = 0;
    board.clock->interrupt();
}

/* Start, and take the first alarm. */
static void start_and_tick(void)
{
    start();
    assert_false(alarm_works());
    sleep_to_alarm();
    assert_true(alarm_works());
}

/* Sleep until the time has come, and return how many alarms that took. */
static unsigned sleep_until(u64 at_ms)
{
    unsigned nr_alarms = 0;

    while (board_now_ms() < at_ms) {
        board.clock->arm(at_ms);
        sleep_to_alarm();
        nr_alarms++;
    }
    return nr_alarms;
}

/* The clock shows this, but for an error of 2 % of what has passed and of 2 ms. */
static void expect_clock(u64 since_ms, u64 passed_ms)
{
    u64 passed = board_now_ms() - since_ms;

    assert_in_range(passed + 2, passed_ms - passed_ms / 50, passed_ms + passed_ms / 50 + 4);
}

#endif
