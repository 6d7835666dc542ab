/* SPDX-License-Identifier: BSD-2-Clause */
/* jobs and wait: what runs beside the monitor, and a pause until the devices have settled. */
#include "arch/x86_64/arch.h"
#include "extras/jobs/job.h"
#include "include/extra.h"
#include "include/platform.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static const char *state_name(const struct job *job)
{
    static const char *const names[] = {
        [JOB_IDLE] = "idle",
        [JOB_RUNNING] = "running",
        [JOB_ENDING] = "ending",
        [JOB_STUCK] = "stuck",
    };
    return names[job->state];
}

static void command_jobs(const struct command_line *line)
{
    (void)line;
    for (const struct job *job = jobs_next(NULL); job; job = jobs_next(job))
        console_printf("jobs: '%s' state=%s others=%u seconds=%lu limit=%lu, %s ends it\n",
                       job->name, state_name(job), job_nr_others(job),
                       (unsigned long)((platform_now_ms() - job->start_ms) / 1000),
                       (unsigned long)(job->limit_ms / 1000), job->stopped_by);
    if (!jobs_next(NULL))
        console_printf("jobs: none\n");
}

#define LOOK_MS 10

/* ---- wait ---- */

static u64 poll_wait(struct job *job, u64 now_ms)
{
    bool is_over = job_is_ending(job) || (devices_settled() && cpus_settled());
    return is_over ? JOB_DONE : now_ms + LOOK_MS;
}

static void end_wait(struct job *job, enum job_end end)
{
    (void)job;
    (void)end;
}

static struct job wait_job = {
    .name = "wait",
    .stopped_by = "Ctrl-C",
    .poll = poll_wait,
    .end = end_wait,
};

static void command_wait(const struct command_line *line)
{
    u64 limit_ms;
    if (!job_parse_limit(line, 1, &limit_ms) || !job_prepare(&wait_job, 0))
        return;
    wait_job.limit_ms = limit_ms;
    job_start(&wait_job, true);
}

static const struct command commands[] = {
    {"jobs", "", "what runs beside the monitor, and what ends it", 0, 0, command_jobs},
    {"wait", "[SECONDS]", "go on when every device has settled; fail after 600 s", 0, 1,
     command_wait},
    {0},
};

EXTRA(jobs_commands) = {.name = "jobs", .commands = commands};
