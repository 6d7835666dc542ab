/* SPDX-License-Identifier: BSD-2-Clause */
/* console_printf(): formatted text to the console, through a buffer on the stack. */
#include "include/platform.h"
#include "lib/printf.h"

void console_printf(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    platform_console_write(text, min_u64((u64)length, sizeof(text) - 1));
}
