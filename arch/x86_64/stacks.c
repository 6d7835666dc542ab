/* SPDX-License-Identifier: BSD-2-Clause */
/* See stacks.h. The memory is in section .stacks, which nothing clears. */
#include "arch/x86_64/stacks.h"

#include "include/platform.h"
#include "include/status.h"

#define GUARD_BYTES 4096

struct boot_stack {
    u8 guard[GUARD_BYTES];
    u8 bytes[BOOT_STACK_BYTES];
};

struct trap_stack_memory {
    u8 guard[GUARD_BYTES];
    u8 bytes[TRAP_STACK_BYTES];
};

/* linker.ld puts it first, followed by the symbol boot_stack_top, which boot/entry.S loads. */
__attribute__((section(".stacks.boot"))) aligned_to(4096) static struct boot_stack boot_stack;
__attribute__((section(".stacks")))
aligned_to(4096) static struct trap_stack_memory trap_stacks[TRAP_STACKS];

/* Those of each other processor, in one piece: its own stack, then its trap stacks. */
static paddr_t cpu_stacks[CPUS_MAX];
static unsigned nr_cpus = 1;

#define TRAP_PIECE   (PAGE_BYTES + TRAP_STACK_BYTES)
#define CPU_PIECE    (PAGE_BYTES + CPU_STACK_BYTES)
#define PIECES_BYTES (CPU_PIECE + TRAP_STACKS * TRAP_PIECE)

_Static_assert(PIECES_BYTES == PAGE_BYTES << CPU_STACKS_ORDER,
               "the memory is what the stacks need");

static u64 guard_of(unsigned cpu, unsigned trap_stack)
{
    if (cpu == 0)
        return trap_stack == 0 ? (uintptr_t)boot_stack.guard
                               : (uintptr_t)trap_stacks[trap_stack - 1].guard;
    return cpu_stacks[cpu] + (trap_stack == 0 ? 0 : CPU_PIECE + (trap_stack - 1) * TRAP_PIECE);
}

u64 stack_cpu_top(unsigned cpu)
{
    return guard_of(cpu, 0) + PAGE_BYTES + (cpu == 0 ? BOOT_STACK_BYTES : CPU_STACK_BYTES);
}

u64 stack_trap_top(unsigned cpu, unsigned trap_stack)
{
    return guard_of(cpu, trap_stack) + PAGE_BYTES + TRAP_STACK_BYTES;
}

bool stack_at(unsigned index, struct stack *stack)
{
    unsigned cpu = index / STACKS_EACH;
    unsigned trap_stack = index % STACKS_EACH;

    if (cpu >= nr_cpus)
        return false;
    stack->guard = guard_of(cpu, trap_stack);
    stack->top = trap_stack == 0 ? stack_cpu_top(cpu) : stack_trap_top(cpu, trap_stack);
    return true;
}

int stacks_make(paddr_t memory)
{
    unsigned cpu = nr_cpus;

    cpu_stacks[cpu] = memory;
    for (unsigned i = 0; i < STACKS_EACH; i++) {
        int status = platform_unmap_ram(guard_of(cpu, i), PAGE_BYTES);
        if (status != OK)
            return status;
    }
    nr_cpus++;
    return OK;
}
