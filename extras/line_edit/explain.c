/* SPDX-License-Identifier: BSD-2-Clause */
/* What was meant by a line that no command takes: the words that may follow its first one, or the
 * command whose name is nearly that word. */
#include "include/extra.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/monitor.h"

#define WORD_BYTES 16 /* longer words have no near one */

/* What may follow this word in commands' names: "hot, bulk, random, churn". False if nothing may.
 */
static bool list_verbs(const char *word, char *text, size_t bytes)
{
    size_t length = 0;
    const char *last = "";
    const struct command *command;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        const char *verb = command->name + strlen(word);
        if (strncmp(command->name, word, strlen(word)) != 0 || *verb++ != ' ')
            continue;
        size_t verb_length = 0;
        while (verb[verb_length] != '\0' && verb[verb_length] != ' ')
            verb_length++;
        if (strncmp(verb, last, verb_length) == 0 || length >= bytes)
            continue;
        length += snprintf(text + length, bytes - length, "%s%.*s", length > 0 ? ", " : "",
                           (int)verb_length, verb);
        last = verb;
    }
    return length > 0;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/*
 * How many letters are wrong, missing, too many, or stand behind the next one instead of before it:
 * row i of the table has the distances of the first i letters of `typed` to the beginnings of
 * `name`.
 */
static unsigned distance(const char *typed, size_t typed_bytes, const char *name, size_t name_bytes)
{
    unsigned rows[WORD_BYTES + 1][WORD_BYTES + 1];
    for (unsigned i = 0; i <= typed_bytes; i++) {
        for (unsigned j = 0; j <= name_bytes; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            bool is_same = typed[i - 1] == name[j - 1];
            rows[i][j] =
                least(rows[i - 1][j - 1] + !is_same, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && typed[i - 1] == name[j - 2] && typed[i - 2] == name[j - 1])
                rows[i][j] = least(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[typed_bytes][name_bytes];
}

static size_t first_word_bytes(const char *name)
{
    size_t bytes = 0;
    while (name[bytes] != '\0' && name[bytes] != ' ')
        bytes++;
    return bytes;
}

/* The command whose first word differs least: by one letter, or two of five and more. */
static const struct command *nearest(const char *word)
{
    size_t bytes = strlen(word);
    const struct command *found = NULL;
    const struct command *command;
    unsigned limit = bytes < 5 ? 1 : 2;
    if (bytes > WORD_BYTES || bytes < 2)
        return NULL;
    for (unsigned i = 0; (command = command_at(i)) != NULL; i++) {
        size_t name_bytes = first_word_bytes(command->name);
        if (name_bytes > WORD_BYTES)
            continue;
        unsigned differs = distance(word, bytes, command->name, name_bytes);
        if (differs == 0)
            return NULL; /* the word is right, and another one is wrong */
        if (differs <= limit) {
            found = command;
            limit = differs - 1;
        }
    }
    return found;
}

static bool explain_line(const struct command_line *line)
{
    char verbs[80];
    const char *word = line->arguments[0];
    if (list_verbs(word, verbs, sizeof(verbs))) {
        monitor_usage_error(line, line->nr_arguments > 1 ? line->arguments[1] : "", verbs);
        return true;
    }
    const struct command *command = nearest(word);
    if (command)
        command_error("unknown command '%s'; did you mean '%.*s'?", word,
                      (int)first_word_bytes(command->name), command->name);
    return command != NULL;
}

EXTRA(line_explain) = {.name = "line_edit", .explain_line = explain_line};
