/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See options.h. One table of options, each with its parser and with what a
 * valid value looks like, which is what the error line says.
 */
#include "kernel/options.h"

#include "include/extra.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/string.h"

static int parse_irq(const char *value, struct options *options)
{
    static const struct {
        const char *name;
        enum vmem_irq_mode mode;
    } modes[] = {
        {"auto", VMEM_IRQ_AUTO},
        {"msix", VMEM_IRQ_MSIX},
        {"intx", VMEM_IRQ_INTX},
        {"poll", VMEM_IRQ_POLL},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        if (strcmp(value, modes[i].name) == 0) {
            options->irq_mode = modes[i].mode;
            return OK;
        }
    }
    return E_INVAL;
}

static int parse_init(const char *value, struct options *options)
{
    if (strcmp(value, "state") == 0)
        options->init = VMEM_INIT_STATE;
    else if (strcmp(value, "unplug") == 0)
        options->init = VMEM_INIT_UNPLUG_ALL;
    else
        return E_INVAL;
    return OK;
}

static int parse_features(const char *value, struct options *options)
{
    return vmem_parse_features_masked(value, &options->features_masked);
}

static int parse_log(const char *value, struct options *options)
{
    (void)options;
    return log_configure(value);
}

static int parse_run(const char *value, struct options *options)
{
    memcpy(options->run, value, strlen(value) + 1);
    return OK;
}

static const struct option_rule rules[] = {
    {"virtio_mem.irq", parse_irq, "auto, msix, intx or poll", false},
    {"virtio_mem.init", parse_init, "unplug or state", false},
    {"virtio.features", parse_features,
     "features not to accept, as in -packed,-event_idx, by name or bit number", true},
    {"log", parse_log,
     "error, warning, info, debug or trace, alone or after kernel:, arch:, mm:, pci: or "
     "vmem:, commas between several",
     true},
    {"run", parse_run, "monitor commands separated by semicolons", false},
};

/* The rule and its number, which is below 32. */
static const struct option_rule *find_rule(const char *key, unsigned *number)
{
    for (*number = 0; *number < ARRAY_SIZE(rules); ++*number) {
        if (strcmp(rules[*number].key, key) == 0)
            return &rules[*number];
    }
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
                  CMDLINE_VALUE_BYTES - 1);
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
    *options = (struct options){0};
    EXTRAS_CALL(forget_options);
    while (cmdline_next(&cmdline, &option))
        apply(&option, is_cut && *cmdline == '\0', &seen, options);
}
