/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers of the host programs: each access goes to the fake device
 * that has claimed the address with fake_mmio_claim() (tests/fakes/fake_mmio.h).
 */
#ifndef TIDE_ASM_MMIO_H
#define TIDE_ASM_MMIO_H

#include "include/types.h"

u32 fake_mmio_read(const volatile void *address, unsigned bytes);
void fake_mmio_write(volatile void *address, unsigned bytes, u32 value);

static inline u8 mmio_read8(const volatile void *address)
{
    return (u8)fake_mmio_read(address, 1);
}

static inline u16 mmio_read16(const volatile void *address)
{
    return (u16)fake_mmio_read(address, 2);
}

static inline u32 mmio_read32(const volatile void *address)
{
    return fake_mmio_read(address, 4);
}

static inline void mmio_write8(volatile void *address, u8 value)
{
    fake_mmio_write(address, 1, value);
}

static inline void mmio_write16(volatile void *address, u16 value)
{
    fake_mmio_write(address, 2, value);
}

static inline void mmio_write32(volatile void *address, u32 value)
{
    fake_mmio_write(address, 4, value);
}

#endif
