/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See complete.h. All candidates are tried in turn, and nothing is kept of them: first the commands
 * that begin with the text, then, behind a command that takes a device, the devices.
 */
#include "extras/line_edit/complete.h"

#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/monitor.h"

#define LIST_COLUMNS 78

typedef void (*take_candidate)(void *context, const char *candidate, size_t typed_bytes);

/* If the text begins with the prefix, and a blank follows, what stands behind; else NULL. */
static const char *behind(const char *text, const char *prefix)
{
    size_t bytes = strlen(prefix);
    return strncmp(text, prefix, bytes) == 0 && text[bytes] == ' ' ? text + bytes + 1 : NULL;
}

static const char *without_blanks(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

static bool has_device_argument(const struct command *command)
{
    for (const char *at = command->usage; *at != '\0'; at++) {
        if (strncmp(at, "DEVICE", 6) == 0)
            return true;
    }
    return false;
}

/* The device whose name is being typed may stand anywhere behind the command. */
static void each_device(const char *arguments, take_candidate take, void *context)
{
    const char *word = arguments;
    for (const char *at = arguments; *at != '\0'; at++) {
        if (*at == ' ')
            word = at + 1;
    }
    const struct vmem_device *vmem;
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        struct vmem_status status;
        vmem_get_status(vmem, &status);
        if (strncmp(status.name, word, strlen(word)) == 0)
            take(context, status.name, strlen(word));
    }
}

static void each_candidate(const char *text, take_candidate take, void *context)
{
    const struct command *command;
    const char *asked = behind(without_blanks(text), "help");
    text = without_blanks(asked ? asked : text);
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        const char *arguments = behind(text, command->name);
        if (strncmp(command->name, text, strlen(text)) == 0)
            take(context, command->name, strlen(text));
        else if (arguments && !asked && has_device_argument(command))
            each_device(arguments, take, context);
    }
}

/* Shorten what may be added to what this candidate has, too. */
static void take_common(void *context, const char *candidate, size_t typed_bytes)
{
    struct completion *completion = context;
    const char *rest = candidate + typed_bytes;
    size_t same = 0;
    if (completion->nr_candidates++ == 0) {
        memcpy(completion->more, rest, strlen(rest) + 1);
        return;
    }
    while (rest[same] != '\0' && rest[same] == completion->more[same])
        same++;
    completion->more[same] = '\0';
}

void complete_text(const char *text, struct completion *completion)
{
    completion->nr_candidates = 0;
    completion->more[0] = '\0';
    each_candidate(text, take_common, completion);
    if (completion->nr_candidates != 1)
        return;
    size_t bytes = strlen(completion->more);
    memcpy(completion->more + bytes, " ", 2);
}

static void take_for_list(void *context, const char *candidate, size_t typed_bytes)
{
    size_t *column = context;
    (void)typed_bytes;
    if (*column + strlen(candidate) + 2 > LIST_COLUMNS) {
        console_write("\n", 1);
        *column = 0;
    }
    console_printf("  %s", candidate);
    *column += strlen(candidate) + 2;
}

void complete_list(const char *text)
{
    size_t column = 0;
    each_candidate(text, take_for_list, &column);
    console_write("\n", 1);
}
