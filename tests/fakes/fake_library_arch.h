/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of the processor's part of drivers/virtio/core/arch.h, which includes it where
 * VMEM_FAKE_ARCH says so. Barriers are full fences, so that sanitizers and a device in another
 * thread see the order that the real ones promise, and a test can let a fake device run at each.
 * A register access goes to the fake that has claimed the address (fake_mmio.h).
 */
#ifndef TIDE_TESTS_FAKES_FAKE_LIBRARY_ARCH_H
#define TIDE_TESTS_FAKES_FAKE_LIBRARY_ARCH_H

#include <stdint.h>

/* Called at each barrier with 'w', 'r' or 'f' (full); NULL: nothing runs. fake_host_start() clears
 * it. */
extern void (*fake_on_barrier)(char kind);

uint32_t fake_mmio_read(const volatile void *address, unsigned bytes);
void fake_mmio_write(volatile void *address, unsigned bytes, uint32_t value);

static inline void fake_barrier(char kind)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (fake_on_barrier)
        fake_on_barrier(kind);
}

static inline void vmem_dma_write_barrier(void)
{
    fake_barrier('w');
}

static inline void vmem_dma_read_barrier(void)
{
    fake_barrier('r');
}

static inline void vmem_dma_full_barrier(void)
{
    fake_barrier('f');
}

static inline uint8_t vmem_io_read8(const volatile void *address)
{
    return (uint8_t)fake_mmio_read(address, 1);
}

static inline uint16_t vmem_io_read16(const volatile void *address)
{
    return (uint16_t)fake_mmio_read(address, 2);
}

static inline uint32_t vmem_io_read32(const volatile void *address)
{
    return fake_mmio_read(address, 4);
}

static inline void vmem_io_write8(volatile void *address, uint8_t value)
{
    fake_mmio_write(address, 1, value);
}

static inline void vmem_io_write16(volatile void *address, uint16_t value)
{
    fake_mmio_write(address, 2, value);
}

static inline void vmem_io_write32(volatile void *address, uint32_t value)
{
    fake_mmio_write(address, 4, value);
}

#endif
