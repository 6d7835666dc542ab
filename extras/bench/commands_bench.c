/* SPDX-License-Identifier: BSD-2-Clause */
/* cpus and bench: the processors, and load on the allocator from several of them. */
#include "arch/x86_64/arch.h"
#include "extras/bench/bench.h"
#include "extras/bench/churn.h"
#include "include/status.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/page.h"
#include "monitor/commands.h"

void command_cpus(const struct command_line *line)
{
    (void)line;
    console_printf("cpus: running=%u\n", cpus_running());
    for (unsigned id = 1; cpus_exists(id); id++)
        console_printf("cpus: %u %s\n", id,
                       !cpus_runs(id)  ? "did not start"
                       : cpus_busy(id) ? "busy"
                                       : "idle");
}

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

void command_bench_hot(const struct command_line *line)
{
    run_pattern(line, BENCH_HOT);
}

void command_bench_bulk(const struct command_line *line)
{
    run_pattern(line, BENCH_BULK);
}

void command_bench_random(const struct command_line *line)
{
    run_pattern(line, BENCH_RANDOM);
}

void command_churn(const struct command_line *line)
{
    bool movable = line->nr_arguments > 1 && strcmp(line->arguments[1], "movable") == 0;
    u64 limit_ms;
    if (monitor_parse_limit(line, movable ? 2 : 1, &limit_ms))
        churn_start(movable, limit_ms);
}

void command_churn_stop(const struct command_line *line)
{
    (void)line;
    churn_stop();
}
