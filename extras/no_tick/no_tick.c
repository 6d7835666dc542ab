/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of a machine whose timer does not interrupt: a counter that is read, by a processor
 * that never sleeps. A warning says once what is missing; a tick may just be late.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/timer.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "include/extra.h"
#include "include/platform.h"
#include "lib/log.h"
#include "lib/string.h"

#define CHANNEL_0_LATCH 0x00

#define FADT_PM_TIMER 76
#define PM_TIMER_HZ   3579545
#define PM_TIMER_BITS 24 /* all that each machine has */

#define STAMP_BITS 48 /* as many as are used */

#define READS_MAX 1000 /* some ms: each counter that runs has moved by then */
#define WARN_MS   1000 /* without a tick: how often to find out why */

/* A counter of the machine: it counts up from 0 to modulus - 1, and again. */
struct counter {
    const char *name;
    u64 (*read)(void);
    u64 modulus;
    u64 hz;
};

static const struct counter *counter; /* NULL before the first start */
static u64 last_value;
static u64 rest; /* the fraction of a millisecond that has passed, in 1/1000 of a count */
static u64 silent_since_ms;
static u64 polled_ms;
static bool warned;

static u16 pm_timer_port; /* 0: there is none */

/* ---- the counters ---- */

static u64 read_pm_timer(void)
{
    return pm_timer_port == 0 ? 0 : io_read32(pm_timer_port);
}

static u64 read_channel_0(void)
{
    io_write8(TIMER_CONTROL, CHANNEL_0_LATCH);
    u16 low = io_read8(CHANNEL_0);
    u16 left = (u16)(low | io_read8(CHANNEL_0) << 8);

    return left <= DIVISOR ? DIVISOR - left : 0;
}

/* The best first: the 8254 wraps after 10 ms, and time is lost if it is read more rarely. */
static const struct counter counters[] = {
    {"ACPI's timer", read_pm_timer, 1 << PM_TIMER_BITS, PM_TIMER_HZ},
    {"the 8254", read_channel_0, DIVISOR, INPUT_HZ},
    {"the time stamp counter, taken for 2 GHz", cpu_stamp, (u64)1 << STAMP_BITS, CPU_STAMP_HZ},
};

static bool counts(const struct counter *candidate)
{
    u64 first = candidate->read();

    for (unsigned i = 0; i < READS_MAX; i++)
        if (candidate->read() != first)
            return true;
    return false;
}

static void find_pm_timer(void)
{
    u32 bytes;
    u32 port;
    const u8 *fadt = acpi_find_table("FACP", &bytes);

    if (fadt == NULL || bytes < FADT_PM_TIMER + sizeof(port))
        return;
    memcpy(&port, fadt + FADT_PM_TIMER, sizeof(port));
    if (port <= UINT16_MAX)
        pm_timer_port = (u16)port;
}

static void choose_counter(void)
{
    unsigned i = 0;

    while (i < ARRAY_SIZE(counters) - 1 && !counts(&counters[i]))
        i++;
    counter = &counters[i];
}

/* ---- the clock ---- */

static void follow_counter(void)
{
    u64 flags = irq_save();
    u64 value = counter->read() % counter->modulus;

    rest += (value + counter->modulus - last_value) % counter->modulus * 1000;
    last_value = value;
    timer_advance(rest / counter->hz);
    rest %= counter->hz;
    irq_restore(flags);
}

/* ---- polling ---- */

/* What the machine lacks, or NULL: a busy host may just be late with the first tick. */
static const char *find_missing(void)
{
    u64 flags = irq_save();
    const char *missing = !pic_exists()              ? "there is no 8259 interrupt controller"
                          : !counts(&counters[1])    ? "there is no 8254 timer"
                          : pic_requests(TIMER_LINE) ? "the 8259 does not reach the processor"
                                                     : NULL;
    irq_restore(flags);
    /* An interrupt that waited for this function has come by now. */
    return timer_ticks() ? NULL : missing;
}

static void warn_once(u64 now)
{
    const char *missing = warned ? NULL : find_missing();

    silent_since_ms = now;
    if (missing == NULL)
        return;
    log_warning(LOG_ARCH, "timer",
                "no interrupt within %d ms, %s: polling, by %s, which keeps a processor of the "
                "host busy",
                WARN_MS, missing, counter->name);
    warned = true;
}

static bool poll(void)
{
    u64 now = platform_now_ms();

    if (now == polled_ms)
        return false;
    polled_ms = now;
    u64 flags = irq_save();
    interrupts_poll();
    irq_restore(flags);
    if (!timer_ticks() && now - silent_since_ms >= WARN_MS)
        warn_once(now);
    return true;
}

static void started(void)
{
    static const struct timer_fallback by_counter = {follow_counter, poll};

    if (counter == NULL)
        find_pm_timer();
    choose_counter();
    last_value = counter->read() % counter->modulus;
    timer_set_fallback(&by_counter);
    silent_since_ms = platform_now_ms();
}

EXTRA(no_tick) = {.name = "no_tick", .timer_started = started};
