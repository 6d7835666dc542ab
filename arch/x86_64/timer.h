/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64, and for an extra: what timer.c offers beyond arch.h. */
#ifndef TIDE_ARCH_TIMER_H
#define TIDE_ARCH_TIMER_H

#include "include/types.h"

#define CHANNEL_0             0x40 /* ports of the 8254 */
#define TIMER_CONTROL         0x43
#define CHANNEL_0_RATE_BINARY 0x34 /* low byte, then high byte; mode 2 */
#define INPUT_HZ              1193182
#define TICK_MS               10
#define DIVISOR               ((INPUT_HZ * TICK_MS + 500) / 1000)

/* A tick has come since boot or waking: the processor may wait for the next one. */
bool timer_ticks(void);

/* A clock until the first tick. */
struct timer_fallback {
    /* Bring the clock up to date by timer_advance(). On the boot processor. */
    void (*follow)(void);
    /*
     * Called again and again: once in a millisecond it calls the handlers of all lines
     * (interrupts_poll()) and returns true. On the boot processor, with interrupts on.
     */
    bool (*poll)(void);
};

/* For an extra, in its timer_started(). */
void timer_set_fallback(const struct timer_fallback *clock);

/* So much time has passed. Interrupts off. */
void timer_advance(u64 ms);

/* No tick has come, and there is a fallback: do not sleep, but call timer_poll(). */
bool timer_must_poll(void);
bool timer_poll(void);

/* Start the board's timers again after a sleep. Interrupts off. */
void timer_resume(void);

#endif
