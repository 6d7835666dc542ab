/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load on the page allocator from several processors at once: patterns to
 * count instructions by, and a churn that goes on while blocks come and go.
 *
 * A pair is one page_alloc() and its page_free(). Called from the kernel's loop only.
 */
#ifndef TIDE_KERNEL_BENCH_H
#define TIDE_KERNEL_BENCH_H

#include "include/types.h"

enum bench_pattern {
    BENCH_HOT,    /* free at once what was allocated */
    BENCH_BULK,   /* allocate many, free them in the order they came */
    BENCH_RANDOM, /* allocate many, free them in an order that the seed decides */
};

struct bench_result {
    u64 nr_pairs;
    u64 nr_failed; /* allocations that were refused; a churn tries again later */
    u64 nr_wrong;  /* of a churn: pages that did not hold what was written */
    u64 nr_moved;  /* of a churn: pages that mm moved meanwhile */
};

/*
 * Run a pattern with nr_pairs pairs on each of nr_cpus processors, and return when
 * all are done. E_NODEV if they do not all run, E_BUSY while one works, E_NOMEM
 * without memory for the books.
 */
must_check int bench_run(enum bench_pattern pattern, unsigned order, u64 nr_pairs, unsigned nr_cpus,
                         struct bench_result *result);

/*
 * Let all processors but the one that booted allocate, write, check and free pages of
 * orders 0 to 5 in random order until bench_churn_stop(). With `movable` all are of order 2, and
 * may be moved at any moment. Errors as above; E_NODEV if there is no other.
 */
must_check int bench_churn_start(bool movable);

/* End the churn, wait until all its pages are checked and freed, and tell the sum. E_NODEV if none
 * runs. */
must_check int bench_churn_stop(struct bench_result *result);

#endif
