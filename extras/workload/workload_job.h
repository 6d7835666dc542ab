/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload that runs beside the monitor: carries out a plan's steps on real
 * pages, a few at a time, as a job in the background (job.h). Its limit is the plan's.
 *
 * Each chunk is one run of PAGE_USER frames. Its first and last words of each page (all words in
 * `verify`) hold a pattern made of the seed, the chunk's number and the place in
 * it, and are compared before it is freed. A share of the chunks may be movable: pages
 * of the owner "workload", which mm moves out of blocks that are to be unplugged.
 */
#ifndef TIDE_EXTRAS_WORKLOAD_WORKLOAD_JOB_H
#define TIDE_EXTRAS_WORKLOAD_WORKLOAD_JOB_H

#include "extras/workload/workload_plan.h"

enum workload_state {
    WORKLOAD_IDLE,    /* none was started, or it was stopped */
    WORKLOAD_RUNNING, /* has steps to do, or waits for its next tick */
    WORKLOAD_ENDED,   /* its plan is done; what it holds stays held */
    WORKLOAD_FAILED,  /* a page had the wrong content; what it holds stays held */
};

struct workload_report {
    enum workload_state state;
    enum workload_kind kind;
    u64 tick;
    u64 held_bytes;
    u64 target_bytes;
    u64 nr_allocs;
    u64 nr_frees;
    u64 nr_denied;
    u64 nr_pages_checked;
    u64 movable_bytes; /* of what is held */
    u64 nr_moves;      /* chunks that mm moved */
    u64 nr_refusals;   /* that refused */
};

/* Start; E_BUSY while one is running or holds memory, E_NOMEM without room for its table. */
must_check int workload_job_start(const struct workload_spec *spec);

/* A steady load holds that much from now on. E_INVAL without one, or where it is more than its
 * size. */
must_check int workload_job_want(u64 bytes);

/* Check and free all that is held, a few at a time, with the prompt waiting, then be idle and call
 * done(). At once if there is none. */
void workload_job_stop(void (*done)(void));

void workload_job_report(struct workload_report *report);

#endif
