/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of input with editing, fed a byte at a time: printable characters,
 * backspace, the arrow keys (with Ctrl word by word), Home, End, Delete, and ^A ^E ^U ^W ^C ^L; the
 * last lines come back with the up arrow. Pure but for the echo, which goes to console_write().
 *
 * Of a line that is too long the characters without room are counted: backspace takes them back, ^U
 * and ^C drop the line, and at its end their number is known, so that it is refused and never cut.
 */
#ifndef TIDE_MONITOR_LINE_H
#define TIDE_MONITOR_LINE_H

#include "include/types.h"

#define LINE_BYTES      256
#define LINE_HISTORY    16
#define LINE_PARAMETERS 2

struct line_editor {
    const char *prompt;
    char text[LINE_BYTES]; /* NUL-terminated */
    size_t length;
    size_t cursor;
    size_t nr_excess; /* characters at the cursor for which there was no room */
    enum {
        LINE_NO_ESCAPE,
        LINE_ESCAPE,   /* ESC */
        LINE_SEQUENCE, /* ESC [, or ESC O */
    } escape;
    unsigned parameters[LINE_PARAMETERS]; /* of the sequence */
    unsigned nr_parameters;
    bool after_return;                      /* a '\n' that follows '\r' is the same key */
    char history[LINE_HISTORY][LINE_BYTES]; /* a ring, newest before history_next */
    unsigned history_length;
    unsigned history_next;
    unsigned history_back; /* how many lines back the text shown is from; 0: the user's own */
};

void line_init(struct line_editor *editor, const char *prompt);

/* Write the prompt and what was typed so far. */
void line_show(const struct line_editor *editor);

/* Take one byte; true when it completed a line, which is then in `line` (LINE_BYTES), and its
 * length in *length: more than LINE_BYTES - 1 if it is too long, and `line` is its beginning. */
bool line_feed(struct line_editor *editor, char input, char *line, size_t *length);

#endif
