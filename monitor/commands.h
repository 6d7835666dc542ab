/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions of the core's commands, by file: what commands.c's table names. */
#ifndef TIDE_MONITOR_COMMANDS_H
#define TIDE_MONITOR_COMMANDS_H

#include "monitor/monitor.h"

/* commands_status.c */
void command_status(const struct command_line *line);
void command_stats(const struct command_line *line);
void command_cpus(const struct command_line *line);

/* A page did not hold what was written to it: `exit` says so. */
void commands_note_check_failed(void);

#endif
