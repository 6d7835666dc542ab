/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to the console, above platform_console_write(): it knows whether the
 * cursor stands at the start of a line, so that a log line never begins
 * behind a prompt and a reader can find every line at its start.
 */
#ifndef TIDE_LIB_CONSOLE_H
#define TIDE_LIB_CONSOLE_H

#include "include/types.h"

/* Any context. */
void console_write(const char *text, size_t bytes);

/* The same after the end of a line that has begun: no other processor's text comes between. */
void console_write_line(const char *text, size_t bytes);

/* Formatted, at most 511 bytes; not filtered by any log level. Any context. */
void console_printf(const char *format, ...) printf_like(1, 2);

/* Whether the last character written ended a line. */
bool console_at_line_start(void);

/* End the line if one has begun. */
void console_fresh_line(void);

#endif
