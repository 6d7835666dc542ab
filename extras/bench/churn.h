/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load on the page allocator that goes on while blocks come and go: a job of the
 * monitor (job.h), in the background, on all processors but the one that booted.
 */
#ifndef TIDE_EXTRAS_BENCH_CHURN_H
#define TIDE_EXTRAS_BENCH_CHURN_H

#include "include/types.h"

/*
 * Let the processors allocate, write, check and free pages of orders 0 to 5 in random order. With
 * `movable` all are of order 2, and may be moved at any moment. It says on the console what it
 * does; what forbids it is an error line.
 */
void churn_start(bool movable, u64 limit_ms);

/* End it; when all its pages are checked and freed, the sum is a line on the console. */
void churn_stop(void);

#endif
