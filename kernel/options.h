/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the command line asked for, all zero without one. Extras parse it, each its own options;
 * README lists them for users.
 */
#ifndef TIDE_KERNEL_OPTIONS_H
#define TIDE_KERNEL_OPTIONS_H

#include "drivers/virtio/include/vmem/vmem.h"
#include "include/types.h"

#define OPTION_VALUE_BYTES 1024 /* the longest value and its end */

struct options {
    enum vmem_irq_mode irq_mode;  /* virtio_mem.irq= */
    enum vmem_init init;          /* virtio_mem.init= */
    u64 features_masked;          /* virtio.features=, never accepted */
    char run[OPTION_VALUE_BYTES]; /* run=, empty if none */
};

/* An option: its parser, and what the error line says that the value should be. */
struct option_rule {
    const char *key;
    int (*parse)(const char *value, struct options *options); /* E_INVAL, E_NOMEM */
    const char *expected;
    bool repeats; /* each one counts */
};

#endif
