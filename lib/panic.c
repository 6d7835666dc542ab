/* SPDX-License-Identifier: BSD-2-Clause */
/* See panic.h. */
#include "lib/panic.h"

#include <stdarg.h>

#include "include/extra.h"
#include "include/platform.h"
#include "lib/console.h"
#include "lib/printf.h"

void panic(const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    platform_stop_others();
    console_answer(NULL);
    console_fresh_line();
    console_printf("panic: %s\n", text);
    EXTRAS_CALL(print_callers);
    platform_exit(EXIT_PANIC);
}
