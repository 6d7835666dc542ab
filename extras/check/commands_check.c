/* SPDX-License-Identifier: BSD-2-Clause */
/* stats check: every counter recomputed, of mm and of the extras that have some. */
#include "arch/x86_64/arch.h"
#include "include/extra.h"
#include "lib/console.h"
#include "monitor/command_error.h"
#include "monitor/monitor.h"

static bool processors_busy(void)
{
    for (unsigned id = 1; cpus_exists(id); id++) {
        if (cpus_busy(id))
            return true;
    }
    return false;
}

/* Panics if a counter is wrong. */
static void command_stats_check(const struct command_line *line)
{
    (void)line;
    if (processors_busy()) {
        command_error("stats: check: processors are at work");
        return;
    }
    EXTRAS_CALL(check);
    console_printf("stats: check: ok\n");
}

static const struct command commands[] = {
    {"stats check", "", "recompute every counter of mm", 0, 0, command_stats_check},
    {0},
};

EXTRA(check) = {.name = "check", .commands = commands};
