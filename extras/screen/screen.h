/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console's text as rows of characters, which screen.c keeps, and the two forms of a screen,
 * which draw single cells.
 */
#ifndef TIDE_EXTRAS_SCREEN_SCREEN_H
#define TIDE_EXTRAS_SCREEN_SCREEN_H

#include "include/boot_info.h"
#include "include/types.h"

#define SCREEN_COLUMNS  80
#define SCREEN_ROWS_MAX 64

struct screen_form {
    unsigned nr_rows; /* at most SCREEN_ROWS_MAX; 0: this screen cannot be used */
    void (*draw)(unsigned row, unsigned column, char character);
};

/* ---- the forms: map the screen's memory and empty the whole screen ---- */

struct screen_form vga_text_start(const struct boot_screen *screen);
struct screen_form framebuffer_start(const struct boot_screen *screen);

/* ---- font.c: letters of 5 x 7 points ---- */

#define FONT_COLUMNS 5
#define FONT_ROWS    7

/* The columns of a character, left to right, bit 0 on top. A character without a letter is a box.
 */
const u8 *font_columns(char character);

#endif
