/* SPDX-License-Identifier: BSD-2-Clause */
/* suspend: sleep with memory kept, until the host wakes the machine. */
#include "arch/x86_64/arch.h"
#include "drivers/pci/pci_suspend.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/commands.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "mm/page.h"

static void explain(int status)
{
    const char *reason = status == E_UNSUPPORTED ? "ACPI does not tell how"
                         : status == E_BUSY      ? "another processor works"
                         : status == E_NOMEM     ? "no memory for what must be kept"
                                                 : "the machine stayed awake";

    console_printf("error: suspend: refused: %s\n", reason);
}

/* From copies made to devices started again. */
static int sleep_with_copies(void)
{
    u64 nr_frames = align_up(suspend_copy_bytes(), PAGE_BYTES) / PAGE_BYTES;
    paddr_t copy = page_alloc_run(nr_frames, PAGE_KERNEL);
    if (copy == PADDR_NONE)
        return E_NOMEM;
    int status = pci_suspend();
    if (status == OK) {
        console_printf("suspend: asleep\n");
        status = suspend_to_ram(copy);
        pci_resume();
        if (status == OK)
            acpi_resume();
    }
    page_free_run(copy, nr_frames);
    return status;
}

void command_suspend(const struct command_line *line)
{
    (void)line;
    const char *who;
    if (!devices_allow_suspend(&who)) {
        console_printf("error: suspend: refused: %s does not keep plugged memory (no "
                       "PERSISTENT_SUSPEND)\n",
                       who);
        return;
    }
    int status = sleep_with_copies();
    if (status != OK) {
        explain(status);
        return;
    }
    console_printf("suspend: awake\n");
    devices_resume();
}
