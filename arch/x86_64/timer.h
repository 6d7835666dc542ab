/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: what timer.c offers beyond arch.h, for where no tick comes. */
#ifndef TIDE_ARCH_TIMER_H
#define TIDE_ARCH_TIMER_H

#include "include/types.h"

/* A tick has come since boot or waking: the processor may wait for the next one. */
bool timer_ticks(void);

/*
 * To be called again and again as long as none has. Once in a millisecond it calls what the lines'
 * interrupts would have called, and returns true. Each second it looks what the machine lacks, and
 * says that once, in a warning; of a tick that is only late it says nothing. On the boot processor,
 * with interrupts on.
 */
bool timer_poll(void);

#endif
