/* SPDX-License-Identifier: BSD-2-Clause */
/* See command_error.h. */
#include "monitor/command_error.h"

#include <stdarg.h>

#include "lib/console.h"
#include "lib/printf.h"

#define TEXT_BYTES 400

static bool failed;

void command_error(const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    console_fresh_line();
    console_printf("error: %s\n", text);
    failed = true;
}

bool command_take_failure(void)
{
    bool was = failed;
    failed = false;
    return was;
}
