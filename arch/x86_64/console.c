/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the console's text goes: to the serial port, and to the screen's rows. */
#include "arch/x86_64/screen.h"
#include "arch/x86_64/serial.h"
#include "include/platform.h"

void platform_console_write(const char *text, size_t bytes)
{
    serial_write(text, bytes);
    screen_write(text, bytes);
}
