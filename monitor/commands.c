/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of monitor commands, and those that are about the monitor itself. */
#include "monitor/commands.h"

#include "extras/workload/workload_job.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"

static void command_help(const struct command_line *line)
{
    (void)line;
    const struct command *command;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        int width = 34 - (int)strlen(command->name);
        console_printf("  %s %-*s %s\n", command->name, width > 0 ? width : 0, command->usage,
                       command->help);
    }
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

#define ANY (COMMAND_ARGUMENTS_MAX - 1)

static const struct command commands[] = {
    {"help", "", "list the commands", 0, 0, command_help},
    {"devices", "", "every PCI function that was found", 0, 0, command_devices},
    {"memory", "", "the loader's memory map, each device's region, and nodes", 0, 0,
     command_memory},
    {"status", "", "each virtio-mem device: sizes, state, requests and replies", 0, 0,
     command_status},
    {"verify", "[DEVICE]", "compare the driver's map with the device's, by STATE requests", 0, 1,
     command_verify},
    {"off", "DEVICE", "give all its memory back and let go of it", 1, 1, command_off},
    {"on", "DEVICE", "use it again", 1, 1, command_on},
    {"map", "[DEVICE] [CELLS]", "draw a region: . unplugged  - free  + partly used  # full", 0, 2,
     command_map},
    {"alloc", "SIZE [COUNT] [node=N]", "hold memory, from plugged blocks first", 1, 3,
     command_alloc},
    {"free", "[NUMBER|all]", "give back one holding (the last), or all", 0, 1, command_free},
    {"fill", "[NUMBER|all] [STEP]", "write a pattern that names each page, or one page each STEP",
     0, 2, command_fill},
    {"check", "[NUMBER|all]", "verify the pattern; a wrong page makes `exit` fail", 0, 1,
     command_check},
    {"vm", "", "virtual areas, whose frames may move: `vm list`", 0, 0, command_vm_list},
    {"vm alloc", "SIZE [COUNT]", "make areas, one for each COUNT", 1, 2, command_vm_alloc},
    {"vm fill", "[NUMBER|all]", "write a pattern into one (the last), or all", 0, 1,
     command_vm_fill},
    {"vm check", "[NUMBER|all]", "verify it", 0, 1, command_vm_check},
    {"vm free", "[NUMBER|all]", "give back one (the last), or all", 0, 1, command_vm_free},
    {"vm touch", "[SECONDS]", "all other processors read and write filled areas, for 600 s", 0, 1,
     command_vm_touch},
    {"vm touch stop", "", "end it, and say what was found", 0, 0, command_vm_touch_stop},
    {"vm list", "", "the areas, and what they cost", 0, 0, command_vm_list},
    {"workload", "[KIND [KEY=VALUE]...]", "steady load by seed; without arguments, how it stands",
     0, ANY, command_workload},
    {"workload stop", "", "end it, and give back what it holds", 0, 0, command_workload_stop},
    {"occupancy", "[DEVICE]", "each block's use, for programs", 0, 1, command_occupancy},
    {"stats", "", "frames used and free, time", 0, 0, command_stats},
    {"stats check", "", "recompute every counter of mm", 0, 0, command_stats_check},
    {"cpus", "", "the processors, and which of them work", 0, 0, command_cpus},
    {"bench hot", "ORDER COUNT [CPUS]", "alloc and free so many times on so many processors", 2, 3,
     command_bench_hot},
    {"bench bulk", "ORDER COUNT [CPUS]", "alloc many, then free them in order", 2, 3,
     command_bench_bulk},
    {"bench random", "ORDER COUNT [CPUS]", "alloc many, then free them in random order", 2, 3,
     command_bench_random},
    {"bench churn", "[movable] [SECONDS]", "all other processors alloc, check and free, for 600 s",
     0, 2, command_churn},
    {"bench churn stop", "", "end it, and say what was found", 0, 0, command_churn_stop},
    {"jobs", "", "what runs beside the monitor, and what ends it", 0, 0, command_jobs},
    {"wait", "[SECONDS]", "go on when every device has settled; fail after 600 s", 0, 1,
     command_wait},
    {"suspend", "", "sleep with memory kept until the host says system_wakeup", 0, 0,
     command_suspend},
    {"handover", "[WORD]...", "go over to the kernel that the loader brought as a module", 0, ANY,
     command_handover},
    {"crash", "[KIND] [CPU]", "break something on purpose; without KIND, list the kinds", 0, 2,
     command_crash},
    {"exit", "[CODE]", "end QEMU: status 33, 35 after a failed check, 129 + 2 x CODE", 0, 1,
     command_exit},
};

/* Those of the core first, then those of each extra. */
const struct command *command_at(unsigned index)
{
    if (index < ARRAY_SIZE(commands))
        return &commands[index];
    index -= (unsigned)ARRAY_SIZE(commands);
    for_each_extra (extra) {
        const struct command *command = extra->commands;
        for (; command && command->name; command++) {
            if (index-- == 0)
                return command;
        }
    }
    return NULL;
}
