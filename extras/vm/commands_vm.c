/* SPDX-License-Identifier: BSD-2-Clause */
/* vm: virtual areas, for watching memory move under a fixed address. */
#include "arch/x86_64/arch.h"
#include "extras/jobs/job.h"
#include "extras/jobs/walk_job.h"
#include "extras/sizes/sizes.h"
#include "extras/vm/vm.h"
#include "extras/vm/vm_areas.h"
#include "extras/vm/vm_paging.h"
#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static void print_error(const char *verb, int status)
{
    command_error("vm %s: %s", verb,
                  status == E_BUSY    ? "processors touch areas: 'vm touch stop' first"
                  : status == E_NODEV ? "no such area"
                  : status == E_RANGE ? "all 256 areas are in use"
                                      : "not enough free memory");
}

static bool find_area(unsigned number, struct vm_area_info *info)
{
    bool filled;
    u8 *base = vm_areas_base(number, &filled);
    return base && vm_next(base - 1, info);
}

static void print_area(const char *verb, unsigned number, const struct vm_area_info *info)
{
    char size[24];
    bool filled;
    (void)vm_areas_base(number, &filled);
    console_printf("vm: %s%u: %s at 0x%lx, %lu pages of 2M, %lu of 4K%s\n", verb, number,
                   format_size(info->bytes, size, sizeof(size)),
                   (unsigned long)(uintptr_t)info->base, (unsigned long)info->nr_large,
                   (unsigned long)info->nr_small, filled ? ", filled" : "");
}

static void command_vm_alloc(const struct command_line *line)
{
    struct vm_area_info info;
    u64 bytes;
    u64 count = 1;
    if (!monitor_parse_size(line, 1, 1, &bytes))
        return;
    if (line->nr_arguments > 2 &&
        (parse_u64(line->arguments[2], &count) != OK || count == 0 || count > VM_AREAS_MAX)) {
        monitor_usage_error(line, line->arguments[2], "a count from 1 to 256");
        return;
    }
    for (u64 i = 0; i < count; i++) {
        int number = vm_areas_alloc(bytes);
        if (number < 0) {
            print_error("alloc", number);
            return;
        }
        if (find_area((unsigned)number, &info))
            print_area("", (unsigned)number, &info);
    }
}

static bool is_area(unsigned number)
{
    struct vm_area_info info;
    return find_area(number, &info);
}

static const struct command_numbers areas = {"area", vm_areas_last, is_area};

static int fill_part(unsigned number, bool is_first)
{
    struct vm_area_info info;
    if (!find_area(number, &info))
        return OK;
    int status = vm_areas_fill(number, is_first);
    if (status == OK)
        print_area("fill: ", number, &info);
    else if (status != E_AGAIN)
        print_error("fill", status);
    return status;
}

static void command_vm_fill(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    if (walk_parse_numbers(line, &areas, &first, &last))
        walk_job_start("vm fill", first, last, fill_part);
}

static int check_part(unsigned number, bool is_first)
{
    struct vm_area_info info;
    struct vm_fault fault;
    bool filled;
    if (!find_area(number, &info))
        return OK;
    (void)vm_areas_base(number, &filled);
    if (!filled) {
        console_printf("vm: check: skipped: %u: not filled yet\n", number);
        return OK;
    }
    int status = vm_areas_check(number, &fault, is_first);
    if (status == E_AGAIN)
        return status;
    if (status == OK) {
        print_area("check: ok: ", number, &info);
    } else {
        commands_note_check_failed();
        console_printf("vm: check: error: %u: at 0x%lx found 0x%016lx, expected 0x%016lx\n", number,
                       (unsigned long)fault.address, (unsigned long)fault.found,
                       (unsigned long)fault.expected);
    }
    return OK;
}

static void command_vm_check(const struct command_line *line)
{
    unsigned first;
    unsigned last;
    if (walk_parse_numbers(line, &areas, &first, &last))
        walk_job_start("vm check", first, last, check_part);
}

static void command_vm_free(const struct command_line *line)
{
    struct vm_area_info info;
    unsigned first;
    unsigned last;
    int status = OK;
    if (!walk_parse_numbers(line, &areas, &first, &last))
        return;
    for (unsigned number = last + 1; status == OK && number-- > first;) {
        if (!find_area(number, &info))
            continue;
        status = vm_areas_free(number);
        if (status == OK)
            print_area("free: ", number, &info);
    }
    if (status != OK)
        print_error("free", status);
}

static void command_vm_list(const struct command_line *line)
{
    (void)line;
    struct vm_area_info info;
    struct vm_stats stats;
    for (int i = 0; i <= vm_areas_last(); i++) {
        if (find_area((unsigned)i, &info))
            print_area("", (unsigned)i, &info);
    }
    vm_get_stats(&stats);
    console_printf("vm: areas=%lu bytes=%lu metadata=%lu moves=%lu waits=%lu\n",
                   (unsigned long)stats.nr_areas, (unsigned long)stats.bytes,
                   (unsigned long)stats.metadata_bytes, (unsigned long)stats.nr_moves,
                   (unsigned long)paging_nr_waits());
}

static void command_vm_touch(const struct command_line *line)
{
    u64 limit_ms;
    if (job_parse_limit(line, 1, &limit_ms))
        vm_areas_touch_start(limit_ms);
}

static void command_vm_touch_stop(const struct command_line *line)
{
    (void)line;
    vm_areas_touch_stop();
}

static const struct command commands[] = {
    {"vm", "", "virtual areas, whose frames may move: `vm list`", 0, 0, command_vm_list},
    {"vm alloc", "SIZE [COUNT]", "make areas, one for each COUNT", 1, 2, command_vm_alloc},
    {"vm fill", "[NUMBER|all]", "write a pattern into one (the last), or all", 0, 1,
     command_vm_fill},
    {"vm check", "[NUMBER|all]", "verify it", 0, 1, command_vm_check},
    {"vm free", "[NUMBER|all]", "give back one (the last), or all", 0, 1, command_vm_free},
    {"vm touch", "[SECONDS]", "all other processors read and write filled areas, for 600 s", 0, 1,
     command_vm_touch},
    {"vm touch stop", "", "end it, and say what was found", 0, 0, command_vm_touch_stop},
    {"vm list", "", "the areas, and what they cost", 0, 0, command_vm_list},
    {0},
};

EXTRA(vm_commands) = {.name = "vm", .commands = commands};
