/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory barriers by role. tests/unit has its own, which also lets a fake
 * device run at the point where a real one could.
 */
#ifndef TIDE_ASM_BARRIER_H
#define TIDE_ASM_BARRIER_H

/* Writes before it reach memory that a device reads before writes after it. x86 stores are ordered.
 */
static inline void dma_write_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Reads after it see what a device wrote before what was read before it. x86 loads are ordered. */
static inline void dma_read_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Writes before it are visible to a device before reads after it are done. x86 needs a real fence.
 */
static inline void dma_full_barrier(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

#endif
