/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock and the alarm: clock.c reads counters, and tickless.c interrupts when something is due.
 * On the boot processor; all but clock_now_ms() with interrupts off. */
#ifndef TIDE_EXTRAS_TICKLESS_H
#define TIDE_EXTRAS_TICKLESS_H

#include "include/types.h"

/* The alarm has gone off since boot or waking: it works. */
bool alarm_works(void);

/* No alarm goes off from now on: another kernel takes over. */
void alarm_stop(void);

/* ---- clock.c ---- */

/* Whether there is ACPI's timer; before clock_start(). */
bool clock_find_timer(void);

/* Go on, with a time stamp counter of this speed; what was before takes no time. */
void clock_start(u64 stamps_per_ms);

/* platform_now_ms(). */
u64 clock_now_ms(void);

/* How many steps of the time stamp counter a time takes, by now. */
u64 clock_stamps(u64 ms);

/* An alarm has gone off: compare the time stamp counter with ACPI's timer. */
void clock_check(void);

/* The processor sleeps, and ACPI's timer may go round unseen. */
void clock_sleep_unarmed(void);

#endif
