/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's barriers: full fences, so that sanitizers and a device in
 * another thread see the order that the kernel's promise.
 */
#ifndef TIDE_ASM_BARRIER_H
#define TIDE_ASM_BARRIER_H

static inline void dma_write_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void dma_read_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void dma_full_barrier(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
