/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workload that runs beside the monitor: carries out a plan's steps on real
 * pages, a few at a time, from the kernel's main loop.
 *
 * Each chunk is one run of PAGE_USER frames. Its first and last words of each page (all words in
 * `verify`) hold a pattern made of the seed, the chunk's number and the place in
 * it, and are compared before it is freed. A share of the chunks may be movable: pages
 * of the owner "workload", which mm moves out of blocks that are to be unplugged.
 */
#ifndef TIDE_KERNEL_WORKLOAD_JOB_H
#define TIDE_KERNEL_WORKLOAD_JOB_H

#include "kernel/workload_plan.h"

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

/* Check and free all that is held, and be idle. The devices are served meanwhile. */
void workload_job_stop(void);

/*
 * Do a bounded part of what is due: at most a few megabytes touched. True if
 * there is more to do now. Prints the line of an end or a fault.
 */
bool workload_job_run(u64 now_ms);

/* workload_job_run() would do something now. Callable with interrupts off. */
bool workload_job_pending(void);

void workload_job_report(struct workload_report *report);

/* Since boot, a workload found a page with the wrong content. */
bool workload_job_failed(void);

#endif
