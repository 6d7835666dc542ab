/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch map: a job that keeps a picture of the regions at the top of a terminal, and draws it again
 * when it has changed. What the kernel prints meanwhile scrolls below.
 */
#include "extras/jobs/job.h"
#include "extras/watch/picture.h"
#include "include/extra.h"
#include "lib/console.h"
#include "lib/string.h"
#include "monitor/monitor.h"

#define LOOK_MS 200

/* VT100: the rows below the picture scroll, and the cursor comes back to where it was. */
#define SCROLL_BELOW "\x1b[2J\x1b[%u;r\x1b[%u;1H"
#define SCROLL_ALL   "\x1b[s\x1b[r\x1b[u"
#define TO_THE_TOP   "\x1b[s\x1b[H"
#define BACK         "\x1b[u"

static u64 limit_ms;
static struct picture next;  /* being built */
static struct picture shown; /* on the terminal */

static void show(void)
{
    if (next.length == shown.length && memcmp(next.text, shown.text, next.length) == 0)
        return;
    if (next.nr_lines != shown.nr_lines)
        console_printf(SCROLL_BELOW, next.nr_lines + 2, next.nr_lines + 2);
    shown = next;
    console_write(TO_THE_TOP, strlen(TO_THE_TOP));
    console_write(shown.text, shown.length);
    console_write(BACK, strlen(BACK));
}

static u64 poll_watch(struct job *job, u64 now_ms)
{
    if (job_is_ending(job) || now_ms - job->start_ms >= limit_ms)
        return JOB_DONE;
    if (picture_step(&next))
        return 0;
    show();
    picture_begin(&next);
    return now_ms + LOOK_MS;
}

static void end_watch(struct job *job, enum job_end end)
{
    (void)job;
    (void)end;
    console_write(SCROLL_ALL, strlen(SCROLL_ALL));
    console_fresh_line();
}

static struct job watch_job = {
    .name = "watch map",
    .stopped_by = "Ctrl-C",
    .poll = poll_watch,
    .end = end_watch,
    .has_no_end = true,
};

static void command_watch(const struct command_line *line)
{
    if (!job_parse_limit(line, 1, &limit_ms) || !job_prepare(&watch_job, 0))
        return;
    picture_begin(&next);
    picture_begin(&shown);
    job_start(&watch_job, true);
}

static const struct command commands[] = {
    {"watch map", "[SECONDS]", "draw all regions again as they change, and who uses what", 0, 1,
     command_watch},
    {0},
};

EXTRA(watch) = {.name = "watch", .commands = commands};
