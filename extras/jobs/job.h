/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work that a command of the monitor starts: one list of jobs, which the kernel's
 * loop polls, so that devices, the power button and other commands never wait for one.
 *
 * A job works in bounded parts on the processor that booted, or on other processors at the same
 * time, or both. It can be stopped, and has a limit: in time, or the end of its work. One in the
 * foreground keeps the prompt; nobody ever waits for it inside a function.
 * Called from the kernel's loop only, unless said otherwise.
 */
#ifndef TIDE_EXTRAS_JOBS_JOB_H
#define TIDE_EXTRAS_JOBS_JOB_H

#include "include/types.h"
#include "monitor/monitor.h"

#define JOB_DONE       (~(u64)0) /* of poll(): no more to do on this processor */
#define JOB_STOP_MS    60000     /* how long a processor may take to leave a job that is stopped */
#define JOB_LIMIT_MS   600000    /* what a job is given that has no end of its own */
#define JOB_ALL_OTHERS (~0u)     /* every processor that runs but the one that booted */

enum job_state {
    JOB_IDLE,
    JOB_RUNNING,
    JOB_ENDING, /* was told to stop, or is over its limit */
    JOB_STUCK,  /* a processor did not leave in JOB_STOP_MS; ends as soon as it does */
};

/* Why a job ended. */
enum job_end {
    JOB_COMPLETE,    /* its work was done */
    JOB_STOPPED,     /* job_stop() */
    JOB_INTERRUPTED, /* Ctrl-C */
    JOB_OVER_LIMIT,
};

struct job {
    /* The owner's, and fixed while it runs. */
    const char *name;       /* the command that starts it */
    const char *stopped_by; /* what a user does to stop it */
    /* A bounded part of the work on this processor. Returns when it is to be called again, in
     * platform_now_ms(): 0 is at once. While job_is_ending(), it comes to its end.
     * NULL: all work is done by other processors. */
    u64 (*poll)(struct job *job, u64 now_ms);
    /* What each other processor does; it returns soon after job_is_ending(). */
    void (*work)(struct job *job);
    /* Everything has returned: print the result, free the memory. */
    void (*end)(struct job *job, enum job_end end);
    u64 limit_ms;    /* 0: its work is its limit */
    bool has_no_end; /* Ctrl-C is how it ends, and no error */

    /* job.c's. */
    struct job *next;
    enum job_state state;
    bool in_foreground; /* the prompt waits for its end */
    const char *answer; /* then: the tag of the answer that its lines belong to, or NULL */
    enum job_end why;
    u32 ending; /* set by the loop, read by the job's processors */
    u64 processors;
    u64 start_ms;
    u64 stop_ms; /* when it was told to end */
    u64 next_ms; /* of poll() */
};

/*
 * Choose the first nr_others processors that run beside the one that booted. False, with an
 * error line that says why and names the job that has one, unless all are free and the job
 * does not run. job_start() follows before anything else does, or the job is forgotten.
 */
must_check bool job_prepare(struct job *job, unsigned nr_others);

/* Start a job that job_prepare() has accepted. */
void job_start(struct job *job, bool in_foreground);

/* Tell it to end, and let the prompt wait for that. False if it does not run. */
bool job_stop(struct job *job);

bool job_runs(const struct job *job);

/* How many processors it has beside the one that booted: also in end(). */
unsigned job_nr_others(const struct job *job);

/* Poll each job once. */
void jobs_run(u64 now_ms);

/* When jobs_run() has something to do: 0 is at once, JOB_DONE never, unless a processor leaves.
 * Callable with interrupts off. */
u64 jobs_due_ms(void);

/* A job keeps the prompt. */
bool jobs_in_foreground(void);

/* Ctrl-C: tell each job in the foreground to end. */
void jobs_interrupt(void);

/* The jobs, in the order of their start: the first one after `job`, or the first of all (NULL). */
struct job *jobs_next(const struct job *job);

/* The index-th argument as a limit in seconds; JOB_LIMIT_MS where it is left out. False after an
 * error line. */
bool job_parse_limit(const struct command_line *line, unsigned index, u64 *limit_ms);

/* It was told to end. Any processor. */
static inline bool job_is_ending(const struct job *job)
{
    return __atomic_load_n(&job->ending, __ATOMIC_RELAXED) != 0;
}

/* The processor with this number, which is not the one that booted, is the job's. */
static inline bool job_has_processor(const struct job *job, unsigned id)
{
    return (job->processors >> id & 1) != 0;
}

/* No device has work that it could do now or is waiting to retry. */
bool devices_settled(void);

#endif
