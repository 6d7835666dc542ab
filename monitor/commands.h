/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands' functions, by file: what commands.c's table names. The table
 * itself is declared in monitor.h.
 */
#ifndef TIDE_MONITOR_COMMANDS_H
#define TIDE_MONITOR_COMMANDS_H

#include "include/boot_info.h"
#include "monitor/monitor.h"

/* commands_boot.c */
void command_memory(const struct command_line *line);

/* What the loader said; set before the first command. */
void commands_set_boot_info(const struct boot_info *boot);
const struct boot_info *commands_boot_info(void);

/* commands_memory.c */
void command_alloc(const struct command_line *line);
void command_free(const struct command_line *line);
void command_fill(const struct command_line *line);
void command_check(const struct command_line *line);
void command_stats(const struct command_line *line);
void command_stats_check(const struct command_line *line);

/* A `check` of this run found a wrong page: `exit` says so. */
bool commands_check_failed(void);
void commands_note_check_failed(void);

/* commands_devices.c */
void command_devices(const struct command_line *line);
void command_status(const struct command_line *line);
void command_off(const struct command_line *line);
void command_on(const struct command_line *line);
void command_verify(const struct command_line *line);
void command_map(const struct command_line *line);

/* commands_vm.c */
void command_vm_alloc(const struct command_line *line);
void command_vm_fill(const struct command_line *line);
void command_vm_check(const struct command_line *line);
void command_vm_free(const struct command_line *line);
void command_vm_touch(const struct command_line *line);
void command_vm_touch_stop(const struct command_line *line);
void command_vm_list(const struct command_line *line);

/* commands_workload.c */
void command_workload(const struct command_line *line);
void command_workload_stop(const struct command_line *line);
void command_occupancy(const struct command_line *line);

/* commands_bench.c */
void command_cpus(const struct command_line *line);
void command_bench_hot(const struct command_line *line);
void command_bench_bulk(const struct command_line *line);
void command_bench_random(const struct command_line *line);
void command_churn(const struct command_line *line);
void command_churn_stop(const struct command_line *line);

/* commands_jobs.c */
void command_jobs(const struct command_line *line);
void command_wait(const struct command_line *line);

/* commands_suspend.c */
void command_suspend(const struct command_line *line);

/* commands_handover.c */
void command_handover(const struct command_line *line);

/* commands_crash.c */
void command_crash(const struct command_line *line);

#endif
