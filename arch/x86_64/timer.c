/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock: channel 0 of the 8254 interrupts 100 times a second. Nothing is calibrated, so boot
 * does not wait.
 *
 * A machine may lack the 8254 or the 8259, or not pass their interrupts on. So until the first
 * tick, after boot and after each sleep, the clock is a counter that is read, and nothing waits for
 * an interrupt.
 */
#include "arch/x86_64/timer.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

#define CHANNEL_0 0x40
#define CONTROL   0x43

#define CHANNEL_0_RATE_BINARY 0x34 /* low byte, then high byte; mode 2 */
#define CHANNEL_0_LATCH       0x00
#define INPUT_HZ              1193182
#define TICK_MS               10
#define DIVISOR               ((INPUT_HZ * TICK_MS + 500) / 1000)

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

/* Written by the boot processor alone, with interrupts off. */
static volatile u64 now_ms;
static volatile bool ticks;
static const struct counter *counter; /* NULL before timer_init() */
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
    io_write8(CONTROL, CHANNEL_0_LATCH);
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

static void tick(void *context)
{
    (void)context;
    now_ms += TICK_MS;
    ticks = true;
    interrupts_after_tick();
}

static void follow_counter(void)
{
    u64 flags = irq_save();
    u64 value = counter->read() % counter->modulus;

    rest += (value + counter->modulus - last_value) % counter->modulus * 1000;
    last_value = value;
    now_ms += rest / counter->hz;
    rest %= counter->hz;
    irq_restore(flags);
}

u64 platform_now_ms(void)
{
    if (!ticks && counter != NULL && cpu_id() == 0)
        follow_counter();
    return now_ms;
}

bool timer_ticks(void)
{
    return ticks;
}

void timer_resume(void)
{
    io_write8(CONTROL, CHANNEL_0_RATE_BINARY);
    io_write8(CHANNEL_0, DIVISOR & 0xff);
    io_write8(CHANNEL_0, DIVISOR >> 8);
    choose_counter();
    last_value = counter->read() % counter->modulus;
    silent_since_ms = now_ms;
    ticks = false;
}

void timer_init(void)
{
    find_pm_timer();
    timer_resume();
    if (interrupts_attach(TIMER_LINE, false, tick, NULL) != OK)
        panic("timer: line %d has no free handler", TIMER_LINE);
}

/* ---- without ticks ---- */

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
    return ticks ? NULL : missing;
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

bool timer_poll(void)
{
    u64 now = platform_now_ms();

    if (now == polled_ms)
        return false;
    polled_ms = now;
    u64 flags = irq_save();
    interrupts_poll();
    irq_restore(flags);
    if (!ticks && now - silent_since_ms >= WARN_MS)
        warn_once(now);
    return true;
}
