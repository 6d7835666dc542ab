/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Editing within the monitor's line: the arrow keys (with Ctrl word by word), Home, End, Delete,
 * and ^A ^E ^U ^W; ^L clears the screen, Tab completes. The last lines come back with the up arrow.
 */
#ifndef TIDE_EXTRAS_LINE_EDIT_H
#define TIDE_EXTRAS_LINE_EDIT_H

#define LINE_HISTORY 16

/* Forget the lines before, and what was begun of an escape sequence. */
void line_edit_reset(void);

#endif
