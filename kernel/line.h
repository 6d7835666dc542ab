/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of input with editing, fed a byte at a time: printable characters,
 * backspace, the arrow keys, Home, End, Delete, and ^A ^E ^U ^W ^C ^L; the last lines come
 * back with the up arrow. Pure but for the echo, which goes to console_write().
 */
#ifndef TIDE_KERNEL_LINE_H
#define TIDE_KERNEL_LINE_H

#include "include/types.h"

#define LINE_BYTES   256
#define LINE_HISTORY 16

struct line_editor {
    const char *prompt;
    char text[LINE_BYTES]; /* NUL-terminated */
    size_t length;
    size_t cursor;
    unsigned escape; /* how far into an escape sequence: 0 none, 1 ESC, 2 ESC [, 3 and a digit */
    char escape_digit;
    bool after_return;                      /* a '\n' that follows '\r' is the same key */
    char history[LINE_HISTORY][LINE_BYTES]; /* a ring, newest before history_next */
    unsigned history_length;
    unsigned history_next;
    unsigned history_back; /* how many lines back the text shown is from; 0: the user's own */
};

void line_init(struct line_editor *editor, const char *prompt);

/* Write the prompt and what was typed so far. */
void line_show(const struct line_editor *editor);

/* Take one byte; true when it completed a line, which is then in `line` (LINE_BYTES). */
bool line_feed(struct line_editor *editor, char input, char *line);

#endif
