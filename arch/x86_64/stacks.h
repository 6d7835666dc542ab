/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks that exist: where a backtrace may read, and what a fault in a
 * guard page hit. Each has one guard page right below it, which paging_init()
 * leaves absent.
 */
#ifndef TIDE_ARCH_STACKS_H
#define TIDE_ARCH_STACKS_H

#include "include/types.h"
#include "include/units.h"

#define BOOT_STACK_BYTES (32 * 1024)
#define TRAP_STACK_BYTES (8 * 1024)

struct stack {
    const char *name;
    u64 guard; /* page below the lowest usable byte */
    u64 top;   /* first byte above it */
};

/* The i-th stack, false past the end. */
bool stack_at(unsigned index, struct stack *stack);

/* The stack of which this is a usable byte, or in whose guard page it lies. */
bool stack_find(u64 address, struct stack *stack);

static inline bool stack_has_guard(const struct stack *stack, u64 address)
{
    return address >= stack->guard && address < stack->guard + PAGE_BYTES;
}

/* First byte above one of the trap stacks (enum trap_stack) of the boot processor. */
u64 stack_trap_top(unsigned trap_stack);

#endif
