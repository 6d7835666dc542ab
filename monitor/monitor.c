/* SPDX-License-Identifier: BSD-2-Clause */
/* See monitor.h. */
#include "monitor/monitor.h"

#include "arch/x86_64/arch.h"
#include "include/extra.h"
#include "kernel/options.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/line.h"

#define PROMPT            "tide> "
#define TAG_BYTES         17 /* of the longest tag, its '@' and its end */
#define TYPED_AHEAD_BYTES 4096

static struct line_editor editor;
static bool has_started;    /* before, what is typed waits in the port */
static char tag[TAG_BYTES]; /* of the command whose answer has no end yet, or empty */

/* What was typed and not yet taken, in order. */
static struct {
    char bytes[TYPED_AHEAD_BYTES];
    unsigned nr;
} typed;

/* ---- a line to a command ---- */

bool monitor_split_words(char *text, struct command_line *line)
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

/* How many words the name has, if the line begins with them; else 0. */
static unsigned match_name(const char *name, const struct command_line *line)
{
    for (unsigned nr = 0; nr < line->nr_arguments; name++) {
        size_t bytes = strlen(line->arguments[nr]);
        if (strncmp(name, line->arguments[nr++], bytes) != 0)
            return 0;
        name += bytes;
        if (*name == '\0')
            return nr;
        if (*name != ' ')
            return 0;
    }
    return 0;
}

/* The command with the longest name that the line begins with; the name becomes one word. */
static const struct command *find_command(struct command_line *line)
{
    const struct command *found = NULL;
    unsigned nr_words = 0;
    const struct command *command;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        unsigned nr = match_name(command->name, line);
        if (nr > nr_words) {
            nr_words = nr;
            found = command;
        }
    }
    if (!found)
        return NULL;
    line->nr_arguments -= nr_words - 1;
    memmove(line->arguments, line->arguments + nr_words - 1,
            line->nr_arguments * sizeof(line->arguments[0]));
    line->arguments[0] = found->name;
    return found;
}

static bool extra_explains(const struct command_line *line)
{
    for_each_extra (extra) {
        if (extra->explain_line && extra->explain_line(line))
            return true;
    }
    return false;
}

/* The command takes more or fewer words than stand behind its name. False if the count is right. */
static bool refuse_count(const struct command *command, const struct command_line *line)
{
    const char *blank = command->usage[0] != '\0' ? " " : "";
    if (line->nr_arguments - 1 < command->nr_least) {
        command_error("%s: expected '%s%s%s'", command->name, command->name, blank, command->usage);
        return true;
    }
    if (line->nr_arguments - 1 <= command->nr_most)
        return false;
    if (command->nr_most > 0 || !extra_explains(line))
        command_error("%s: '%s' is too much: expected '%s%s%s'", command->name,
                      line->arguments[command->nr_most + 1], command->name, blank, command->usage);
    return true;
}

/* Of a line of `length` characters, which are not all there if they are too many. */
static void run_command(char *text, size_t length)
{
    struct command_line line;
    if (length >= LINE_BYTES) {
        command_error("a line of %lu characters, expected at most %d: not run",
                      (unsigned long)length, LINE_BYTES - 1);
        return;
    }
    if (!monitor_split_words(text, &line)) {
        command_error("more than %d words", COMMAND_ARGUMENTS_MAX);
        return;
    }
    if (line.nr_arguments == 0)
        return;
    const struct command *command = find_command(&line);
    if (command && !refuse_count(command, &line))
        command->run(&line);
    else if (!command && !extra_explains(&line))
        command_error("unknown command '%s'; 'help' lists them", line.arguments[0]);
}

/* ---- a command that goes on behind the prompt ---- */

/* Asked several times in each turn of the loop. */
static const struct extra *keepers[EXTRAS_HAVING_MAX], *scripts[EXTRAS_HAVING_MAX];
static unsigned nr_keepers, nr_scripts;

static bool prompt_is_kept(void)
{
    for (unsigned i = 0; i < nr_keepers; i++) {
        if (keepers[i]->keeps_prompt())
            return true;
    }
    return false;
}

/* Once the command is done, and does not keep the prompt any more. */
static void end_answer(void)
{
    if (tag[0] == '\0' || prompt_is_kept())
        return;
    console_fresh_line();
    console_printf("%s.\n", tag);
    tag[0] = '\0';
}

static void run_line(char *text, size_t length)
{
    size_t tag_length = 0;
    if (*text != '@') {
        run_command(text, length);
        return;
    }
    while (text[tag_length] != ' ' && text[tag_length] != '\0')
        tag_length++;
    if (tag_length >= sizeof(tag)) {
        command_error("'%.*s': expected '@' and at most %u characters", (int)tag_length, text,
                      TAG_BYTES - 2);
        return;
    }
    memcpy(tag, text, tag_length);
    tag[tag_length] = '\0';
    console_answer(tag);
    run_command(text + tag_length, length);
    console_answer(NULL);
    end_answer();
}

void monitor_usage_error(const struct command_line *line, const char *value, const char *expected)
{
    command_error("%s: '%s': expected %s", line->arguments[0], value, expected);
}

/* ---- the script ---- */

static void ready(const struct options *options)
{
    (void)options;
    line_init(&editor, PROMPT);
    line_show(&editor);
    nr_keepers = extras_having(offsetof(struct extra, keeps_prompt), keepers);
    nr_scripts = extras_having(offsetof(struct extra, next_command), scripts);
    has_started = true;
}

/* The prompt and what was typed are below what a command or a log line has written since, before
 * the next byte is echoed. */
static void show_prompt(void)
{
    if (!prompt_is_kept() && console_at_line_start())
        line_show(&editor);
}

/* Echo the next command of a script behind the prompt, and run it. */
static bool run_script(void)
{
    char text[LINE_BYTES];
    size_t length;
    for (unsigned i = 0; i < nr_scripts; i++) {
        if (!scripts[i]->next_command(text, &length))
            continue;
        show_prompt();
        console_printf("%s\n", text);
        run_line(text, length);
        return true;
    }
    return false;
}

/* ---- what is typed ---- */

static void read_ahead(void)
{
    while (typed.nr < TYPED_AHEAD_BYTES) {
        int input = serial_read();
        if (input < 0)
            return;
        typed.bytes[typed.nr++] = (char)input;
    }
}

static void drop_typed(unsigned nr)
{
    typed.nr -= nr;
    memmove(typed.bytes, typed.bytes + nr, typed.nr);
}

/* How many bytes there are up to and including Ctrl-C, or 0. */
static unsigned find_interrupt(void)
{
    read_ahead();
    for (unsigned i = 0; i < typed.nr; i++) {
        if (typed.bytes[i] == KEY_INTERRUPT)
            return i + 1;
    }
    return 0;
}

/* While a job has the prompt: Ctrl-C is for it, and takes what was typed before with it. */
static void take_interrupt(void)
{
    unsigned nr = find_interrupt();
    if (nr == 0)
        return;
    drop_typed(nr);
    console_printf("^C\n");
    EXTRAS_CALL(interrupt);
}

static bool take_input(void)
{
    char line[LINE_BYTES];
    size_t length;
    unsigned nr = 0;
    bool is_whole = false;
    read_ahead();
    if (typed.nr == 0)
        return false;
    while (nr < typed.nr && !is_whole)
        is_whole = line_feed(&editor, typed.bytes[nr++], line, &length);
    drop_typed(nr);
    if (is_whole)
        run_line(line, length);
    return true;
}

/* One thing: run a command of the script, or take what was typed. */
static void poll(void)
{
    if (!has_started)
        return;
    if (prompt_is_kept()) {
        take_interrupt();
        return;
    }
    end_answer();
    if (run_script())
        return;
    show_prompt();
    if (take_input())
        show_prompt();
}

/* The prompt and the end of an answer wait for nothing. */
u64 monitor_due_ms(void)
{
    if (!has_started)
        return UINT64_MAX;
    if (prompt_is_kept())
        return find_interrupt() != 0 ? 0 : UINT64_MAX;
    read_ahead();
    return typed.nr > 0 || tag[0] != '\0' || console_at_line_start() ? 0 : UINT64_MAX;
}

EXTRA(monitor) = {.name = "monitor", .ready = ready, .poll = poll, .due_ms = monitor_due_ms};
