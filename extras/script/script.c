/* SPDX-License-Identifier: BSD-2-Clause */
/* run=: commands of the monitor, one after the other. The first one that fails is the last. */
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/options.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/line.h"
#include "monitor/monitor.h"

static char script[OPTION_VALUE_BYTES];
static const char *script_cursor = script;
static bool script_command_runs;

static int parse(const char *value, struct options *options)
{
    memcpy(options->run, value, strlen(value) + 1);
    return OK;
}

static void ready(const struct options *options)
{
    memcpy(script, options->run, strlen(options->run) + 1);
    script_cursor = script;
    script_command_runs = false;
}

static void skip_blanks(void)
{
    while (*script_cursor == ' ' || *script_cursor == ';')
        script_cursor++;
}

/* Take the next command off the script, or as much of it as fits. Returns its length. */
static size_t take_command(char text[LINE_BYTES])
{
    size_t length = 0;
    for (; *script_cursor != '\0' && *script_cursor != ';'; script_cursor++) {
        if (length + 1 < LINE_BYTES)
            text[length] = *script_cursor;
        length++;
    }
    text[min_u64(length, LINE_BYTES - 1)] = '\0';
    return length;
}

/* Whether `exit`, with a tag or without, is among what is left of the script, all of which is
 * taken off. */
static bool drop_script(void)
{
    char text[LINE_BYTES];
    struct command_line line;
    bool is_exit = false;
    for (skip_blanks(); *script_cursor != '\0'; skip_blanks()) {
        if (take_command(text) >= LINE_BYTES || !monitor_split_words(text, &line))
            continue;
        unsigned name = line.nr_arguments > 0 && line.arguments[0][0] == '@';
        is_exit |= line.nr_arguments > name && strcmp(line.arguments[name], "exit") == 0;
    }
    return is_exit;
}

/* The script's command and its job are over. A failure ends the script; where it was to end QEMU,
 * nobody may be there to do so, and the status says that it failed. */
static void judge_script_command(void)
{
    script_command_runs = false;
    if (!command_take_failure())
        return;
    bool was_to_exit = drop_script();
    console_printf("run: a command failed: the rest is not run%s\n",
                   was_to_exit ? ", and Tide ends" : "");
    if (was_to_exit)
        platform_exit(EXIT_COMMAND_FAILED);
}

static bool next_command(char *line, size_t *length)
{
    if (script_command_runs)
        judge_script_command();
    skip_blanks();
    if (*script_cursor == '\0')
        return false;
    *length = take_command(line);
    (void)command_take_failure();
    script_command_runs = true;
    return true;
}

static u64 due_ms(void)
{
    return script_command_runs || *script_cursor != '\0' ? 0 : UINT64_MAX;
}

static const struct option_rule option = {"run", parse, "monitor commands separated by semicolons",
                                          false};

EXTRA(script) = {
    .name = "script",
    .option = &option,
    .ready = ready,
    .next_command = next_command,
    .due_ms = due_ms,
};
