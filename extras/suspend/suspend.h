/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: the parts of suspend to RAM. Each *_resume() runs with interrupts off. */
#ifndef TIDE_EXTRAS_SUSPEND_SUSPEND_H
#define TIDE_EXTRAS_SUSPEND_SUSPEND_H

#include "include/types.h"

/* ---- suspend.c ---- */

/* The rest of the boot processor's way, from cpu_start.S, everything in memory as it was. */
_Noreturn void suspend_wake(void);

/* ---- cpu_start.S ---- */

/*
 * Keep the processor's registers and call sleep(). Returns what that returned, or OK after
 * cpu_resume(). Below cpu_suspended_rsp nothing is needed then.
 */
int cpu_suspend(int (*sleep)(void));
_Noreturn void cpu_resume(void);
extern u64 cpu_suspended_rsp;

/* ---- acpi_sleep.c ---- */

/* The machine can sleep, and firmware tells where to name the code to wake at. */
bool acpi_can_sleep(void);

/* Enter S3, to wake in real mode at `page`. After acpi_can_sleep(). Returns only if the machine has
 * not slept within ACPI_STATE_SECONDS; then it will not wake there. */
void acpi_sleep(paddr_t page);

/* ---- the rest of the board, as it was ---- */
void interrupts_resume(void);
void timer_resume(void);
void serial_resume(void);

#endif
