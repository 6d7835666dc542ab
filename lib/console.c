/* SPDX-License-Identifier: BSD-2-Clause */
/* See console.h. */
#include "lib/console.h"

#include "include/platform.h"
#include "lib/printf.h"

static bool at_line_start = true;

/* With the console locked. */
static void write(const char *text, size_t bytes)
{
    if (bytes == 0)
        return;
    at_line_start = text[bytes - 1] == '\n';
    platform_console_write(text, bytes);
}

void console_write(const char *text, size_t bytes)
{
    u64 flags = platform_console_lock();
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
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    console_write(text, min_u64((u64)length, sizeof(text) - 1));
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
