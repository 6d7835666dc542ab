/* SPDX-License-Identifier: BSD-2-Clause */
/* See stacks.h. The memory is in section .stacks, which nothing clears. */
#include "arch/x86_64/stacks.h"

#include "arch/x86_64/cpu.h"

#define GUARD_BYTES 4096

struct boot_stack {
    u8 guard[GUARD_BYTES];
    u8 bytes[BOOT_STACK_BYTES];
};

struct trap_stack_memory {
    u8 guard[GUARD_BYTES];
    u8 bytes[TRAP_STACK_BYTES];
};

/* linker.ld puts it first, and the symbol boot_stack_top, which boot/entry.S loads, behind it. */
__attribute__((section(".stacks.boot"))) aligned_to(4096) static struct boot_stack boot_stack;
__attribute__((section(".stacks")))
aligned_to(4096) static struct trap_stack_memory trap_stacks[TRAP_STACKS];

static const char *const trap_stack_names[TRAP_STACKS] = {
    [TRAP_STACK_DOUBLE_FAULT - 1] = "double fault stack",
    [TRAP_STACK_NMI - 1] = "NMI stack",
    [TRAP_STACK_MACHINE_CHECK - 1] = "machine check stack",
    [TRAP_STACK_PAGE_FAULT - 1] = "page fault stack",
};

bool stack_at(unsigned index, struct stack *stack)
{
    if (index == 0) {
        stack->name = "kernel stack";
        stack->guard = (uintptr_t)boot_stack.guard;
        stack->top = (uintptr_t)(&boot_stack + 1);
        return true;
    }
    if (index > TRAP_STACKS)
        return false;
    stack->name = trap_stack_names[index - 1];
    stack->guard = (uintptr_t)trap_stacks[index - 1].guard;
    stack->top = stack_trap_top(index);
    return true;
}

bool stack_find(u64 address, struct stack *stack)
{
    for (unsigned i = 0; stack_at(i, stack); i++)
        if (address >= stack->guard && address < stack->top)
            return true;
    return false;
}

u64 stack_trap_top(unsigned trap_stack)
{
    return (uintptr_t)(&trap_stacks[trap_stack - 1] + 1);
}
