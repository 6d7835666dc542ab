/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machines that lack interrupts. Without the 8259 the handlers of its lines are called 100 times a
 * second; where no alarm goes off, the loop does not sleep, and they are called each millisecond.
 * A warning says once what is missing; an alarm may just be late.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/timer.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "extras/tickless/tickless.h"
#include "include/extra.h"
#include "include/platform.h"
#include "lib/log.h"

#define PIC_COMMAND        0x20
#define PIC_READ_REQUESTED 0x0a

#define LINES_MS  10
#define AWAKE_MS  1
#define FIRST_MS  2    /* to the first alarm, which shows whether one interrupts */
#define WARN_MS   1000 /* without an alarm: how often to find out why */
#define READS_MAX 1000 /* an 8254 that runs has moved by then */

static bool has_lines;
static u64 next_ms;
static u64 silent_since_ms;
static bool warned;
static bool is_armed; /* the first alarm */

static bool channel_0_runs(void)
{
    u8 first = io_read8(CHANNEL_0);

    for (unsigned i = 0; i < READS_MAX; i++) {
        if (io_read8(CHANNEL_0) != first)
            return true;
    }
    return false;
}

/* The timer's line requests an interrupt that no processor has taken. Interrupts are off. */
static bool timer_line_waits(void)
{
    io_write8(PIC_COMMAND, PIC_READ_REQUESTED);
    return (io_read8(PIC_COMMAND) >> TIMER_LINE & 1) != 0;
}

/* What the machine lacks, or NULL: a busy host may just be late with the first alarm. */
static const char *find_missing(void)
{
    u64 flags = irq_save();
    const char *missing = !has_lines           ? "there is no 8259 interrupt controller"
                          : !channel_0_runs()  ? "there is no 8254 timer"
                          : timer_line_waits() ? "the 8259 does not reach the processor"
                                               : NULL;
    irq_restore(flags);
    /* An interrupt that waited for this function has come by now. */
    return alarm_works() ? NULL : missing;
}

static void warn_once(u64 now_ms)
{
    const char *missing = warned ? NULL : find_missing();

    silent_since_ms = now_ms;
    if (missing == NULL)
        return;
    log_warning(LOG_ARCH, "timer",
                "no interrupt within %d ms, %s: polling, which keeps a processor of the host busy",
                WARN_MS, missing);
    warned = true;
}

static void poll(void)
{
    if (has_lines && alarm_works())
        return;
    u64 now_ms = platform_now_ms();
    if (now_ms < next_ms)
        return;
    next_ms = now_ms + (alarm_works() ? LINES_MS : AWAKE_MS);
    u64 flags = irq_save();
    if (!is_armed)
        timer_arm(now_ms + FIRST_MS);
    is_armed = true;
    interrupts_poll();
    irq_restore(flags);
    if (!alarm_works() && now_ms - silent_since_ms >= WARN_MS)
        warn_once(now_ms);
}

static u64 due_ms(void)
{
    if (alarm_works())
        return has_lines ? UINT64_MAX : next_ms;
    cpu_relax();
    return 0;
}

static void started(void)
{
    has_lines = pic_exists();
    next_ms = silent_since_ms = platform_now_ms();
    is_armed = false;
}

EXTRA(no_tick) = {.name = "no_tick", .timer_started = started, .poll = poll, .due_ms = due_ms};
