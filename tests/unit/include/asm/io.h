/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port I/O of the host programs: each access goes to the fake chipset that
 * has claimed the port with fake_port_claim() (tests/fakes/fake_mmio.h).
 */
#ifndef TIDE_ASM_IO_H
#define TIDE_ASM_IO_H

#include "include/types.h"

u32 fake_port_read(u16 port, unsigned bytes);
void fake_port_write(u16 port, unsigned bytes, u32 value);

static inline u8 io_read8(u16 port)
{
    return (u8)fake_port_read(port, 1);
}

static inline u16 io_read16(u16 port)
{
    return (u16)fake_port_read(port, 2);
}

static inline u32 io_read32(u16 port)
{
    return fake_port_read(port, 4);
}

static inline void io_write8(u16 port, u8 value)
{
    fake_port_write(port, 1, value);
}

static inline void io_write16(u16 port, u16 value)
{
    fake_port_write(port, 2, value);
}

static inline void io_write32(u16 port, u32 value)
{
    fake_port_write(port, 4, value);
}

static inline void io_write_bytes(u16 port, const void *bytes, size_t nr)
{
    for (size_t i = 0; i < nr; i++)
        fake_port_write(port, 1, ((const u8 *)bytes)[i]);
}

#endif
