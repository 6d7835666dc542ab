/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. A line is put together in one buffer, so that lines do not mix. */
#include "lib/log.h"

#include <stdarg.h>

#include "lib/console.h"
#include "lib/printf.h"

const char *const log_module_names[LOG_NR_MODULES] = {
    [LOG_KERNEL] = "kernel", [LOG_ARCH] = "arch", [LOG_MM] = "mm",
    [LOG_PCI] = "pci",       [LOG_VMEM] = "vmem",
};

u8 log_levels[LOG_NR_MODULES] = {
    [0 ... LOG_NR_MODULES - 1] = LOG_LEVEL_INFO,
};

void log_write(enum log_module module, enum log_level level, const char *subject,
               const char *format, ...)
{
    char line[320];
    const char *tag = level == LOG_LEVEL_ERROR     ? "error: "
                      : level == LOG_LEVEL_WARNING ? "warning: "
                                                   : "";
    int length =
        snprintf(line, sizeof(line), "%s: %s", subject ? subject : log_module_names[module], tag);
    size_t used = min_u64((u64)length, sizeof(line) - 2);
    va_list args;
    va_start(args, format);
    length = vsnprintf(line + used, sizeof(line) - 1 - used, format, args);
    va_end(args);
    used = min_u64(used + (u64)length, sizeof(line) - 2);
    line[used++] = '\n';
    console_write_line(line, used);
}
