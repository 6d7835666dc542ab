/* SPDX-License-Identifier: BSD-2-Clause */
/* stats and cpus: figures of the allocator, and the processors. */
#include "arch/x86_64/arch.h"
#include "include/platform.h"
#include "lib/console.h"
#include "mm/page.h"
#include "monitor/commands.h"

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
