/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's processor: a test thread says which one it plays by setting
 * fake_cpu_id.
 */
#ifndef TIDE_ASM_CPU_H
#define TIDE_ASM_CPU_H

#include "include/types.h"

#define CPUS_MAX 64

extern __thread u32 fake_cpu_id;

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

#define CPU_STAMP_HZ 2000000000

/* Each look takes 10 us: what waits by it ends after as many looks on any machine. */
static inline u64 cpu_stamp(void)
{
    static u64 stamp;

    return stamp += CPU_STAMP_HZ / 100000;
}

static inline void cpu_write_back_caches(void)
{
}

static inline u64 irq_save(void)
{
    return 0;
}

static inline void irq_restore(u64 flags)
{
    (void)flags;
}

static inline u32 cpu_id(void)
{
    return fake_cpu_id;
}

#define CPU_LOCAL_BYTES 1024

extern struct fake_cpu_local {
    u8 bytes[CPU_LOCAL_BYTES];
} aligned_to(64) fake_cpu_locals[CPUS_MAX];

static inline void *cpu_local_of(u32 id)
{
    return &fake_cpu_locals[id];
}

static inline void *cpu_local(u64 offset)
{
    return (u8 *)cpu_local_of(fake_cpu_id) + offset;
}

#endif
