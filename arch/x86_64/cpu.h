/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processor registers and instructions that only arch/x86_64 uses, and what
 * each processor owns.
 */
#ifndef TIDE_ARCH_CPU_H
#define TIDE_ARCH_CPU_H

#include "asm/cpu.h"
#include "include/types.h"

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

/* Slots of the interrupt stack table in the TSS; 0 in a gate keeps the current stack. */
enum trap_stack {
    TRAP_STACK_DOUBLE_FAULT = 1,
    TRAP_STACK_NMI = 2,
    TRAP_STACK_MACHINE_CHECK = 3,
    TRAP_STACK_PAGE_FAULT = 4, /* so that running into a stack's guard page is reported */
    TRAP_STACKS = 4,
};

struct cpuid_result {
    u32 eax, ebx, ecx, edx;
};

/* Load this processor's descriptor tables, trap stacks and gs, as number `id`. */
void cpu_setup(u32 id);

/* All zero for a leaf that the processor does not have. */
struct cpuid_result cpuid(u32 leaf);

static inline u64 msr_read(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void msr_write(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 cr2_read(void)
{
    u64 value;
    __asm__ volatile("movq %%cr2, %0" : "=r"(value));
    return value;
}

static inline u64 cr3_read(void)
{
    u64 value;
    __asm__ volatile("movq %%cr3, %0" : "=r"(value));
    return value;
}

static inline void cr3_write(u64 value)
{
    __asm__ volatile("movq %0, %%cr3" ::"r"(value) : "memory");
}

#endif
