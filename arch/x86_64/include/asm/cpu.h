/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mm/, drivers/pci/ and kernel/ need of the processor itself. tests/unit replaces it.
 */
#ifndef TIDE_ASM_CPU_H
#define TIDE_ASM_CPU_H

#include "include/types.h"

#define CPUS_MAX 64

/* Say that this is a spin loop. */
static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/* The time stamp counter, which always runs. Nothing says how fast: from 1 to 5 GHz, as a rule. */
#define CPU_STAMP_HZ 2000000000 /* a guess */

static inline u64 cpu_stamp(void)
{
    u32 low;
    u32 high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

/* Write the caches to memory, before they lose their power. */
static inline void cpu_write_back_caches(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

/* Interrupts off; the return value goes to irq_restore(). */
static inline u64 irq_save(void)
{
    u64 flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags;
}

static inline void irq_restore(u64 flags)
{
    __asm__ volatile("pushq %0; popfq" ::"r"(flags) : "memory", "cc");
}

/*
 * This processor's number, 0 for the one that booted: gs:0 holds it from the
 * first line of kmain() on.
 */
static inline u32 cpu_id(void)
{
    u32 id;
    __asm__("movl %%gs:0, %0" : "=r"(id));
    return id;
}

/*
 * Room that each processor has for mm: its own, from the offset on, and that of
 * any. Not cleared at boot. One instruction: gs:8 holds the address.
 */
#define CPU_LOCAL_BYTES 1024

static inline void *cpu_local(u64 offset)
{
    __asm__("addq %%gs:8, %0" : "+r"(offset) : : "cc");
    return (void *)offset;
}

extern struct cpu_local {
    u8 bytes[CPU_LOCAL_BYTES];
} aligned_to(64) cpu_locals[CPUS_MAX];

static inline void *cpu_local_of(u32 id)
{
    return &cpu_locals[id];
}

#endif
