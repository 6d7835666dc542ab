/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patterns of load on the page allocator, on several processors at once, to count
 * instructions by. One runs at a time, as a job of the monitor (job.h).
 *
 * A pair is one page_alloc() and its page_free(). Called from the kernel's loop only.
 */
#ifndef TIDE_EXTRAS_BENCH_BENCH_H
#define TIDE_EXTRAS_BENCH_BENCH_H

#include "include/types.h"

enum bench_pattern {
    BENCH_HOT,    /* free at once what was allocated */
    BENCH_BULK,   /* allocate many, free them in the order they came */
    BENCH_RANDOM, /* allocate many, free them in an order that the seed decides */
};

/*
 * Start a pattern with nr_pairs pairs on each of nr_cpus processors, the one that booted among
 * them, in the foreground; its result is a line on the console. An error line says what forbids it.
 */
void bench_start(enum bench_pattern pattern, unsigned order, u64 nr_pairs, unsigned nr_cpus);

#endif
