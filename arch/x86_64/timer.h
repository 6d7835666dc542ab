/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64, and for an extra: what timer.c offers beyond arch.h. */
#ifndef TIDE_ARCH_TIMER_H
#define TIDE_ARCH_TIMER_H

#include "include/types.h"

/* The 8254's channel 0, which line 0 of the 8259 comes from. */
#define CHANNEL_0     0x40
#define TIMER_CONTROL 0x43
#define INPUT_HZ      1193182

/* In place of the tick, from an extra. */
struct timer_clock {
    u64 (*now_ms)(void);    /* platform_now_ms() */
    void (*arm)(u64 at_ms); /* timer_arm() */
    void (*interrupt)(void);
    bool needs_line; /* its interrupt is that of line 0 */
};
void timer_set_clock(const struct timer_clock *that);

/* From the interrupt of the 8254 or of the local APIC's timer. */
void timer_interrupt(void *context);

/* Start the board's timers again after a sleep. Interrupts off. */
void timer_resume(void);

#endif
