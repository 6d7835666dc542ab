/* SPDX-License-Identifier: BSD-2-Clause */
/* See walk_job.h. */
#include "extras/jobs/walk_job.h"

#include "extras/jobs/job.h"
#include "include/status.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "monitor/command_error.h"

static struct {
    walk_part part;
    unsigned first;
    unsigned number;
    bool is_first; /* of this number */
} walk;

static u64 poll_walk(struct job *job, u64 now_ms)
{
    if (job_is_ending(job))
        return JOB_DONE;
    int status = walk.part(walk.number, walk.is_first);
    walk.is_first = status != E_AGAIN;
    if (status != OK && status != E_AGAIN)
        return JOB_DONE;
    if (status == OK && walk.number == walk.first)
        return JOB_DONE;
    walk.number -= status == OK;
    return now_ms;
}

static void end_walk(struct job *job, enum job_end end)
{
    (void)job;
    (void)end;
}

static struct job walk_job = {.stopped_by = "Ctrl-C", .poll = poll_walk, .end = end_walk};

void walk_job_start(const char *command, unsigned first, unsigned last, walk_part part)
{
    walk_job.name = command;
    if (!job_prepare(&walk_job, 0))
        return;
    walk.part = part;
    walk.first = first;
    walk.number = last;
    walk.is_first = true;
    job_start(&walk_job, true);
}

bool walk_parse_numbers(const struct command_line *line, const struct command_numbers *numbers,
                        unsigned *first, unsigned *last)
{
    int highest = numbers->last();
    u64 number = (u64)highest;
    bool named = line->nr_arguments > 1;
    *first = 0;
    *last = (unsigned)highest;
    if (named && strcmp(line->arguments[1], "all") == 0)
        return highest >= 0;
    if (named && parse_u64(line->arguments[1], &number) != OK) {
        command_error("%s: '%s': expected the number of one %s, or 'all'", line->arguments[0],
                      line->arguments[1], numbers->name);
        return false;
    }
    if (highest < 0 || number > (u64)highest || !numbers->exists((unsigned)number)) {
        command_error("%s: no such %s", line->arguments[0], numbers->name);
        return false;
    }
    *first = *last = (unsigned)number;
    return true;
}
