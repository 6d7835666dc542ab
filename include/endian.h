/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Little-endian integers as struct types: a field that the device reads or
 * writes cannot be mixed with a native integer without naming the conversion.
 * x86-64 is little-endian, so each conversion is free.
 */
#ifndef TIDE_INCLUDE_ENDIAN_H
#define TIDE_INCLUDE_ENDIAN_H

#include "include/types.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "a big-endian host needs byte swaps here");

typedef struct {
    u16 raw;
} le16;
typedef struct {
    u32 raw;
} le32;
typedef struct {
    u64 raw;
} le64;

static inline le16 cpu_to_le16(u16 value)
{
    return (le16){value};
}

static inline le32 cpu_to_le32(u32 value)
{
    return (le32){value};
}

static inline le64 cpu_to_le64(u64 value)
{
    return (le64){value};
}

static inline u16 le16_to_cpu(le16 value)
{
    return value.raw;
}

static inline u64 le64_to_cpu(le64 value)
{
    return value.raw;
}

#endif
