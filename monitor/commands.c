/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of monitor commands, and those that are about the monitor itself. */
#include "monitor/commands.h"

#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"

static bool check_failed;

void commands_note_check_failed(void)
{
    check_failed = true;
}

/* The words behind `help`, if any, begin its name. */
static bool is_asked_for(const struct command *command, const struct command_line *line)
{
    const char *name = command->name;
    for (unsigned i = 1; i < line->nr_arguments; i++) {
        size_t bytes = strlen(line->arguments[i]);
        bool is_same = strncmp(name, line->arguments[i], bytes) == 0;
        if (!is_same || (name[bytes] != '\0' && name[bytes] != ' '))
            return false;
        name += bytes + (name[bytes] == ' ');
    }
    return true;
}

static void command_help(const struct command_line *line)
{
    const struct command *command;
    bool is_found = false;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        if (!is_asked_for(command, line))
            continue;
        is_found = true;
        int width = 34 - (int)strlen(command->name);
        console_printf("  %s %-*s %s\n", command->name, width > 0 ? width : 0, command->usage,
                       command->help);
    }
    if (!is_found)
        monitor_usage_error(line, line->arguments[1], "a command: 'help' alone lists them");
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
    platform_exit(check_failed ? EXIT_CHECK_FAILED : EXIT_OK);
}

static const struct command commands[] = {
    {"help", "[COMMAND]", "list the commands, or those of one name", 0, 3, command_help},
    {"status", "", "each virtio-mem device: sizes, state, requests and replies", 0, 0,
     command_status},
    {"stats", "", "frames used and free, time", 0, 0, command_stats},
    {"cpus", "", "the processors, and which of them work", 0, 0, command_cpus},
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
