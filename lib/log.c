/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. A line is put together in one buffer, so that lines do not mix. */
#include "lib/log.h"

#include <stdarg.h>

#include "lib/console.h"
#include "lib/printf.h"
#include "lib/string.h"

const char *const log_module_names[LOG_NR_MODULES] = {
    [LOG_KERNEL] = "kernel", [LOG_ARCH] = "arch", [LOG_MM] = "mm",
    [LOG_PCI] = "pci",       [LOG_VMEM] = "vmem",
};

u8 log_levels[LOG_NR_MODULES] = {
    [0 ... LOG_NR_MODULES - 1] = LOG_LEVEL_INFO,
};

#define LINE_BYTES 320

/* Returns the length, at most LINE_BYTES - 1: the last byte is left for '\n'. */
static size_t append(char line[LINE_BYTES], size_t length, const char *text)
{
    size_t bytes = min_u64(strlen(text), LINE_BYTES - 1 - length);
    memcpy(line + length, text, bytes);
    return length + bytes;
}

void log_line(enum log_module module, enum log_level level, const char *subject, const char *text)
{
    char line[LINE_BYTES];
    size_t length = append(line, 0, subject ? subject : log_module_names[module]);
    length = append(line, length, ": ");
    if (level <= LOG_LEVEL_WARNING)
        length = append(line, length, level == LOG_LEVEL_ERROR ? "error: " : "warning: ");
    length = append(line, length, text);
    line[length++] = '\n';
    console_write_line(line, length);
}

void log_write(enum log_module module, enum log_level level, const char *subject,
               const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_line(module, level, subject, text);
}
