/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See job.h. A job is on the list from its start until each of its processors has
 * left its function: only then is end() called, and what the job uses freed.
 */
#include "extras/jobs/job.h"

#include <asm/cpu.h>

#include "arch/x86_64/arch.h"
#include "extras/jobs/cpu_work.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/panic.h"
#include "lib/parse.h"
#include "monitor/command_error.h"

#define LIMIT_SECONDS_MAX 1000000

_Static_assert(CPUS_MAX <= 64, "a job's processors are the bits of a word");

static struct job *first_job;

static void work(void *context)
{
    struct job *job = context;
    job->work(job);
}

/* ---- the start ---- */

static const struct job *user_of(unsigned id)
{
    for (const struct job *job = first_job; job; job = job->next) {
        if (job_has_processor(job, id))
            return job;
    }
    return NULL;
}

static bool is_free(const struct job *job, unsigned id)
{
    const struct job *user = user_of(id);
    if (user)
        command_error("%s: processor %u runs '%s'; %s ends it", job->name, id, user->name,
                      user->stopped_by);
    else if (cpus_busy(id))
        command_error("%s: processor %u is busy", job->name, id);
    else
        return true;
    return false;
}

bool job_prepare(struct job *job, unsigned nr_others)
{
    unsigned nr_there = cpus_running() - 1;
    unsigned nr_wanted = nr_others == JOB_ALL_OTHERS ? nr_there : nr_others;
    if (job->state != JOB_IDLE) {
        command_error("%s: it runs already; %s ends it", job->name, job->stopped_by);
        return false;
    }
    if (nr_there == 0 && nr_others > 0) {
        command_error("%s: there is no other processor", job->name);
        return false;
    }
    if (nr_wanted > nr_there) {
        command_error("%s: %u other processors run, %u are needed", job->name, nr_there, nr_wanted);
        return false;
    }
    u64 processors = 0;
    for (unsigned id = 1, left = nr_wanted; left > 0 && cpus_exists(id); id++) {
        if (!cpus_runs(id))
            continue;
        if (!is_free(job, id))
            return false;
        processors |= (u64)1 << id;
        left--;
    }
    job->processors = processors;
    return true;
}

static void append(struct job *job)
{
    struct job **last = &first_job;
    while (*last)
        last = &(*last)->next;
    *last = job;
    job->next = NULL;
}

void job_start(struct job *job, bool in_foreground)
{
    ASSERT(job->state == JOB_IDLE);
    append(job);
    job->state = JOB_RUNNING;
    job->why = JOB_COMPLETE;
    job->in_foreground = in_foreground;
    job->answer = console_answer_tag();
    job->ending = 0;
    job->start_ms = platform_now_ms();
    job->next_ms = job->poll ? 0 : JOB_DONE;
    for (unsigned id = 1; id < CPUS_MAX; id++) {
        if (!job_has_processor(job, id))
            continue;
        int status = cpus_start_job(id, work, job);
        if (status != OK)
            panic("job %s: processor %u was free and cannot start (%s)", job->name, id,
                  status_name(status));
    }
}

/* ---- the end ---- */

/* One of its processors that has not left its function, or 0. */
static unsigned busy_processor(const struct job *job)
{
    for (unsigned id = 1; id < CPUS_MAX; id++) {
        if (job_has_processor(job, id) && cpus_busy(id))
            return id;
    }
    return 0;
}

static void tell_to_end(struct job *job, enum job_end why, u64 now_ms)
{
    if (job->state == JOB_RUNNING)
        job->why = why;
    job->state = JOB_ENDING;
    job->stop_ms = now_ms;
    if (job->next_ms != JOB_DONE)
        job->next_ms = 0;
    __atomic_store_n(&job->ending, 1, __ATOMIC_RELAXED);
}

bool job_stop(struct job *job)
{
    if (job->state == JOB_IDLE)
        return false;
    job->in_foreground = true;
    job->answer = console_answer_tag();
    tell_to_end(job, JOB_STOPPED, platform_now_ms());
    return true;
}

void jobs_interrupt(void)
{
    for (struct job *job = first_job; job; job = job->next) {
        if (job->in_foreground && job->state == JOB_RUNNING)
            tell_to_end(job, JOB_INTERRUPTED, platform_now_ms());
    }
}

static void leave_list(const struct job *job)
{
    struct job **link = &first_job;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
}

static void say_why(const struct job *job)
{
    unsigned long seconds = (unsigned long)(job->limit_ms / 1000);
    if (job->why == JOB_INTERRUPTED && !job->has_no_end)
        command_error("%s: stopped by Ctrl-C", job->name);
    else if (job->why == JOB_OVER_LIMIT && job->in_foreground)
        command_error("%s: stopped at its limit of %lu s", job->name, seconds);
    else if (job->why == JOB_OVER_LIMIT)
        console_printf("%s: stopped at its limit of %lu s\n", job->name, seconds);
}

static void finish(struct job *job)
{
    leave_list(job);
    job->state = JOB_IDLE;
    console_fresh_line();
    say_why(job);
    job->end(job, job->why);
}

/* The prompt comes back; what the processor may still use stays allocated. */
static void give_up(struct job *job, unsigned id)
{
    job->state = JOB_STUCK;
    job->in_foreground = false;
    command_error("%s: processor %u does not stop; what it uses stays allocated", job->name, id);
}

/* ---- the turns ---- */

static void take_turn(struct job *job, u64 now_ms)
{
    if (job->state == JOB_RUNNING && job->limit_ms != 0 && now_ms - job->start_ms >= job->limit_ms)
        tell_to_end(job, JOB_OVER_LIMIT, now_ms);
    if (job->next_ms != JOB_DONE && now_ms >= job->next_ms)
        job->next_ms = job->poll(job, now_ms);
    if (job->next_ms != JOB_DONE)
        return;
    unsigned id = busy_processor(job);
    if (id == 0) {
        finish(job);
        return;
    }
    if (job->state == JOB_ENDING && now_ms - job->stop_ms >= JOB_STOP_MS)
        give_up(job, id);
}

void jobs_run(u64 now_ms)
{
    struct job *next;
    for (struct job *job = first_job; job; job = next) {
        next = job->next;
        console_answer(job->in_foreground ? job->answer : NULL);
        take_turn(job, now_ms);
        console_answer(NULL);
    }
}

/* A processor that leaves its function wakes this one. */
static u64 due_ms_of(const struct job *job)
{
    if (job->next_ms == JOB_DONE && busy_processor(job) == 0)
        return 0;
    u64 due_ms = job->next_ms;
    if (job->state == JOB_RUNNING && job->limit_ms != 0)
        due_ms = min_u64(due_ms, job->start_ms + job->limit_ms);
    if (job->state == JOB_ENDING)
        due_ms = min_u64(due_ms, job->stop_ms + JOB_STOP_MS);
    return due_ms;
}

u64 jobs_due_ms(void)
{
    u64 due_ms = JOB_DONE;
    for (const struct job *job = first_job; job; job = job->next)
        due_ms = min_u64(due_ms, due_ms_of(job));
    return due_ms;
}

bool job_runs(const struct job *job)
{
    return job->state != JOB_IDLE;
}

unsigned job_nr_others(const struct job *job)
{
    unsigned nr_others = 0;
    for (unsigned id = 1; id < CPUS_MAX; id++)
        nr_others += job_has_processor(job, id);
    return nr_others;
}

bool jobs_in_foreground(void)
{
    for (const struct job *job = first_job; job; job = job->next) {
        if (job->in_foreground)
            return true;
    }
    return false;
}

struct job *jobs_next(const struct job *job)
{
    return job ? job->next : first_job;
}

bool job_parse_limit(const struct command_line *line, unsigned index, u64 *limit_ms)
{
    u64 seconds;
    if (index >= line->nr_arguments) {
        *limit_ms = JOB_LIMIT_MS;
        return true;
    }
    if (parse_u64(line->arguments[index], &seconds) != OK || seconds == 0 ||
        seconds > LIMIT_SECONDS_MAX) {
        monitor_usage_error(line, line->arguments[index], "a limit from 1 to 1000000 seconds");
        return false;
    }
    *limit_ms = seconds * 1000;
    return true;
}

bool devices_settled(void)
{
    const struct vmem_device *vmem;
    struct vmem_status status;
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        vmem_get_status(vmem, &status);
        if (!status.is_settled && status.state != VMEM_STATE_BROKEN)
            return false;
    }
    return devices_due_ms() > platform_now_ms();
}

static void poll(void)
{
    if (first_job)
        jobs_run(platform_now_ms());
}

EXTRA(jobs) = {
    .name = "jobs",
    .poll = poll,
    .due_ms = jobs_due_ms,
    .keeps_prompt = jobs_in_foreground,
    .interrupt = jobs_interrupt,
};
