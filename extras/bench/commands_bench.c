/* SPDX-License-Identifier: BSD-2-Clause */
/* bench: load on the allocator from several processors. */
#include "arch/x86_64/arch.h"
#include "extras/bench/bench.h"
#include "extras/bench/checkerboard.h"
#include "extras/bench/churn.h"
#include "extras/jobs/job.h"
#include "include/extra.h"
#include "include/status.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/page.h"
#include "monitor/commands.h"

static void run_pattern(const struct command_line *line, enum bench_pattern pattern)
{
    u64 order;
    u64 nr_pairs;
    u64 nr_cpus = 1;
    if (parse_u64(line->arguments[1], &order) != OK || order > PAGE_ORDER_MAX)
        monitor_usage_error(line, line->arguments[1], "an order from 0 to 9");
    else if (parse_u64(line->arguments[2], &nr_pairs) != OK)
        monitor_usage_error(line, line->arguments[2], "a number of pairs below 2^64");
    else if (line->nr_arguments > 3 && (parse_u64(line->arguments[3], &nr_cpus) != OK ||
                                        nr_cpus == 0 || nr_cpus > cpus_running()))
        monitor_usage_error(line, line->arguments[3], "a number of processors that run");
    else
        bench_start(pattern, (unsigned)order, nr_pairs, (unsigned)nr_cpus);
}

static void command_bench_hot(const struct command_line *line)
{
    run_pattern(line, BENCH_HOT);
}

static void command_bench_bulk(const struct command_line *line)
{
    run_pattern(line, BENCH_BULK);
}

static void command_bench_random(const struct command_line *line)
{
    run_pattern(line, BENCH_RANDOM);
}

static void command_churn(const struct command_line *line)
{
    bool movable = line->nr_arguments > 1 && strcmp(line->arguments[1], "movable") == 0;
    u64 limit_ms;
    if (job_parse_limit(line, movable ? 2 : 1, &limit_ms))
        churn_start(movable, limit_ms);
}

static void command_churn_stop(const struct command_line *line)
{
    (void)line;
    churn_stop();
}

static void command_checkerboard(const struct command_line *line)
{
    u64 limit_ms;
    if (job_parse_limit(line, 1, &limit_ms))
        checkerboard_start(limit_ms);
}

static void command_checkerboard_stop(const struct command_line *line)
{
    (void)line;
    checkerboard_stop();
}

static const struct command commands[] = {
    {"bench hot", "ORDER COUNT [CPUS]", "alloc and free so many times on so many processors", 2, 3,
     command_bench_hot},
    {"bench bulk", "ORDER COUNT [CPUS]", "alloc many, then free them in order", 2, 3,
     command_bench_bulk},
    {"bench random", "ORDER COUNT [CPUS]", "alloc many, then free them in random order", 2, 3,
     command_bench_random},
    {"bench churn", "[movable] [SECONDS]", "all other processors alloc, check and free, for 600 s",
     0, 2, command_churn},
    {"bench churn stop", "", "end it, and say what was found", 0, 0, command_churn_stop},
    {"bench checkerboard", "[SECONDS]", "hold every second pageblock of plugged memory, for 600 s",
     0, 1, command_checkerboard},
    {"bench checkerboard stop", "", "free them", 0, 0, command_checkerboard_stop},
    {0},
};

EXTRA(bench) = {.name = "bench", .commands = commands};
