/* SPDX-License-Identifier: BSD-2-Clause */
/* See console.h. */
#include "lib/console.h"

#include "include/platform.h"
#include "lib/printf.h"
#include "lib/string.h"

static bool at_line_start = true;
static const char *answer_tag; /* NULL: what is written is no answer */
static bool answer_cut;        /* the answer's last line has no end yet */

/* With the console locked. */
static void write(const char *text, size_t bytes)
{
    if (bytes == 0)
        return;
    at_line_start = text[bytes - 1] == '\n';
    platform_console_write(text, bytes);
}

/* With the console locked. */
static void write_answer(const char *text, size_t bytes)
{
    while (bytes > 0) {
        size_t piece = 0;
        while (piece < bytes && text[piece++] != '\n')
            ;
        if (at_line_start) {
            write(answer_tag, strlen(answer_tag));
            write(answer_cut ? "+" : " ", 1);
        }
        write(text, piece);
        answer_cut = !at_line_start;
        text += piece;
        bytes -= piece;
    }
}

void console_write(const char *text, size_t bytes)
{
    u64 flags = platform_console_lock();
    if (answer_tag)
        write_answer(text, bytes);
    else
        write(text, bytes);
    platform_console_unlock(flags);
}

void console_write_line(const char *text, size_t bytes)
{
    u64 flags = platform_console_lock();
    if (!at_line_start)
        write("\n", 1);
    write(text, bytes);
    platform_console_unlock(flags);
}

void console_printf(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    size_t length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    console_write(text, min_u64(length, sizeof(text) - 1));
}

const char *console_answer_tag(void)
{
    return answer_tag;
}

void console_answer(const char *tag)
{
    answer_tag = tag;
    answer_cut = false;
}

bool console_at_line_start(void)
{
    return at_line_start;
}

void console_fresh_line(void)
{
    if (!at_line_start)
        console_write("\n", 1);
}
