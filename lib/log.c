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

/* Returns the length of the line, of which the last byte is left for '\n'. */
static size_t append(char line[LINE_BYTES], size_t length, const char *text)
{
    size_t bytes = min_u64(strlen(text), LINE_BYTES - 2 - length);
    memcpy(line + length, text, bytes);
    return length + bytes;
}

void log_write(enum log_module module, enum log_level level, const char *subject,
               const char *format, ...)
{
    char line[LINE_BYTES];
    size_t used = append(line, 0, subject ? subject : log_module_names[module]);
    used = append(line, used, ": ");
    if (level <= LOG_LEVEL_WARNING)
        used = append(line, used, level == LOG_LEVEL_ERROR ? "error: " : "warning: ");
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line + used, LINE_BYTES - 1 - used, format, args);
    va_end(args);
    used = min_u64(used + (u64)length, LINE_BYTES - 2);
    line[used++] = '\n';
    console_write_line(line, used);
}
