/* SPDX-License-Identifier: BSD-2-Clause */
/* Work for the processors beside the one that booted. */
#ifndef TIDE_EXTRAS_CPU_WORK_H
#define TIDE_EXTRAS_CPU_WORK_H

#include "include/types.h"

/*
 * Run function(context) on another processor, with interrupts on. E_NODEV if it does not run,
 * E_BUSY while cpus_busy(). The end wakes the boot processor from cpu_idle().
 */
must_check int cpus_start_job(unsigned id, void (*function)(void *context), void *context);

/* Do what a message about unmapped memory asks for, if one is on its way: for a wait with
 * interrupts off. */
void cpus_poll_flush(void);

#endif
