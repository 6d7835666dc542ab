/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of the processor's part of drivers/virtio/core/arch.h, which includes it where
 * VMEM_FAKE_ARCH says so. Barriers are full fences, so that sanitizers and a device in another
 * thread see the order that the real ones promise, and a test can let a fake device run at each.
 * A register access goes to the fake that has claimed the address (fake_mmio.h).
 */
#ifndef TIDE_TESTS_FAKES_FAKE_LIBRARY_ARCH_H
#define TIDE_TESTS_FAKES_FAKE_LIBRARY_ARCH_H

#include "tests/unit/include/asm/mmio.h"

/* Called at each barrier with 'w', 'r' or 'f' (full); NULL: nothing runs, as after
 * fake_host_start(). */
extern void (*fake_on_barrier)(char kind);

static inline void fake_barrier(char kind)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (fake_on_barrier)
        fake_on_barrier(kind);
}

#define vmem_dma_write_barrier() fake_barrier('w')
#define vmem_dma_read_barrier()  fake_barrier('r')
#define vmem_dma_full_barrier()  fake_barrier('f')

#define vmem_io_read8   mmio_read8
#define vmem_io_read16  mmio_read16
#define vmem_io_read32  mmio_read32
#define vmem_io_write8  mmio_write8
#define vmem_io_write16 mmio_write16
#define vmem_io_write32 mmio_write32

#endif
