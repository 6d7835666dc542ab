/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of input, fed a byte at a time: printable characters, backspace and ^C; an extra may
 * edit within the line. Pure but for the echo, which goes to console_write().
 *
 * Of a line that is too long the characters without room are counted: backspace takes them back,
 * ^C drops the line, and at its end their number is known, so that it is refused and never cut.
 */
#ifndef TIDE_MONITOR_LINE_H
#define TIDE_MONITOR_LINE_H

#include "include/types.h"

#define LINE_BYTES 256

enum { KEY_INTERRUPT = 3, KEY_BACKSPACE = 8, KEY_DELETE = 127 };

struct line_editor {
    const char *prompt;
    char text[LINE_BYTES]; /* NUL-terminated */
    size_t length;
    size_t cursor;     /* at the end, unless an extra moves it */
    size_t nr_excess;  /* characters at the cursor for which there was no room */
    bool after_return; /* a '\n' that follows '\r' is the same key */
};

void line_init(struct line_editor *editor, const char *prompt);

/* Write the prompt and what was typed so far. */
void line_show(const struct line_editor *editor);

/* Take one byte; true when it completed a line, which is then in `line` (LINE_BYTES), and its
 * length in *length: more than LINE_BYTES - 1 if it is too long, and `line` is its beginning. */
bool line_feed(struct line_editor *editor, char input, char *line, size_t *length);

#endif
