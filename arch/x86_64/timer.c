/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock: channel 0 of the 8254 interrupts 100 times a second. Nothing is calibrated, so boot
 * does not wait. A machine may lack the 8254 or the 8259, or not pass their interrupts on: until
 * the first tick, after boot and after each sleep, an extra may have a clock of its own.
 */
#include "arch/x86_64/timer.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/panic.h"

/* Written by the boot processor alone, with interrupts off. */
static volatile u64 now_ms;
static volatile bool ticks;
static const struct timer_fallback *fallback; /* NULL: none, or not started yet */

static void tick(void *context)
{
    (void)context;
    now_ms += TICK_MS;
    ticks = true;
    interrupts_after_tick();
}

u64 platform_now_ms(void)
{
    if (!ticks && fallback != NULL && cpu_id() == 0)
        fallback->follow();
    return now_ms;
}

bool timer_ticks(void)
{
    return ticks;
}

void timer_advance(u64 ms)
{
    now_ms += ms;
}

void timer_set_fallback(const struct timer_fallback *clock)
{
    fallback = clock;
}

bool timer_must_poll(void)
{
    return !ticks && fallback != NULL;
}

bool timer_poll(void)
{
    return fallback->poll();
}

void timer_resume(void)
{
    io_write8(TIMER_CONTROL, CHANNEL_0_RATE_BINARY);
    io_write8(CHANNEL_0, DIVISOR & 0xff);
    io_write8(CHANNEL_0, DIVISOR >> 8);
    ticks = false;
    EXTRAS_CALL(timer_started);
}

void timer_init(void)
{
    timer_resume();
    if (interrupts_attach(TIMER_LINE, false, tick, NULL) != OK)
        panic("timer: line %d has no free handler", TIMER_LINE);
}
