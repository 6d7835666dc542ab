/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to the console, above platform_console_write(): it knows whether the
 * cursor stands at the start of a line, so that a log line never begins
 * behind a prompt and a reader can find every line at its start. It also marks
 * the answer to a command that was typed with a tag.
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

/*
 * From now on what console_write() and console_printf() write is the answer to a command with this
 * tag: each of its lines begins with the tag and a blank, or with the tag and a '+' where a whole
 * line of console_write_line() came into the middle of one. NULL: what is written is no answer. The
 * text of the tag must stay. On the processor that runs the monitor, or on the last one that runs.
 */
void console_answer(const char *tag);

/* The tag of the answer that is being written, or NULL. */
const char *console_answer_tag(void);

/* Whether the last character written ended a line. */
bool console_at_line_start(void);

/* End the line if one has begun. */
void console_fresh_line(void);

#endif
