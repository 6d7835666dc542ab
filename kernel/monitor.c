/* SPDX-License-Identifier: BSD-2-Clause */
/* See monitor.h. */
#include "kernel/monitor.h"

#include "arch/x86_64/arch.h"
#include "kernel/devices.h"
#include "kernel/line.h"
#include "lib/cmdline.h"
#include "lib/console.h"
#include "lib/string.h"

#define PROMPT    "tide> "
#define TAG_BYTES 17 /* of the longest tag, its '@' and its end */

static struct line_editor editor;
static char script[CMDLINE_VALUE_BYTES];
static const char *script_cursor = script;
static bool waiting_for_settled;
static int next_input = -1; /* a byte that monitor_pending() has read ahead */

static const struct command *find_command(const char *name)
{
    for (unsigned i = 0; i < nr_commands; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Cut a line into words in place; false if there are too many. */
static bool split_words(char *text, struct command_line *line)
{
    line->nr_arguments = 0;
    for (;;) {
        while (*text == ' ' || *text == '\t')
            text++;
        if (*text == '\0')
            return true;
        if (line->nr_arguments == COMMAND_ARGUMENTS_MAX)
            return false;
        line->arguments[line->nr_arguments++] = text;
        while (*text != '\0' && *text != ' ' && *text != '\t')
            text++;
        if (*text != '\0')
            *text++ = '\0';
    }
}

static void run_command(char *text)
{
    struct command_line line;
    if (!split_words(text, &line)) {
        console_printf("error: more than %d words\n", COMMAND_ARGUMENTS_MAX);
        return;
    }
    if (line.nr_arguments == 0)
        return;
    const struct command *command = find_command(line.arguments[0]);
    if (command)
        command->run(&line);
    else
        console_printf("error: unknown command '%s'; 'help' lists them\n", line.arguments[0]);
}

static void run_line(char *text)
{
    char tag[TAG_BYTES];
    size_t length = 0;
    if (*text != '@') {
        run_command(text);
        return;
    }
    while (text[length] != ' ' && text[length] != '\0')
        length++;
    if (length >= sizeof(tag)) {
        console_printf("error: '%.*s': expected '@' and at most %u characters\n", (int)length, text,
                       TAG_BYTES - 2);
        return;
    }
    memcpy(tag, text, length);
    tag[length] = '\0';
    console_answer(tag);
    run_command(text + length);
    console_answer(NULL);
    console_fresh_line();
    console_printf("%s.\n", tag);
}

void monitor_usage_error(const struct command_line *line, const char *value, const char *expected)
{
    console_printf("error: %s: '%s': expected %s\n", line->arguments[0], value, expected);
}

void monitor_start(const char *text)
{
    size_t bytes = strlen(text) + 1;
    memcpy(script, text, bytes);
    line_init(&editor, PROMPT);
    line_show(&editor);
}

/* Take the next command off the script, echo it behind the prompt, and run it. */
static bool run_script(void)
{
    char text[LINE_BYTES];
    size_t length = 0;
    if (waiting_for_settled) {
        if (!devices_settled() || !cpus_settled())
            return false;
        waiting_for_settled = false;
    }
    while (*script_cursor == ' ' || *script_cursor == ';')
        script_cursor++;
    if (*script_cursor == '\0')
        return false;
    for (; *script_cursor != '\0' && *script_cursor != ';'; script_cursor++) {
        if (length + 1 < sizeof(text))
            text[length++] = *script_cursor;
    }
    text[length] = '\0';
    console_printf("%s\n", text);
    run_line(text);
    return true;
}

static bool input_pending(void)
{
    if (next_input < 0)
        next_input = serial_read();
    return next_input >= 0;
}

static bool take_input(void)
{
    char line[LINE_BYTES];
    bool taken = false;
    while (input_pending()) {
        char input = (char)next_input;
        next_input = -1;
        taken = true;
        if (line_feed(&editor, input, line)) {
            run_line(line);
            break;
        }
    }
    return taken;
}

bool monitor_poll(void)
{
    bool worked = run_script();
    /* A command or a log line has written since: the prompt and what was typed come back below
     * it, before the next byte is echoed. */
    if (console_at_line_start())
        line_show(&editor);
    worked = worked || take_input();
    if (console_at_line_start())
        line_show(&editor);
    return worked;
}

bool monitor_pending(void)
{
    return input_pending() || (*script_cursor != '\0' && !waiting_for_settled);
}

void monitor_wait_settled(void)
{
    waiting_for_settled = true;
}
