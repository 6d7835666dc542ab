/* SPDX-License-Identifier: BSD-2-Clause */
/* Hot-plugged devices: tells the kernel's devices what happens in the slots. */
#include "extras/pci_hotplug/pci_hotplug.h"

#include "extras/device_control/device_control.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"
#include "monitor/commands.h"

static void rescan(void)
{
    int nr_functions = pci_scan();
    if (nr_functions < 0)
        log_error(LOG_KERNEL, "devices", "the PCI rescan failed (%s)", status_name(nr_functions));
    devices_update();
}

static void command_rescan(const struct command_line *line)
{
    (void)line;
    rescan();
}

static void init(const struct boot_info *boot)
{
    (void)boot;
    pci_hotplug_init();
}

static void changed(void)
{
    pci_hotplug_hurry();
    rescan();
}

static void poll(void)
{
    if (pci_hotplug_poll(platform_now_ms()))
        devices_update();
}

static void eject_released(void)
{
    struct pci_device *pci;
    for (unsigned i = 0; (pci = pci_device_at(i)) != NULL;) {
        if (pci->removal_requested && pci_hotplug_eject(pci) == OK)
            i = 0; /* more than this function may have gone with it */
        else
            i++;
    }
}

static void resume(void)
{
    pci_hotplug_resume(platform_now_ms());
}

static const struct command commands_hotplug[] = {
    {"rescan", "", "look for PCI functions that came or went", 0, 0, command_rescan},
    {0},
};

EXTRA(pci_hotplug) = {
    .name = "pci_hotplug",
    .commands = commands_hotplug,
    .init = init,
    .poll = poll,
    .due_ms = pci_hotplug_due_ms,
    .resume = resume,
    .pci_changed = changed,
    .devices_released = eject_released,
};
