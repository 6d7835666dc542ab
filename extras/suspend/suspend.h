/* SPDX-License-Identifier: BSD-2-Clause */
/* Suspend to RAM: what the command calls, and the parts of it. */
#ifndef TIDE_EXTRAS_SUSPEND_SUSPEND_H
#define TIDE_EXTRAS_SUSPEND_SUSPEND_H

#include "include/types.h"

/* ---- suspend.c ---- */

/* What suspend_to_ram() needs to keep the kernel's own data, which a reset may write over. */
u64 suspend_copy_bytes(void);

/*
 * Why suspend_to_ram() cannot be called now, or NULL: ACPI does not tell how, the firmware does not
 * resume, a processor works. Changes nothing. From the loop only, after cpus_init().
 */
const char *suspend_refusal(void);

/*
 * Say `suspend: asleep`, suspend to RAM, and return after waking: OK, with the board as it was and
 * other processors about to start. copy is suspend_copy_bytes() of RAM. Devices on PCI
 * have been reset and have lost their config space. E_TIMEOUT if the machine stayed awake: all is
 * as before. Right after suspend_refusal() gave NULL.
 */
must_check int suspend_to_ram(paddr_t copy);

/* ---- wake.S ---- */

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

#endif
