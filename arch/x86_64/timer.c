/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of the core: channel 0 of the 8254 interrupts 100 times a second. Nothing is
 * calibrated, so boot does not wait. An extra may have a clock that needs no tick.
 */
#include "arch/x86_64/timer.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "asm/io.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/panic.h"

#define CHANNEL_0_RATE 0x34 /* low byte, then high byte; mode 2 */
#define TICK_MS        10
#define DIVISOR        ((INPUT_HZ * TICK_MS + 500) / 1000)

static volatile u64 ticks_ms; /* written by the tick */
static const struct timer_clock *clock;

void timer_interrupt(void *context)
{
    (void)context;
    if (clock != NULL)
        clock->interrupt();
    else
        ticks_ms += TICK_MS;
    interrupts_end_storms();
}

u64 platform_now_ms(void)
{
    return clock != NULL ? clock->now_ms() : ticks_ms;
}

void timer_arm(u64 at_ms)
{
    if (clock != NULL)
        clock->arm(at_ms);
}

void timer_set_clock(const struct timer_clock *that)
{
    clock = that;
}

void timer_resume(void)
{
    EXTRAS_CALL(timer_started);
    if (clock != NULL)
        return;
    io_write8(TIMER_CONTROL, CHANNEL_0_RATE);
    io_write8(CHANNEL_0, DIVISOR & 0xff);
    io_write8(CHANNEL_0, DIVISOR >> 8);
}

void timer_init(void)
{
    timer_resume();
    if ((clock == NULL || clock->needs_line) &&
        interrupts_attach(TIMER_LINE, false, timer_interrupt, NULL) != OK)
        panic("timer: line %d has no free handler", TIMER_LINE);
}
