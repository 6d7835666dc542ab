/* SPDX-License-Identifier: BSD-2-Clause */
/* The power button ends the kernel; events of PCI hotplug are passed on. */
#include "extras/power/power.h"

#include "arch/x86_64/arch.h"
#include "include/extra.h"
#include "include/platform.h"
#include "lib/console.h"

static void init(const struct boot_info *boot)
{
    (void)boot;
    acpi_power_init();
}

static u64 due_ms(void)
{
    return acpi_events_pending() ? 0 : UINT64_MAX;
}

static void poll(void)
{
    u32 events = acpi_take_events();
    if ((events & ACPI_EVENT_POWER_BUTTON) != 0) {
        console_fresh_line();
        console_printf("tide: power button\n");
        serial_drain();
        acpi_power_off(); /* before platform_exit(), which would first ask isa-debug-exit */
        platform_exit(EXIT_OK);
    }
    if ((events & ACPI_EVENT_PCI_HOTPLUG) != 0)
        EXTRAS_CALL(pci_changed);
}

EXTRA(power) = {
    .name = "power",
    .init = init,
    .poll = poll,
    .due_ms = due_ms,
    .power_off = acpi_power_off,
    .resume = acpi_resume,
};
