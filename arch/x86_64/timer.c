/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock: the 8254's channel 0, 100 times a second. No calibration, so no wait at boot. */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "arch/x86_64/suspend.h"
#include "asm/io.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/panic.h"

#define TIMER_LINE 0
#define CHANNEL_0  0x40
#define CONTROL    0x43

#define CHANNEL_0_RATE_BINARY 0x34 /* low byte, then high byte; mode 2 */
#define INPUT_HZ              1193182
#define TICK_MS               10
#define DIVISOR               ((INPUT_HZ * TICK_MS + 500) / 1000)

static volatile u64 ticks; /* written by the interrupt alone */

static void tick(void *context)
{
    (void)context;
    ticks++;
    interrupts_after_tick();
}

void timer_resume(void)
{
    io_write8(CONTROL, CHANNEL_0_RATE_BINARY);
    io_write8(CHANNEL_0, DIVISOR & 0xff);
    io_write8(CHANNEL_0, DIVISOR >> 8);
}

void timer_init(void)
{
    timer_resume();
    if (interrupts_attach(TIMER_LINE, false, tick, NULL) != OK)
        panic("timer: line %d has no free handler", TIMER_LINE);
}

u64 platform_now_ms(void)
{
    return ticks * TICK_MS;
}
