/* SPDX-License-Identifier: BSD-2-Clause */
/* See walk_job.h. */
#include "extras/bench/walk_job.h"

#include "include/status.h"
#include "kernel/job.h"

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

/* The results are printed one by one. */
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
