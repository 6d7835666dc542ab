/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial monitor: lines from COM1, or from `run=`, to commands.
 *
 * Commands of a script run one at a time, the devices are served between two
 * of them, and `wait` holds the next one back until every device has settled.
 *
 * "@TAG command" is for programs: each line of the answer begins with "@TAG ", or with "@TAG+"
 * where a log line has cut it, and the line "@TAG." ends the answer. No other line begins so.
 */
#ifndef TIDE_KERNEL_MONITOR_H
#define TIDE_KERNEL_MONITOR_H

#include "include/types.h"

#define COMMAND_ARGUMENTS_MAX 12

/* A command's words; argument[0] is its name. */
struct command_line {
    unsigned nr_arguments;
    const char *arguments[COMMAND_ARGUMENTS_MAX];
};

struct command {
    const char *name;
    const char *usage; /* the arguments, as help shows them */
    const char *help;
    void (*run)(const struct command_line *line);
};

/* The commands, in the order of `help` (commands.c). */
extern const struct command commands[];
extern const unsigned nr_commands;

/* Start: show the prompt and queue the script, commands separated by ';'. */
void monitor_start(const char *script);

/*
 * Do one thing: run a command of the script, or take what was typed. False
 * when there was nothing to do.
 */
bool monitor_poll(void);

/* Input is waiting that monitor_poll() would take. Callable with interrupts off. */
bool monitor_pending(void);

/* Hold the script back until devices_settled() and all processors were started. */
void monitor_wait_settled(void);

/* Say on the console what a command's argument should have been. */
void monitor_usage_error(const struct command_line *line, const char *value, const char *expected);

#endif
