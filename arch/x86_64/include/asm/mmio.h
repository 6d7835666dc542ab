/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device register accesses of 8, 16 and 32 bits. There is none of 64: virtio
 * 1.4, "PCI Device Layout", has drivers access 64-bit fields as two halves.
 */
#ifndef TIDE_ASM_MMIO_H
#define TIDE_ASM_MMIO_H

#include "include/types.h"

static inline u8 mmio_read8(const volatile void *address)
{
    return *(const volatile u8 *)address;
}

static inline u16 mmio_read16(const volatile void *address)
{
    return *(const volatile u16 *)address;
}

static inline u32 mmio_read32(const volatile void *address)
{
    return *(const volatile u32 *)address;
}

static inline void mmio_write8(volatile void *address, u8 value)
{
    *(volatile u8 *)address = value;
}

static inline void mmio_write16(volatile void *address, u16 value)
{
    *(volatile u16 *)address = value;
}

static inline void mmio_write32(volatile void *address, u32 value)
{
    *(volatile u32 *)address = value;
}

#endif
