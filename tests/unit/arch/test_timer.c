/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock where no tick comes: it follows ACPI's timer, or the 8254 by its count, or the time
 * stamp counter; the lines' handlers are called; and the warning names what is missing.
 */

/* The sources themselves are included: beside them, the fake platform offers the same function. */
#define platform_now_ms arch_now_ms

#include "arch/x86_64/timer.c"
#include "extras/no_tick/no_tick.c"

#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define PM_PORT 0x608

static u64 board_us; /* what has passed on the board; each read of a port takes one more */
static bool has_channel;
static bool has_pic;
static bool is_requested; /* by the 8254: the 8259 has not passed it on */
static u8 fadt[128];
static bool has_fadt;
static u16 latched;
static bool high_next;
static unsigned nr_polls;
static void (*timer_handler)(void *context);

const void *acpi_find_table(const char *signature, u32 *bytes)
{
    assert_string_equal(signature, "FACP");
    *bytes = sizeof(fadt);
    return has_fadt ? fadt : NULL;
}

bool pic_exists(void)
{
    return has_pic;
}

bool pic_requests(unsigned line)
{
    assert_int_equal(line, 0);
    return is_requested;
}

int interrupts_attach(unsigned line, bool level, irq_handler_t function, void *context)
{
    (void)context;
    assert_int_equal(line, 0);
    assert_false(level);
    timer_handler = function;
    return OK;
}

void interrupts_after_tick(void)
{
}

void interrupts_poll(void)
{
    nr_polls++;
}

static u32 read_port(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    board_us++;
    if (bytes == 4)
        return (u32)(board_us * PM_TIMER_HZ / 1000000) & 0xffffff;
    if (!has_channel || offset != 0)
        return 0xff;
    high_next = !high_next;
    return high_next ? latched & 0xff : latched >> 8;
}

static void write_port(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)bytes;
    if (offset == 3 && value == 0)
        latched = (u16)(DIVISOR - board_us * INPUT_HZ / 1000000 % DIVISOR);
}

static void start(bool pm_timer, bool channel, bool pic)
{
    static const struct fake_registers ports = {read_port, write_port};
    u32 port = PM_PORT;

    fake_mmio_reset();
    fake_port_claim(CHANNEL_0, 4, &ports, NULL);
    fake_port_claim(PM_PORT, 4, &ports, NULL);
    memcpy(fadt + FADT_PM_TIMER, &port, sizeof(port));
    has_fadt = pm_timer;
    has_channel = channel;
    has_pic = pic;
    is_requested = false;
    pm_timer_port = 0;
    counter = NULL;
    fallback = NULL;
    board_us = 123;
    rest = now_ms = polled_ms = 0;
    high_next = false;
    nr_polls = 0;
    fake_console_clear();
    timer_init();
}

static void teardown(void)
{
    fake_mmio_reset();
}

/* The clock after so long on the board, asked each 5 ms. */
static u64 clock_after(u64 ms)
{
    u64 end_us = board_us + ms * 1000;

    while (board_us < end_us) {
        board_us += 5000;
        (void)timer_poll();
    }
    return arch_now_ms();
}

TEST_WITH(test_acpis_timer_is_followed, NULL, teardown)
{
    start(true, true, false);
    assert_false(timer_ticks());
    assert_in_range(clock_after(100), 100, 106);
    assert_in_range(nr_polls, 18, 22);
    board_us += 4000000; /* not asked for long: it is round after 4.6 s only */
    assert_in_range(arch_now_ms(), 4100, 4106);
    assert_in_range(clock_after(10000), 14100, 14112);
}

TEST_WITH(test_the_8254_is_followed_without_acpi, NULL, teardown)
{
    start(false, true, false);
    assert_in_range(clock_after(1000), 1000, 1012);
}

TEST_WITH(test_there_is_always_a_clock, NULL, teardown)
{
    start(false, false, false);
    for (u64 before = arch_now_ms(); arch_now_ms() < before + 3;)
        cpu_relax();
    assert_true(timer_poll());
}

TEST_WITH(test_ticks_take_over, NULL, teardown)
{
    start(true, true, true);
    u64 before = clock_after(10);
    timer_handler(NULL);
    assert_true(timer_ticks());
    board_us += 1000000;
    assert_int_equal(arch_now_ms(), before + TICK_MS);

    /* After a sleep the counter may have begun anew. */
    board_us = 7;
    timer_resume();
    assert_false(timer_ticks());
    assert_in_range(arch_now_ms(), before + TICK_MS, before + TICK_MS + 1);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_the_warning_names_what_is_missing, NULL, teardown)
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
        start(true, cases[i].channel, cases[i].pic);
        is_requested = cases[i].requested;
        warned = false;
        clock_after(WARN_MS - 20);
        assert_string_equal(fake_console(), "");
        clock_after(40);
        assert_non_null(strstr(fake_console(), cases[i].said));
        assert_non_null(strstr(fake_console(), "polling, by ACPI's timer"));
        fake_console_clear();
        clock_after(2 * WARN_MS);
        assert_string_equal(fake_console(), "");
    }
}

/* A busy host may let the first one wait for any time: nothing is missing then. */
TEST_WITH(test_a_late_tick_is_no_missing_one, NULL, teardown)
{
    start(true, true, true);
    warned = false;
    clock_after(20 * WARN_MS);
    assert_string_equal(fake_console(), "");
    assert_false(timer_ticks());
    timer_handler(NULL);
    assert_true(timer_ticks());
}
