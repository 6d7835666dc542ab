/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The job of fill and check: it goes through numbered things from the highest to the lowest, a
 * bounded part of one at each turn, and keeps the prompt. One at a time, like all
 * jobs in the foreground.
 */
#ifndef TIDE_EXTRAS_BENCH_WALK_JOB_H
#define TIDE_EXTRAS_BENCH_WALK_JOB_H

#include "include/types.h"

/*
 * Do a bounded part of one thing, its first one if is_first, and print the result after the last.
 * OK: it is done, or there is none of this number. E_AGAIN: there is more of it. Anything else
 * ends the walk, and the error line is printed.
 */
typedef int (*walk_part)(unsigned number, bool is_first);

/* Start it, for the numbers from `first` to `last`. */
void walk_job_start(const char *command, unsigned first, unsigned last, walk_part part);

#endif
