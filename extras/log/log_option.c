/* SPDX-License-Identifier: BSD-2-Clause */
/* See log_option.h. */
#include "extras/log/log_option.h"

#include "include/extra.h"
#include "include/status.h"
#include "kernel/options.h"
#include "lib/log.h"
#include "lib/string.h"

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_TRACE] = "trace",
};

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
    int module = find_name(log_module_names, LOG_NR_MODULES, part, (size_t)(colon - part));
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

static int parse(const char *value, struct options *options)
{
    (void)options;
    return log_configure(value);
}

static const struct option_rule option = {
    .key = "log",
    .parse = parse,
    .expected = "error, warning, info, debug or trace, alone or after kernel:, arch:, mm:, pci: or "
                "vmem:, commas between several",
    .repeats = true,
};

EXTRA(log) = {.name = "log", .option = &option};
