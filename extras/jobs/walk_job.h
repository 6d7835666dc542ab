/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The job of fill and check: it goes through numbered things from the highest to the lowest, a
 * bounded part of one at each turn, and keeps the prompt. One at a time, like all
 * jobs in the foreground.
 */
#ifndef TIDE_EXTRAS_JOBS_WALK_JOB_H
#define TIDE_EXTRAS_JOBS_WALK_JOB_H

#include "monitor/monitor.h"

/* Things that a user holds by number: 0 to the highest in use. */
struct command_numbers {
    const char *name;  /* of one: "holding" */
    int (*last)(void); /* the highest in use, or -1 */
    bool (*exists)(unsigned number);
};

/* Which of them the first argument means: "all", or one number, or the last where it is left out.
 * False after an error line, and if "all" are none. */
bool walk_parse_numbers(const struct command_line *line, const struct command_numbers *numbers,
                        unsigned *first, unsigned *last);

/*
 * Do a bounded part of one thing, its first one if is_first, and print the result after the last.
 * OK: it is done, or there is none of this number. E_AGAIN: there is more of it. Anything else
 * ends the walk, and the error line is printed.
 */
typedef int (*walk_part)(unsigned number, bool is_first);

/* Start it, for the numbers from `first` to `last`. */
void walk_job_start(const char *command, unsigned first, unsigned last, walk_part part);

#endif
