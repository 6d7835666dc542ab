/* SPDX-License-Identifier: BSD-2-Clause */
/* See cmdline.h: each option of a command line to the extra whose it is. */
#include "extras/cmdline/cmdline.h"
#include "include/extra.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/string.h"

/* The option and its number, which is below 32. */
static const struct option_rule *find_rule(const char *key, unsigned *number)
{
    *number = 0;
    for_each_extra (extra) {
        if (!extra->option)
            continue;
        if (strcmp(extra->option->key, key) == 0)
            return extra->option;
        ++*number;
    }
    return NULL;
}

static void apply(const struct cmdline_option *option, bool cut, u32 *seen, struct options *options)
{
    unsigned number;
    const struct option_rule *rule = find_rule(option->key, &number);
    if (!rule) {
        log_warning(LOG_KERNEL, "cmdline", "unknown option '%s'", option->key);
        return;
    }
    if (cut) {
        log_error(LOG_KERNEL, "cmdline", "%s: the end of the command line was cut off, ignored",
                  option->key);
        return;
    }
    if (option->truncated) {
        log_error(LOG_KERNEL, "cmdline", "%s: the value is longer than %d characters", option->key,
                  OPTION_VALUE_BYTES - 1);
        return;
    }
    u32 bit = 1U << number;
    if ((*seen & bit) != 0 && !rule->repeats)
        log_warning(LOG_KERNEL, "cmdline", "%s= stands there again: the last one counts",
                    option->key);
    *seen |= bit;
    if (!option->has_value || rule->parse(option->value, options) != OK)
        log_error(LOG_KERNEL, "cmdline", "%s=%s: expected %s", option->key, option->value,
                  rule->expected);
}

void options_parse(const char *cmdline, bool is_cut, struct options *options)
{
    struct cmdline_option option;
    u32 seen = 0; /* a bit a rule */
    EXTRAS_CALL(forget_options);
    while (cmdline_next(&cmdline, &option))
        apply(&option, is_cut && *cmdline == '\0', &seen, options);
}

EXTRA(cmdline) = {.name = "cmdline", .parse_cmdline = options_parse};
