/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial monitor: lines from COM1, or from an extra, to commands.
 *
 * Commands run one at a time: the next one waits while an extra keeps the prompt
 * (include/extra.h), which Ctrl-C ends if it is within the first 4 KiB that are typed meanwhile.
 *
 * "@TAG command" is for programs: each line of the answer begins with "@TAG ", or with "@TAG+"
 * where a log line has cut it, and the line "@TAG." ends the answer. No other line begins so.
 */
#ifndef TIDE_MONITOR_MONITOR_H
#define TIDE_MONITOR_MONITOR_H

#include "include/types.h"

#define COMMAND_ARGUMENTS_MAX 12

/* A command's words; arguments[0] is its name, as the table has it. */
struct command_line {
    unsigned nr_arguments;
    const char *arguments[COMMAND_ARGUMENTS_MAX];
};

struct command {
    const char *name;  /* one word, or more: "vm touch stop" */
    const char *usage; /* the arguments, as help shows them */
    const char *help;
    unsigned nr_least; /* arguments, at least and at most */
    unsigned nr_most;
    void (*run)(const struct command_line *line);
};

/* The commands, in the order of `help`; NULL past the end. */
const struct command *command_at(unsigned index);

/* 0: there is something to take or to print; else UINT64_MAX. Callable with interrupts off. */
u64 monitor_due_ms(void);

/* Cut a line into words in place; false if there are too many. */
bool monitor_split_words(char *text, struct command_line *line);

/* Say on the console what a command's argument should have been. */
void monitor_usage_error(const struct command_line *line, const char *value, const char *expected);

#endif
