/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover: start another kernel in this one's place. It finds the devices reset and their
 * blocks plugged, and no byte of plugged memory changed.
 */
#include "extras/device_control/device_control.h"
#include "extras/handover/handover_plan.h"
#include "include/extra.h"
#include "include/status.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static const struct boot_info *boot_info;
static char cmdline[BOOT_CMDLINE_BYTES];

/* The words as typed, a blank between two. A line of the monitor always fits. */
static void join_words(const struct command_line *line)
{
    size_t length = 0;

    for (unsigned i = 1; i < line->nr_arguments; i++) {
        size_t bytes = strlen(line->arguments[i]);

        if (length + bytes + 2 > sizeof(cmdline))
            break;
        if (length > 0)
            cmdline[length++] = ' ';
        memcpy(cmdline + length, line->arguments[i], bytes);
        length += bytes;
    }
    cmdline[length] = '\0';
}

static bool can_hand_over(struct handover_plan *plan)
{
    char reason[ELF_REASON_BYTES];
    int status = handover_make_plan(boot_info, plan, reason);

    if (status == E_NODEV) {
        command_error("handover: the loader brought no module; QEMU's -initrd is one");
        return false;
    }
    if (status != OK) {
        command_error("handover: the module is no kernel for this machine: %s", reason);
        return false;
    }
    status = handover_check();
    if (status != OK)
        command_error("handover: %s", status == E_BUSY ? "another processor works or starts"
                                                       : "there is no RAM at 0x8000 to 0xafff");
    return status == OK;
}

static void command_handover(const struct command_line *line)
{
    struct handover_plan plan;
    const char *who = NULL;

    if (!can_hand_over(&plan))
        return;
    join_words(line);
    int status = devices_quiesce(&who);
    if (status != OK) {
        command_error("handover: %s does not reset (%s)", who, status_name(status));
    } else {
        console_printf("handover: entering at 0x%x with '%s'\n", plan.entry, cmdline);
        status = handover_enter(boot_info, cmdline, plan.copies, plan.nr_copies, plan.entry);
        command_error("handover: %s", status_name(status));
    }
    devices_resume();
}

#define ANY (COMMAND_ARGUMENTS_MAX - 1)

static const struct command commands[] = {
    {"handover", "[WORD]...", "go over to the kernel that the loader brought as a module", 0, ANY,
     command_handover},
    {0},
};

static void init(const struct boot_info *boot)
{
    boot_info = boot;
}

EXTRA(handover) = {.name = "handover", .init = init, .commands = commands};
