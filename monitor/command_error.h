/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a command says that it failed: one line, "error: " before it, and a note
 * that it did, so that a script stops. Every refusal of a command goes this way.
 */
#ifndef TIDE_MONITOR_COMMAND_ERROR_H
#define TIDE_MONITOR_COMMAND_ERROR_H

#include "include/types.h"

/* Print "error: ", the text and the end of the line. From the kernel's loop only. */
void command_error(const char *format, ...) printf_like(1, 2);

/* There was one since the last call. */
bool command_take_failure(void);

#endif
