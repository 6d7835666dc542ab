/* SPDX-License-Identifier: BSD-2-Clause */
/* See log.h. A line is put together in one buffer, so that lines do not mix. */
#include "lib/log.h"

#include <stdarg.h>

#include "include/status.h"
#include "lib/console.h"
#include "lib/printf.h"
#include "lib/string.h"

static const char *const module_names[LOG_NR_MODULES] = {
    [LOG_KERNEL] = "kernel", [LOG_ARCH] = "arch", [LOG_MM] = "mm",
    [LOG_PCI] = "pci",       [LOG_VMEM] = "vmem",
};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_TRACE] = "trace",
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
        snprintf(line, sizeof(line), "%s: %s", subject ? subject : module_names[module], tag);
    size_t used = min_u64((u64)length, sizeof(line) - 2);
    va_list args;
    va_start(args, format);
    length = vsnprintf(line + used, sizeof(line) - 1 - used, format, args);
    va_end(args);
    used = min_u64(used + (u64)length, sizeof(line) - 2);
    line[used++] = '\n';
    console_write_line(line, used);
}

static int find_name(const char *const *names, unsigned nr_names, const char *text, size_t length)
{
    for (unsigned i = 0; i < nr_names; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0)
            return (int)i;
    }
    return E_INVAL;
}

/* Apply one part of the list, of `length` characters, to levels. */
static int configure_part(const char *part, size_t length, u8 *levels)
{
    const char *colon = strchr(part, ':');
    if (colon && (size_t)(colon - part) >= length)
        colon = NULL; /* of a later part */
    const char *level_text = colon ? colon + 1 : part;
    int level = find_name(level_names, ARRAY_SIZE(level_names), level_text,
                          length - (size_t)(level_text - part));
    if (level < 0)
        return E_INVAL;
    if (!colon) {
        memset(levels, level, LOG_NR_MODULES);
        return OK;
    }
    int module = find_name(module_names, LOG_NR_MODULES, part, (size_t)(colon - part));
    if (module < 0)
        return E_INVAL;
    levels[module] = (u8)level;
    return OK;
}

int log_configure(const char *value)
{
    u8 levels[LOG_NR_MODULES];
    memcpy(levels, log_levels, sizeof(levels));
    for (;;) {
        const char *comma = strchr(value, ',');
        size_t length = comma ? (size_t)(comma - value) : strlen(value);
        if (configure_part(value, length, levels) != OK)
            return E_INVAL;
        if (!comma)
            break;
        value = comma + 1;
    }
    memcpy(log_levels, levels, sizeof(levels));
    return OK;
}
