/* SPDX-License-Identifier: BSD-2-Clause */
/* Port I/O. tests/unit replaces it by a fake chipset. */
#ifndef TIDE_ASM_IO_H
#define TIDE_ASM_IO_H

#include "include/types.h"

static inline u8 io_read8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u16 io_read16(u16 port)
{
    u16 value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u32 io_read32(u16 port)
{
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void io_write8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline void io_write16(u16 port, u16 value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static inline void io_write32(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

/* All bytes to one port, in one instruction: one exit for all where the hypervisor takes them so.
 * KVM takes them one by one. */
static inline void io_write_bytes(u16 port, const void *bytes, size_t nr)
{
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(nr) : "d"(port) : "memory");
}

#endif
