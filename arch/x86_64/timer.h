/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: what timer.c offers beyond arch.h, for where no tick comes. */
#ifndef TIDE_ARCH_TIMER_H
#define TIDE_ARCH_TIMER_H

#include "include/types.h"

/* A tick has come since boot or waking: the processor may wait for the next one. */
bool timer_ticks(void);

/*
 * Call this again and again until one has. Once in a millisecond it calls the handlers of all
 * lines and returns true. Each second it looks for what the machine lacks, and logs one warning if
 * it finds it; a tick may just be late. On the boot processor, with interrupts on.
 */
bool timer_poll(void);

/* Start the board's timers again after a sleep. Interrupts off. */
void timer_resume(void);

#endif
