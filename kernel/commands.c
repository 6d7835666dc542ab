/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of monitor commands, and those that are about the monitor itself. */
#include "kernel/commands.h"

#include "include/platform.h"
#include "include/status.h"
#include "kernel/workload_job.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"

static void command_help(const struct command_line *line)
{
    (void)line;
    for (unsigned i = 0; i < nr_commands; i++) {
        int width = 26 - (int)strlen(commands[i].name);
        console_printf("  %s %-*s %s\n", commands[i].name, width > 0 ? width : 0, commands[i].usage,
                       commands[i].help);
    }
}

static void command_wait(const struct command_line *line)
{
    (void)line;
    monitor_wait_settled();
}

static void command_exit(const struct command_line *line)
{
    u64 code = 0;
    if (line->nr_arguments > 1 &&
        (parse_u64(line->arguments[1], &code) != OK || code > EXIT_USER_MAX)) {
        monitor_usage_error(line, line->arguments[1], "a number from 0 to 63");
        return;
    }
    if (code != 0)
        platform_exit(EXIT_USER + (unsigned)code);
    platform_exit(commands_check_failed() || workload_job_failed() ? EXIT_CHECK_FAILED : EXIT_OK);
}

const struct command commands[] = {
    {"help", "", "list the commands", command_help},
    {"devices", "", "every PCI function that was found", command_devices},
    {"rescan", "", "look for PCI functions that came or went", command_rescan},
    {"memory", "", "the loader's memory map, each device's region, and nodes", command_memory},
    {"status", "", "each virtio-mem device: sizes, state, requests and replies", command_status},
    {"verify", "[DEVICE]", "compare the driver's map with the device's, by STATE requests",
     command_verify},
    {"off", "DEVICE", "give all its memory back and let go of it", command_off},
    {"on", "DEVICE", "use it again", command_on},
    {"map", "[DEVICE] [CELLS]", "draw a region: . unplugged  - free  + partly used  # full",
     command_map},
    {"alloc", "SIZE [COUNT] [node=N]", "hold memory, from plugged blocks first", command_alloc},
    {"free", "[NUMBER|all]", "give back one holding (the last), or all", command_free},
    {"fill", "[NUMBER|all] [STEP]", "write a pattern that names each page, or one page each STEP",
     command_fill},
    {"check", "[NUMBER|all]", "verify the pattern; a wrong page makes `exit` fail", command_check},
    {"vm", "alloc SIZE [COUNT] | fill|check|free [NUMBER|all] | touch [stop] | list",
     "virtual areas, whose frames may move; touch: by all other processors", command_vm},
    {"workload", "KIND [KEY=VALUE]...|stop",
     "steady load by seed; without arguments, how it stands", command_workload},
    {"occupancy", "[DEVICE]", "each block's use, for programs", command_occupancy},
    {"stats", "[check]", "frames used and free, time; check: recompute every counter of mm",
     command_stats},
    {"cpus", "", "the processors, and which of them work", command_cpus},
    {"bench", "hot|bulk|random ORDER COUNT [CPUS] | churn [movable|stop]",
     "alloc and free on so many processors at once", command_bench},
    {"wait", "", "in run=: go on when every device has settled", command_wait},
    {"suspend", "", "sleep with memory kept until the host says system_wakeup", command_suspend},
    {"handover", "[WORD]...", "go over to the kernel that the loader brought as a module",
     command_handover},
    {"crash", "KIND [CPU]", "break something on purpose; without KIND, list the kinds",
     command_crash},
    {"exit", "[CODE]", "end QEMU: status 33, 35 after a failed check, 129 + 2 x CODE",
     command_exit},
};

const unsigned nr_commands = ARRAY_SIZE(commands);
