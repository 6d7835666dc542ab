/* SPDX-License-Identifier: BSD-2-Clause */
/* alloc, free, fill and check: memory that a user holds. */
#include "extras/jobs/walk_job.h"
#include "extras/sizes/sizes.h"
#include "extras/workload/workload.h"
#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

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

static void command_alloc(const struct command_line *line)
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

static void command_free(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    if (!walk_parse_numbers(line, &holdings, &first, &last))
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

static void command_fill(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    u64 bytes = PAGE_BYTES;
    if (line->nr_arguments > 2 && !monitor_parse_size(line, 2, PAGE_BYTES, &bytes))
        return;
    if (!walk_parse_numbers(line, &holdings, &first, &last))
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
        commands_note_check_failed();
        console_printf("check: error: %u: at 0x%lx found 0x%016lx, expected 0x%016lx\n", number,
                       (unsigned long)fault.paddr, (unsigned long)fault.found,
                       (unsigned long)fault.expected);
    }
    return OK;
}

static void command_check(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    if (walk_parse_numbers(line, &holdings, &first, &last))
        walk_job_start("check", first, last, check_part);
}

static const struct command commands[] = {
    {"alloc", "SIZE [COUNT] [node=N]", "hold memory, from plugged blocks first", 1, 3,
     command_alloc},
    {"free", "[NUMBER|all]", "give back one holding (the last), or all", 0, 1, command_free},
    {"fill", "[NUMBER|all] [STEP]", "write a pattern that names each page, or one page each STEP",
     0, 2, command_fill},
    {"check", "[NUMBER|all]", "verify the pattern; a wrong page makes `exit` fail", 0, 1,
     command_check},
    {0},
};

EXTRA(holdings) = {.name = "workload", .commands = commands};
