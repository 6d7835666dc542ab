/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside arch/x86_64: the contents of the pages of include/low_memory.h. */
#ifndef TIDE_ARCH_LOW_MEMORY_H
#define TIDE_ARCH_LOW_MEMORY_H

#include "include/types.h"

/* The kernel's own low pages are RAM: other processors, suspend and handover can be used. */
bool low_memory_is_ram(void);

/* Let processors that start at LOW_START_PAGE enter this kernel. */
void low_memory_open(void);

/*
 * The opposite, before firmware or another kernel takes the machine: a processor that starts at
 * LOW_START_PAGE or LOW_FIRMWARE_START_PAGE, however late, halts and changes nothing.
 */
void low_memory_close(void);

/* ---- cpu_start.S ---- */

extern const u8 cpu_start_code[];
extern const u8 cpu_start_code_end[];
extern const u8 cpu_halt_code[];
extern const u8 cpu_halt_code_end[];

#endif
