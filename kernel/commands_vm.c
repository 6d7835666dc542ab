/* SPDX-License-Identifier: BSD-2-Clause */
/* vm: virtual areas, for watching memory move under a fixed address. */
#include "arch/x86_64/arch.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/commands.h"
#include "kernel/vm_areas.h"
#include "lib/console.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/vm.h"

static void print_error(const char *verb, int status)
{
    console_printf("error: vm %s: %s\n", verb,
                   status == E_BUSY    ? "processors are at work: 'vm touch stop' first"
                   : status == E_NODEV ? "no such area"
                                       : "not enough free memory, or too many areas");
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

/* ---- what is done with one area ---- */

static int check(unsigned number, const struct vm_area_info *info)
{
    struct vm_fault fault;
    int status = vm_areas_check(number, &fault);
    if (status == OK) {
        print_area("check: ok: ", number, info);
    } else if (status == E_AGAIN) {
        console_printf("vm: check: skipped: %u: not filled yet\n", number);
    } else if (status == E_INVAL) {
        commands_note_check_failed();
        console_printf("vm: check: error: %u: at 0x%lx found 0x%016lx, expected 0x%016lx\n", number,
                       (unsigned long)fault.address, (unsigned long)fault.found,
                       (unsigned long)fault.expected);
    }
    return OK;
}

static int fill(unsigned number, const struct vm_area_info *info)
{
    int status = vm_areas_fill(number);
    if (status == OK)
        print_area("fill: ", number, info);
    return status;
}

static int give_back(unsigned number, const struct vm_area_info *info)
{
    int status = vm_areas_free(number);
    if (status == OK)
        print_area("free: ", number, info);
    return status;
}

/* Prints the result. */
typedef int (*area_action)(unsigned number, const struct vm_area_info *info);

/* ---- the verbs ---- */

static void alloc(const struct command_line *line)
{
    struct vm_area_info info;
    u64 bytes;
    u64 count = 1;
    const char *size = line->nr_arguments > 2 ? line->arguments[2] : "";
    if (parse_size(size, &bytes) != OK || bytes == 0) {
        monitor_usage_error(line, size, "a size above 0: 4096, 512K, 2M, 1G");
        return;
    }
    if (line->nr_arguments > 3 &&
        (parse_u64(line->arguments[3], &count) != OK || count == 0 || count > VM_AREAS_MAX)) {
        monitor_usage_error(line, line->arguments[3], "a count from 1 to 256");
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

/* Apply to the area that the argument names, to all, or to the last. */
static void for_areas(const struct command_line *line, area_action act)
{
    struct vm_area_info info;
    bool named = line->nr_arguments > 2;
    bool all = named && strcmp(line->arguments[2], "all") == 0;
    u64 number = (u64)vm_areas_last();
    if (named && !all && (parse_u64(line->arguments[2], &number) != OK || number >= VM_AREAS_MAX)) {
        monitor_usage_error(line, line->arguments[2], "an area's number, or 'all'");
        return;
    }
    int status = all || find_area((unsigned)number, &info) ? OK : E_NODEV;
    if (!all && status == OK)
        status = act((unsigned)number, &info);
    for (int i = all ? vm_areas_last() : -1; i >= 0 && status == OK; i--) {
        if (find_area((unsigned)i, &info))
            status = act((unsigned)i, &info);
    }
    if (status != OK)
        print_error(line->arguments[1], status);
}

static void list(void)
{
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

static void touch(const struct command_line *line)
{
    struct vm_touch result;
    bool stop = line->nr_arguments > 2 && strcmp(line->arguments[2], "stop") == 0;
    int status = stop ? vm_areas_touch_stop(&result) : vm_areas_touch_start();
    if (status == E_NODEV) {
        console_printf("error: vm touch: %s\n",
                       stop ? "no processor touches areas" : "there is no other processor");
    } else if (status != OK) {
        print_error("touch", status);
    } else if (stop) {
        console_printf("vm: touched cpus=%u rounds=%lu pages=%lu wrong=%lu\n", result.nr_cpus,
                       (unsigned long)result.nr_rounds, (unsigned long)result.nr_pages,
                       (unsigned long)result.nr_wrong);
        if (result.nr_wrong != 0)
            commands_note_check_failed();
    } else {
        console_printf("vm: touch: %u processors\n", cpus_running() - 1);
    }
}

void command_vm(const struct command_line *line)
{
    const char *verb = line->nr_arguments > 1 ? line->arguments[1] : "list";
    if (strcmp(verb, "alloc") == 0)
        alloc(line);
    else if (strcmp(verb, "free") == 0)
        for_areas(line, give_back);
    else if (strcmp(verb, "fill") == 0)
        for_areas(line, fill);
    else if (strcmp(verb, "check") == 0)
        for_areas(line, check);
    else if (strcmp(verb, "touch") == 0)
        touch(line);
    else if (strcmp(verb, "list") == 0)
        list();
    else
        monitor_usage_error(line, verb, "alloc, fill, check, free, touch or list");
}
