/* SPDX-License-Identifier: BSD-2-Clause */
/* cpus and bench: the processors, and load on the allocator from several of them. */
#include "arch/x86_64/arch.h"
#include "include/status.h"
#include "kernel/bench.h"
#include "kernel/commands.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/page.h"

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

static void report(const char *what, unsigned order, unsigned nr_cpus, int status,
                   const struct bench_result *result)
{
    if (status == OK)
        console_printf("bench: %s order=%u cpus=%u pairs=%lu failed=%lu wrong=%lu moved=%lu\n",
                       what, order, nr_cpus, (unsigned long)result->nr_pairs,
                       (unsigned long)result->nr_failed, (unsigned long)result->nr_wrong,
                       (unsigned long)result->nr_moved);
    else
        console_printf("error: bench: %s on %u of %u processors: %s\n", what, nr_cpus,
                       cpus_running(), status_name(status));
    devices_memory_freed();
}

static void run_pattern(const struct command_line *line, const char *name,
                        enum bench_pattern pattern)
{
    struct bench_result result;
    u64 order;
    u64 nr_pairs;
    u64 nr_cpus = 1;
    if (line->nr_arguments < 4 || parse_u64(line->arguments[2], &order) != OK ||
        order > PAGE_ORDER_MAX || parse_u64(line->arguments[3], &nr_pairs) != OK) {
        monitor_usage_error(line, name, "an order from 0 to 9 and a count after it");
        return;
    }
    if (line->nr_arguments > 4 && (parse_u64(line->arguments[4], &nr_cpus) != OK || nr_cpus == 0 ||
                                   nr_cpus > cpus_running())) {
        monitor_usage_error(line, line->arguments[4], "a number of processors that run");
        return;
    }
    int status = bench_run(pattern, (unsigned)order, nr_pairs, (unsigned)nr_cpus, &result);
    report(name, (unsigned)order, (unsigned)nr_cpus, status, &result);
}

static void churn(const struct command_line *line)
{
    struct bench_result result = {0};
    const char *verb = line->nr_arguments > 2 ? line->arguments[2] : "";
    bool stop = strcmp(verb, "stop") == 0;
    bool movable = strcmp(verb, "movable") == 0;
    if (verb[0] != 0 && !stop && !movable) {
        monitor_usage_error(line, verb, "movable or stop");
        return;
    }
    int status = stop ? bench_churn_stop(&result) : bench_churn_start(movable);
    if (result.nr_wrong != 0)
        commands_note_check_failed();
    report(stop ? "churned" : "churns", 0, cpus_running(), status, &result);
}

void command_bench(const struct command_line *line)
{
    static const struct {
        const char *name;
        enum bench_pattern pattern;
    } patterns[] = {{"hot", BENCH_HOT}, {"bulk", BENCH_BULK}, {"random", BENCH_RANDOM}};
    const char *name = line->nr_arguments > 1 ? line->arguments[1] : "";
    if (strcmp(name, "churn") == 0) {
        churn(line);
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(patterns); i++) {
        if (strcmp(name, patterns[i].name) == 0) {
            run_pattern(line, name, patterns[i].pattern);
            return;
        }
    }
    monitor_usage_error(line, name, "hot, bulk, random or churn");
}
