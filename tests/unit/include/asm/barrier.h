/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's barriers: full fences, so that sanitizers and a device in
 * another thread see the order that the kernel's promise. A test can let a
 * fake device run at each, where a real one could.
 */
#ifndef TIDE_ASM_BARRIER_H
#define TIDE_ASM_BARRIER_H

/* Called at each barrier with 'w', 'r' or 'f' (full); NULL: nothing runs. fake_shutdown() clears
 * it. */
extern void (*fake_on_barrier)(char kind);

static inline void fake_barrier(char kind)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (fake_on_barrier)
        fake_on_barrier(kind);
}

static inline void dma_write_barrier(void)
{
    fake_barrier('w');
}

static inline void dma_read_barrier(void)
{
    fake_barrier('r');
}

static inline void dma_full_barrier(void)
{
    fake_barrier('f');
}

#endif
