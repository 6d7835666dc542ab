/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks. The page below each stack is its guard page, which is absent: paging_init() does not
 * map those of the boot processor, stacks_make() unmaps the others.
 */
#ifndef TIDE_ARCH_STACKS_H
#define TIDE_ARCH_STACKS_H

#include "arch/x86_64/cpu.h"
#include "include/types.h"
#include "include/units.h"

#define BOOT_STACK_BYTES (32 * 1024)
#define TRAP_STACK_BYTES (8 * 1024)
#define CPU_STACK_BYTES  (12 * 1024) /* of a processor other than the one that booted */

/* All stacks of one such processor, guard pages included: 2^4 pages. */
#define CPU_STACKS_ORDER 4

/* Of each processor, in this order: its own, then its trap stacks by enum trap_stack. */
#define STACKS_EACH (1 + TRAP_STACKS)

struct stack {
    u64 guard; /* page below the lowest usable byte */
    u64 top;   /* first byte above it */
};

/*
 * Make the stacks of the next processor (1 for the first call) in memory of
 * its own, of CPU_STACKS_ORDER. E_NOMEM where a guard page cannot be unmapped.
 */
must_check int stacks_make(paddr_t memory);

/* The i-th stack, those of processor 0 first; false past the end. */
bool stack_at(unsigned index, struct stack *stack);

/* First byte above a processor's own stack. */
u64 stack_cpu_top(unsigned cpu);

/* First byte above one of a processor's trap stacks (enum trap_stack). */
u64 stack_trap_top(unsigned cpu, unsigned trap_stack);

#endif
