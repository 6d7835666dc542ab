/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI's fixed hardware: the power button, events of PCI hotplug, and sleep states. */
#ifndef TIDE_EXTRAS_POWER_POWER_H
#define TIDE_EXTRAS_POWER_POWER_H

#include "include/types.h"

/* How long the host may take to change the machine's state, by the machine's own clock. */
#define ACPI_STATE_SECONDS 60

#define ACPI_EVENT_POWER_BUTTON 1
#define ACPI_EVENT_PCI_HOTPLUG  2

/* Listen to the power button and to PCI hotplug, where ACPI offers them. After interrupts_init().
 */
void acpi_power_init(void);

/* ACPI_EVENT_* since the last call. */
u32 acpi_take_events(void);

/* Whether acpi_take_events() would return one. Callable with interrupts off. */
bool acpi_events_pending(void);

/* Switch the machine off. Returns where ACPI does not tell how, or the machine has not gone off
 * within ACPI_STATE_SECONDS. Any context. */
void acpi_power_off(void);

/* Listen to ACPI's events again: after waking, once the chipset's config space is as it was. */
void acpi_resume(void);

/* Find Name(_Sn_, Package {a, b, ...}): what to write to the two control registers. */
bool acpi_find_sleep_types(const u8 *aml, u32 bytes, const char *state, u16 types[2]);

/* The same in the machine's DSDT. False if it is not there, or the fixed hardware is not used. */
bool acpi_find_sleep_state(const char *state, u16 types[2]);

/* Go to the sleep state of these types. Returns only if the machine has not done so within
 * ACPI_STATE_SECONDS. */
void acpi_enter_state(const u16 types[2]);

#endif
