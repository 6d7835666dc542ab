/* SPDX-License-Identifier: BSD-2-Clause */
/* alloc, free, fill, check and stats: the user's side of the page allocator. */
#include "arch/x86_64/arch.h"
#include "extras/bench/walk_job.h"
#include "extras/vm/vm.h"
#include "extras/workload/workload.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/page.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static bool check_failed;

bool commands_check_failed(void)
{
    return check_failed;
}

void commands_note_check_failed(void)
{
    check_failed = true;
}

static void print_holding(const char *verb, unsigned number)
{
    char size[24];
    u64 bytes;
    u64 nr_runs;
    paddr_t first;
    if (workload_describe(number, &bytes, &nr_runs, &first))
        console_printf("%s: %u: %s in %lu run%s, from 0x%lx\n", verb, number,
                       format_size(bytes, size, sizeof(size)), (unsigned long)nr_runs,
                       nr_runs == 1 ? "" : "s", (unsigned long)first);
}

/* What may follow the size. NULL, or the word that is neither. */
static const char *parse_alloc(const struct command_line *line, u64 *count, u64 *node_id,
                               bool *on_node)
{
    for (unsigned i = 2; i < line->nr_arguments; i++) {
        const char *word = line->arguments[i];
        if (strncmp(word, "node=", 5) == 0) {
            if (parse_u64(word + 5, node_id) != OK || *node_id > ~(u32)0)
                return word;
            *on_node = true;
        } else if (parse_u64(word, count) != OK || *count == 0 || *count > HOLDINGS_MAX) {
            return word;
        }
    }
    return NULL;
}

void command_alloc(const struct command_line *line)
{
    u64 bytes;
    u64 count = 1;
    u64 node_id = 0;
    bool on_node = false;
    if (!monitor_parse_size(line, 1, 1, &bytes))
        return;
    const char *wrong = parse_alloc(line, &count, &node_id, &on_node);
    if (wrong) {
        monitor_usage_error(line, wrong, "a count from 1 to 4096, or node= and a number");
        return;
    }
    u32 node = (u32)node_id;
    for (u64 i = 0; i < count; i++) {
        int number = workload_alloc(bytes, on_node ? &node : NULL);
        if (number == E_RANGE) {
            command_error("alloc: %s: all %u holdings are in use", line->arguments[1],
                          HOLDINGS_MAX);
            return;
        }
        if (number < 0) {
            command_error("alloc: %s: not enough free memory%s", line->arguments[1],
                          on_node ? " of this node" : "");
            return;
        }
        print_holding("alloc", (unsigned)number);
    }
}

static bool is_holding(unsigned number)
{
    u64 bytes;
    u64 nr_runs;
    paddr_t first;
    return workload_describe(number, &bytes, &nr_runs, &first);
}

static const struct command_numbers holdings = {"holding", workload_last, is_holding};

void command_free(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    if (!monitor_parse_numbers(line, &holdings, &first, &last))
        return;
    for (unsigned number = last + 1; number-- > first;) {
        print_holding("free", number);
        if (workload_free(number) != OK)
            continue; /* nobody has this number */
    }
}

static u64 fill_step; /* of this command, in frames */

static int fill_part(unsigned number, bool is_first)
{
    int status = workload_fill(number, fill_step, is_first);
    if (status == OK)
        print_holding("fill", number);
    return status == E_NODEV ? OK : status;
}

void command_fill(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    u64 bytes = PAGE_BYTES;
    if (line->nr_arguments > 2 && !monitor_parse_size(line, 2, PAGE_BYTES, &bytes))
        return;
    if (!monitor_parse_numbers(line, &holdings, &first, &last))
        return;
    fill_step = bytes / PAGE_BYTES;
    walk_job_start("fill", first, last, fill_part);
}

static int check_part(unsigned number, bool is_first)
{
    struct workload_fault fault;
    if (!is_holding(number))
        return OK;
    if (!workload_is_filled(number)) {
        console_printf("check: skipped: %u: not filled yet\n", number);
        return OK;
    }
    int status = workload_check(number, &fault, is_first);
    if (status == E_AGAIN)
        return status;
    if (status == OK) {
        print_holding("check: ok", number);
    } else {
        check_failed = true;
        console_printf("check: error: %u: at 0x%lx found 0x%016lx, expected 0x%016lx\n", number,
                       (unsigned long)fault.paddr, (unsigned long)fault.found,
                       (unsigned long)fault.expected);
    }
    return OK;
}

void command_check(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    if (monitor_parse_numbers(line, &holdings, &first, &last))
        walk_job_start("check", first, last, check_part);
}

static bool processors_busy(void)
{
    for (unsigned id = 1; cpus_exists(id); id++) {
        if (cpus_busy(id))
            return true;
    }
    return false;
}

/* Panics if a counter is wrong. */
void command_stats_check(const struct command_line *line)
{
    (void)line;
    if (processors_busy()) {
        command_error("stats: check: processors are at work");
        return;
    }
    page_check();
    vm_check();
    console_printf("stats: check: ok\n");
}

void command_stats(const struct command_line *line)
{
    struct page_stats stats;
    (void)line;
    page_get_stats(&stats);
    console_printf("stats: boot frames=%lu used=%lu\n", (unsigned long)stats.boot_frames,
                   (unsigned long)stats.boot_used);
    console_printf("stats: plugged frames=%lu used=%lu\n", (unsigned long)stats.plugged_frames,
                   (unsigned long)stats.plugged_used);
    console_printf("stats: metadata bytes=%lu\n", (unsigned long)stats.metadata_bytes);
    console_printf("stats: uptime ms=%lu\n", (unsigned long)platform_now_ms());
}
