/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workload and occupancy: load on the allocator that repeats exactly, and the
 * lines that a program reads. Their formats are stable: docs/experiments.md.
 */
#include "extras/sizes/sizes.h"
#include "extras/workload/workload_job.h"
#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

static void print_report(void)
{
    static const char *const states[] = {
        [WORKLOAD_IDLE] = "idle",
        [WORKLOAD_RUNNING] = "running",
        [WORKLOAD_ENDED] = "done",
        [WORKLOAD_FAILED] = "failed",
    };
    struct workload_report report;
    workload_job_report(&report);
    console_printf("workload: state=%s tick=%lu held=%lu target=%lu allocs=%lu frees=%lu"
                   " denied=%lu checked=%lu movable=%lu moved=%lu refused=%lu\n",
                   states[report.state], (unsigned long)report.tick,
                   (unsigned long)report.held_bytes, (unsigned long)report.target_bytes,
                   (unsigned long)report.nr_allocs, (unsigned long)report.nr_frees,
                   (unsigned long)report.nr_denied, (unsigned long)report.nr_pages_checked,
                   (unsigned long)report.movable_bytes, (unsigned long)report.nr_moves,
                   (unsigned long)report.nr_refusals);
}

static void command_workload(const struct command_line *line)
{
    struct workload_spec spec;
    struct workload_mistake mistake;
    if (line->nr_arguments == 1) {
        print_report();
        return;
    }
    if (workload_spec_parse(line->nr_arguments - 1, line->arguments + 1, &spec, &mistake) != OK) {
        monitor_usage_error(line, mistake.word, mistake.expected);
        return;
    }
    int status = workload_job_start(&spec);
    if (status != OK)
        command_error("workload: %s", status == E_BUSY
                                          ? "one is there already: 'workload stop' first"
                                          : "not enough memory for its table of chunks");
    else
        print_report();
}

static void command_workload_hold(const struct command_line *line)
{
    u64 bytes;
    if (!monitor_parse_size(line, 1, 0, &bytes))
        return;
    if (workload_job_want(bytes) != OK)
        command_error("workload hold: '%s': expected at most the size of a steady load that runs",
                      line->arguments[1]);
    else
        print_report();
}

static void command_workload_stop(const struct command_line *line)
{
    (void)line;
    workload_job_stop(print_report);
}

/* One letter a block: unplugged, empty, A to H for a used eighth more each, full. */
static char block_letter(const struct vmem_device *vmem, const struct vmem_config *config,
                         u64 block)
{
    u64 frames = config->block_bytes / PAGE_BYTES;
    if (!vmem_block_is_plugged(vmem, block))
        return 'u';
    u64 used =
        hotplug_used_frames(config->region_base + block * config->block_bytes, config->block_bytes);
    if (used == 0)
        return 'e';
    if (used == frames)
        return 'f';
    return (char)('A' + used * 8 / frames);
}

static void print_run(u64 length, char letter)
{
    char text[24];
    size_t bytes = snprintf(text, sizeof(text), "%lu%c", (unsigned long)length, letter);
    console_write(text, bytes);
}

static void print_occupancy(const struct vmem_device *vmem)
{
    struct vmem_status status;
    vmem_get_status(vmem, &status);
    const struct vmem_config *config = &status.config;
    console_printf("occupancy: %s base=0x%lx block=%lu blocks=%lu requested=%lu plugged=%lu"
                   " usable=%lu used=%lu runs=",
                   status.name, (unsigned long)config->region_base,
                   (unsigned long)config->block_bytes, (unsigned long)status.nr_blocks,
                   (unsigned long)config->requested_bytes,
                   (unsigned long)(status.plugged_blocks * config->block_bytes),
                   (unsigned long)config->usable_bytes,
                   (unsigned long)(hotplug_used_frames(config->region_base, config->region_bytes) *
                                   PAGE_BYTES));
    u64 length = 0;
    char letter = 0;
    for (u64 block = 0; block < status.nr_blocks; block++) {
        char next = block_letter(vmem, config, block);
        if (length > 0 && next != letter) {
            print_run(length, letter);
            length = 0;
        }
        letter = next;
        length++;
    }
    print_run(length, letter);
    console_printf("\n");
}

static void command_occupancy(const struct command_line *line)
{
    const struct vmem_device *vmem;
    bool all = line->nr_arguments < 2;
    if (!all && !devices_find(line->arguments[1])) {
        monitor_usage_error(line, line->arguments[1], "a device such as vmem0");
        return;
    }
    for (unsigned i = 0; (vmem = devices_at(i)) != NULL; i++) {
        if (all || vmem == devices_find(line->arguments[1]))
            print_occupancy(vmem);
    }
    struct page_stats stats;
    page_get_stats(&stats);
    console_printf("occupancy: total boot=%lu boot_used=%lu plugged=%lu plugged_used=%lu\n",
                   (unsigned long)(stats.boot_frames * PAGE_BYTES),
                   (unsigned long)(stats.boot_used * PAGE_BYTES),
                   (unsigned long)(stats.plugged_frames * PAGE_BYTES),
                   (unsigned long)(stats.plugged_used * PAGE_BYTES));
    print_report();
}

#define ANY (COMMAND_ARGUMENTS_MAX - 1)

static const struct command commands[] = {
    {"workload", "[KIND [KEY=VALUE]...]", "steady load by seed; without arguments, how it stands",
     0, ANY, command_workload},
    {"workload hold", "SIZE", "a steady load holds that much from now on", 1, 1,
     command_workload_hold},
    {"workload stop", "", "end it, and give back what it holds", 0, 0, command_workload_stop},
    {"occupancy", "[DEVICE]", "each block's use, for programs", 0, 1, command_occupancy},
    {0},
};

EXTRA(workload) = {.name = "workload", .commands = commands};
