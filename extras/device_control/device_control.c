/* SPDX-License-Identifier: BSD-2-Clause */
/* See device_control.h. A driver lets go when none of its pages is in use, and is asked until then.
 */
#include "extras/device_control/device_control.h"

#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/devices_internal.h"
#include "lib/console.h"
#include "lib/log.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/monitor.h"

#define RELEASE_RETRY_MS 100

static bool releasing; /* a device that is to go has not been let go yet */
static u64 next_release_ms;

/* ---- letting go ---- */

/* The function that the driver was given is not there any more, or is another one. */
static bool has_gone(const struct device *device)
{
    return device->pci && (!device->pci->present || device->pci->occupant != device->occupant);
}

static bool must_go(const struct device *device)
{
    return has_gone(device) || (device->pci && device->pci->removal_requested);
}

/* False while the driver cannot let go: pages are in use, or the device has not agreed yet. */
static bool release(struct device *device)
{
    if (device->vmem) {
        if (has_gone(device))
            vmem_gone(device->vmem, "it was pulled out");
        int status = vmem_detach(device->vmem);
        device->leaving = status == E_AGAIN;
        if (status != OK) {
            device->turning_off = device->turning_off && device->leaving;
            return false;
        }
        device->vmem = NULL;
    }
    if (!device->turning_off || must_go(device)) {
        device->destroy(device->virtio);
        device->virtio = NULL;
    }
    device->turning_off = false;
    return true;
}

void devices_update(void)
{
    next_release_ms = platform_now_ms() + RELEASE_RETRY_MS;
    releasing = false;
    for_each_device(device)
    {
        if (device->virtio && (must_go(device) || device->leaving))
            releasing |= !release(device);
    }
    if (!releasing)
        EXTRAS_CALL(devices_released);
    devices_attach_new();
}

static u64 due_ms(void)
{
    return releasing ? next_release_ms : UINT64_MAX;
}

static void poll(void)
{
    if (releasing && platform_now_ms() >= next_release_ms)
        devices_update();
}

/* ---- off and on ---- */

static struct device *find(const char *name)
{
    for_each_device(device)
    {
        if (device->virtio && strcmp(device->name, name) == 0)
            return device;
    }
    return NULL;
}

static void command_off(const struct command_line *line)
{
    const char *name = line->arguments[1];
    struct device *device = find(name);
    if (!device) {
        monitor_usage_error(line, name, "a device such as vmem0");
    } else if (!device->vmem) {
        command_error("off: %s is off already", name);
    } else {
        device->turning_off = true;
        bool is_off = release(device);
        releasing |= device->leaving; /* it goes on in poll() */
        if (is_off)
            console_printf("off: %s is off\n", name);
        else if (device->leaving)
            console_printf("off: %s goes off when the device agrees\n", name);
        else
            command_error("off: %s: pages of it are in use", name);
    }
}

static void command_on(const struct command_line *line)
{
    const char *name = line->arguments[1];
    struct device *device = find(name);
    if (!device)
        monitor_usage_error(line, name, "a device such as vmem0");
    else if (device->vmem)
        command_error("on: %s is on already", name);
    else if (devices_start(device) == OK)
        console_printf("on: %s is on\n", name);
    else /* why not stands in the log */
        command_error("on: %s cannot be used", name);
}

/* ---- verify ---- */

/* The result is a line of the driver's own, when the device has answered. */
static void command_verify(const struct command_line *line)
{
    const struct vmem_device *only = NULL;
    if (line->nr_arguments > 1 && !(only = devices_find(line->arguments[1]))) {
        monitor_usage_error(line, line->arguments[1], "a device such as vmem0");
        return;
    }
    for_each_device(device)
    {
        if (!device->vmem || (only && only != device->vmem))
            continue;
        int status = vmem_verify(device->vmem);
        if (status != OK)
            log_error(LOG_KERNEL, device->name, "it cannot be verified now: %s",
                      status_name(status));
        devices_next_ms = 0;
    }
}

/* ---- standing still ---- */

bool devices_allow_suspend(const char **who)
{
    for_each_device(device)
    {
        *who = device->name;
        if (device->vmem && !vmem_allows_suspend(device->vmem))
            return false;
    }
    return true;
}

int devices_quiesce(const char **who)
{
    for_each_device(device)
    {
        *who = device->name;
        int status = device->vmem ? vmem_quiesce(device->vmem) : OK;
        if (status != OK)
            return status;
    }
    for_each_extra (extra) {
        int status = extra->stop ? extra->stop(who) : OK;
        if (status != OK)
            return status;
    }
    return OK;
}

void devices_resume(void)
{
    EXTRAS_CALL(start);
    for_each_device(device)
    {
        if (!device->vmem || has_gone(device))
            continue;
        vmem_resume(device->vmem, platform_now_ms());
        devices_next_ms = 0;
    }
}

void devices_wake(void)
{
    int nr_functions = pci_scan(); /* first: who went is not to be started */
    if (nr_functions < 0)
        log_error(LOG_KERNEL, "devices", "the PCI rescan failed (%s)", status_name(nr_functions));
    devices_resume();
    devices_update();
}

static const struct command commands[] = {
    {"verify", "[DEVICE]", "compare the driver's map with the device's, by STATE requests", 0, 1,
     command_verify},
    {"off", "DEVICE", "give all its memory back and let go of it", 1, 1, command_off},
    {"on", "DEVICE", "use it again", 1, 1, command_on},
    {0},
};

static void init(const struct boot_info *boot)
{
    (void)boot;
    releasing = false;
    next_release_ms = 0;
}

EXTRA(device_control) = {
    .name = "device_control",
    .init = init,
    .poll = poll,
    .due_ms = due_ms,
    .commands = commands,
};
