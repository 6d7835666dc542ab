/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log lines by module and level, to the console.
 *
 * A line is "SUBJECT: text", with "warning: " or "error: " before the text at
 * those levels. The subject is the module's name, or a device's ("vmem0").
 * The default is info. A call below its module's level costs one compare.
 */
#ifndef TIDE_LIB_LOG_H
#define TIDE_LIB_LOG_H

#include "include/types.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG, /* each decision */
    LOG_LEVEL_TRACE, /* each register access worth seeing */
};

enum log_module {
    LOG_KERNEL,
    LOG_ARCH,
    LOG_MM,
    LOG_PCI,
    LOG_VMEM,
    LOG_NR_MODULES,
};

extern u8 log_levels[LOG_NR_MODULES];
extern const char *const log_module_names[LOG_NR_MODULES];

static inline bool log_enabled(enum log_module module, enum log_level level)
{
    return (unsigned)level <= log_levels[module];
}

/* Write one line whatever the level; a '\n' is added. subject NULL: the module's name. */
void log_write(enum log_module module, enum log_level level, const char *subject,
               const char *format, ...) printf_like(4, 5);

/* The same of a text that is there already. */
void log_line(enum log_module module, enum log_level level, const char *subject, const char *text);

#define LOG(module, level, subject, ...)                          \
    do {                                                          \
        if (log_enabled((module), (level)))                       \
            log_write((module), (level), (subject), __VA_ARGS__); \
    } while (0)

#define log_error(module, subject, ...)   LOG(module, LOG_LEVEL_ERROR, subject, __VA_ARGS__)
#define log_warning(module, subject, ...) LOG(module, LOG_LEVEL_WARNING, subject, __VA_ARGS__)
#define log_info(module, subject, ...)    LOG(module, LOG_LEVEL_INFO, subject, __VA_ARGS__)
#define log_debug(module, subject, ...)   LOG(module, LOG_LEVEL_DEBUG, subject, __VA_ARGS__)

#endif
