/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console on a screen, for a machine without a serial port.
 *
 * The text is kept from the first line on, so that the screen, which is switched on later,
 * shows its last rows. The memory of a screen is slow: only cells that differ are drawn, and none
 * is read.
 */
#include "extras/screen/screen.h"

#include "arch/x86_64/serial.h"
#include "asm/cpu.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/options.h"
#include "lib/log.h"
#include "lib/string.h"

#define TAB_COLUMNS 8
#define EARLY_BYTES 8192 /* a start prints some hundred before there is a screen */

/* A ring: row `last_row` is being written, the rows before it are older. */
static char rows[SCREEN_ROWS_MAX][SCREEN_COLUMNS];
static unsigned last_row;
static unsigned next_column;
static unsigned nr_rows_begun = 1; /* at most SCREEN_ROWS_MAX */

static struct screen_form form;
static bool is_wanted;                      /* by the command line */
static bool is_off;                         /* nothing is kept any more */
static not_cleared char early[EARLY_BYTES]; /* what was written before, without what did not fit */
static size_t early_bytes;
static char shown[SCREEN_ROWS_MAX][SCREEN_COLUMNS];

static void new_line(void)
{
    last_row = (last_row + 1) % SCREEN_ROWS_MAX;
    next_column = 0;
    if (nr_rows_begun < SCREEN_ROWS_MAX)
        nr_rows_begun++;
    memset(rows[last_row], 0, SCREEN_COLUMNS);
}

/* A terminal's commands, ESC [ to a letter, move nothing on this screen and are not shown. */
static bool is_escape(char character)
{
    static bool is_within;
    bool is_letter = (character | 0x20) >= 'a' && (character | 0x20) <= 'z';
    bool was_within = is_within;
    is_within = character == '\x1b' || (was_within && !is_letter);
    return was_within || is_within;
}

static void put(char character)
{
    if (is_escape(character))
        return;
    switch (character) {
    case '\n':
        new_line();
        return;
    case '\r':
        next_column = 0;
        return;
    case '\b':
        if (next_column > 0)
            next_column--;
        return;
    case '\t':
        next_column = (next_column + TAB_COLUMNS) / TAB_COLUMNS * TAB_COLUMNS;
        return;
    default:
        if (next_column >= SCREEN_COLUMNS)
            new_line();
        rows[last_row][next_column++] = character;
    }
}

/* The newest row is the last one shown. Cells hold 0 where nothing was written. */
static void show(void)
{
    unsigned nr_older = (unsigned)min_u64(nr_rows_begun, form.nr_rows) - 1;
    unsigned first = last_row + SCREEN_ROWS_MAX - nr_older;

    for (unsigned row = 0; row <= nr_older; row++) {
        const char *text = rows[(first + row) % SCREEN_ROWS_MAX];

        for (unsigned column = 0; column < SCREEN_COLUMNS; column++) {
            if (text[column] == shown[row][column])
                continue;
            shown[row][column] = text[column];
            form.draw(row, column, text[column] == 0 ? ' ' : text[column]);
        }
    }
}

static void put_and_show(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        put(text[i]);
    show();
}

/* Keep what was written to the console, and show it once there is a screen. */
static void write(const char *text, size_t bytes)
{
    if (is_off)
        return;
    u64 flags = irq_save();

    if (form.nr_rows != 0) {
        put_and_show(text, bytes);
    } else {
        bytes = min_u64(bytes, sizeof(early) - early_bytes);
        memcpy(early + early_bytes, text, bytes);
        early_bytes += bytes;
    }
    irq_restore(flags);
}

static void start(const struct boot_info *boot)
{
    const struct boot_screen *screen = &boot->screen;
    struct screen_form found = {0};

    is_off = !is_wanted;
    if (is_off)
        return;
    if (screen->kind == BOOT_SCREEN_PIXELS)
        found = framebuffer_start(screen);
    else if (screen->kind == BOOT_SCREEN_TEXT || screen->kind == BOOT_SCREEN_UNKNOWN)
        found = vga_text_start(screen);
    if (found.nr_rows == 0) {
        log_error(LOG_ARCH, "screen",
                  "the screen (%ux%u of %u bits at 0x%llx) cannot be used, expected text of 80 "
                  "columns or pixels of 16, 24 or 32 bits; serial port only",
                  screen->width, screen->height, screen->bits_per_pixel,
                  (unsigned long long)screen->base);
        return;
    }
    u64 flags = irq_save();
    form = found;
    put_and_show(early, early_bytes);
    irq_restore(flags);
    log_info(LOG_ARCH, "screen", "the console is %s",
             serial_exists() ? "COM1 and this screen; type on COM1"
                             : "this screen; there is no COM1 to type on");
}

static int parse_console(const char *value, struct options *options)
{
    (void)options;
    is_wanted = strcmp(value, "vga") == 0;
    return is_wanted || strcmp(value, "serial") == 0 ? OK : E_INVAL;
}

static const struct option_rule console_option = {"console", parse_console,
                                                  "serial, or vga for the screen as well", false};

EXTRA(screen) = {
    .name = "screen",
    .option = &console_option,
    .init = start,
    .console_write = write,
};
