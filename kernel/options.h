/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the command line asked for. Malformed options are error lines and keep
 * their default; unknown ones are warnings. README lists them for users.
 */
#ifndef TIDE_KERNEL_OPTIONS_H
#define TIDE_KERNEL_OPTIONS_H

#include "drivers/virtio/include/vmem/vmem.h"
#include "lib/cmdline.h"

struct options {
    enum vmem_irq_mode irq_mode;   /* virtio_mem.irq= */
    enum vmem_init init;           /* virtio_mem.init= */
    u64 features_masked;           /* virtio.features=, never accepted */
    char run[CMDLINE_VALUE_BYTES]; /* run=, empty if none */
};

/* An option: its parser, and what the error line says that the value should be. */
struct option_rule {
    const char *key;
    int (*parse)(const char *value, struct options *options); /* E_INVAL, E_NOMEM */
    const char *expected;
    bool repeats; /* each one counts */
};

/* Parse a command line; `log=` takes effect at once. If it was cut, an option that its end belongs
 * to is refused, as its value may be another one. Boot only. */
void options_parse(const char *cmdline, bool is_cut, struct options *options);

#endif
