/* SPDX-License-Identifier: BSD-2-Clause */
/* alloc, free, fill, check and stats: the user's side of the page allocator. */
#include "arch/x86_64/arch.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/commands.h"
#include "kernel/workload.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/vm.h"

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
    if (line->nr_arguments < 2 || parse_size(line->arguments[1], &bytes) != OK || bytes == 0) {
        monitor_usage_error(line, line->nr_arguments < 2 ? "" : line->arguments[1],
                            "a size above 0: 4096, 512K, 2M, 1G");
        return;
    }
    const char *wrong = parse_alloc(line, &count, &node_id, &on_node);
    if (wrong) {
        monitor_usage_error(line, wrong, "a count from 1 to 4096, or node= and a number");
        return;
    }
    u32 node = (u32)node_id;
    for (u64 i = 0; i < count; i++) {
        int number = workload_alloc(bytes, on_node ? &node : NULL);
        if (number < 0) {
            console_printf("error: alloc: %s: not enough free memory%s, or too many holdings\n",
                           line->arguments[1], on_node ? " of this node" : "");
            return;
        }
        print_holding("alloc", (unsigned)number);
    }
}

/* What a holding's command does with one of them: prints its result. */
typedef void (*holding_action)(unsigned number);

/* Apply to the holding that the argument names, to all, or to the last. */
static void for_holdings(const struct command_line *line, holding_action act)
{
    u64 bytes;
    u64 nr_runs;
    paddr_t first;
    u64 number = (u64)workload_last();
    bool named = line->nr_arguments > 1;
    bool all = named && strcmp(line->arguments[1], "all") == 0;
    if (named && !all && parse_u64(line->arguments[1], &number) != OK) {
        monitor_usage_error(line, line->arguments[1], "a holding's number, or 'all'");
        return;
    }
    if (all) {
        for (int i = workload_last(); i >= 0; i--) {
            if (workload_describe((unsigned)i, &bytes, &nr_runs, &first))
                act((unsigned)i);
        }
    } else if (number < HOLDINGS_MAX &&
               workload_describe((unsigned)number, &bytes, &nr_runs, &first)) {
        act((unsigned)number);
    } else {
        console_printf("error: %s: no such holding\n", line->arguments[0]);
    }
}

static void free_one(unsigned number)
{
    print_holding("free", number);
    if (workload_free(number) != OK)
        console_printf("error: free: %u: no such holding\n", number);
}

static u64 fill_step; /* of this command, in frames */

static void fill_one(unsigned number)
{
    if (workload_fill(number, fill_step) == OK)
        print_holding("fill", number);
}

static void check_one(unsigned number)
{
    struct workload_fault fault;
    switch (workload_check(number, &fault)) {
    case OK:
        print_holding("check: ok", number);
        break;
    case E_AGAIN:
        console_printf("check: skipped: %u: not filled yet\n", number);
        break;
    default:
        check_failed = true;
        console_printf("check: error: %u: at 0x%lx found 0x%016lx, expected 0x%016lx\n", number,
                       (unsigned long)fault.paddr, (unsigned long)fault.found,
                       (unsigned long)fault.expected);
        break;
    }
}

void command_free(const struct command_line *line)
{
    for_holdings(line, free_one);
}

void command_fill(const struct command_line *line)
{
    u64 bytes = PAGE_BYTES;
    if (line->nr_arguments > 2 &&
        (parse_size(line->arguments[2], &bytes) != OK || bytes < PAGE_BYTES)) {
        monitor_usage_error(line, line->arguments[2], "a step of 4096 bytes or more");
        return;
    }
    fill_step = bytes / PAGE_BYTES;
    for_holdings(line, fill_one);
}

void command_check(const struct command_line *line)
{
    for_holdings(line, check_one);
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
static void check_allocator(void)
{
    if (processors_busy()) {
        console_printf("error: stats: check: processors are at work\n");
        return;
    }
    page_check();
    vm_check();
    console_printf("stats: check: ok\n");
}

void command_stats(const struct command_line *line)
{
    struct page_stats stats;
    if (line->nr_arguments > 1) {
        if (strcmp(line->arguments[1], "check") == 0)
            check_allocator();
        else
            monitor_usage_error(line, line->arguments[1], "nothing, or 'check'");
        return;
    }
    page_get_stats(&stats);
    console_printf("stats: boot frames=%lu used=%lu\n", (unsigned long)stats.boot_frames,
                   (unsigned long)stats.boot_used);
    console_printf("stats: plugged frames=%lu used=%lu\n", (unsigned long)stats.plugged_frames,
                   (unsigned long)stats.plugged_used);
    console_printf("stats: metadata bytes=%lu\n", (unsigned long)stats.metadata_bytes);
    console_printf("stats: uptime ms=%lu\n", (unsigned long)platform_now_ms());
}
