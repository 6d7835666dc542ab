/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suspend: sleep with memory kept, until the host wakes the machine.
 *
 * The order of a command that can be refused: check everything, then act, then report. A refused
 * command has changed nothing, so each part that needs memory takes it while checking.
 */
#include "extras/suspend/pci_suspend.h"
#include "extras/suspend/suspend.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "mm/page.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static u64 copy_frames(void)
{
    return align_up(suspend_copy_bytes(), PAGE_BYTES) / PAGE_BYTES;
}

/* RAM for the copy of .data, or PADDR_NONE after saying why the machine does not sleep. */
static paddr_t check_everything(void)
{
    const char *who;
    const char *reason = suspend_refusal();
    paddr_t copy = PADDR_NONE;

    if (!devices_allow_suspend(&who)) {
        command_error("suspend: refused: %s does not keep plugged memory (no PERSISTENT_SUSPEND)",
                      who);
        return PADDR_NONE;
    }
    if (reason == NULL) {
        reason = "no memory for what must be kept";
        copy = page_alloc_run(copy_frames(), PAGE_KERNEL);
    }
    if (copy != PADDR_NONE && pci_suspend() != OK) {
        page_free_run(copy, copy_frames());
        copy = PADDR_NONE;
    }
    if (copy == PADDR_NONE)
        command_error("suspend: refused: %s", reason);
    return copy;
}

/* Outside in: buses, then what says that something happened, then the devices. */
static void start_again(void)
{
    pci_resume();
    EXTRAS_CALL(resume);
    devices_wake();
}

static void command_suspend(const struct command_line *line)
{
    (void)line;
    paddr_t copy = check_everything();
    if (copy == PADDR_NONE)
        return;

    int status = suspend_to_ram(copy);
    if (status == OK)
        start_again();
    else
        pci_suspend_forget();
    page_free_run(copy, copy_frames());

    if (status == OK)
        console_printf("suspend: awake\n");
    else
        command_error("suspend: the machine did not go to sleep");
}

static const struct command commands[] = {
    {"suspend", "", "sleep with memory kept until the host says system_wakeup", 0, 0,
     command_suspend},
    {0},
};

EXTRA(suspend) = {.name = "suspend", .commands = commands};
