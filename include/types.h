/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The integer types, attributes and small helpers that every file uses.
 *
 * Freestanding: only the compiler's own headers are behind this one, so the
 * same definitions hold in the kernel and in the host programs of tests/unit.
 */
#ifndef TIDE_INCLUDE_TYPES_H
#define TIDE_INCLUDE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;
typedef int64_t i64;

/* A guest-physical address in bytes. Identity mapped: see docs/architecture.md. */
typedef u64 paddr_t;

/* No memory is ever at the last address: the "nothing" of functions that return a paddr_t. */
#define PADDR_NONE (~(paddr_t)0)

#define must_check             __attribute__((warn_unused_result))
#define packed_abi             __attribute__((packed))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define aligned_to(n)          __attribute__((aligned(n)))
/* A large table that boot/entry.S need not clear: each entry is written before it is read. */
#define not_cleared __attribute__((section(".bss.not_cleared")))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Emulators translate each copy of what runs, which is most of what a start costs their hosts. */
#define one_copy __attribute__((noinline))

/* The struct that holds `member` at `pointer`. */
#define container_of(pointer, type, member) \
    ((type *)(void *)((u8 *)(pointer)-offsetof(type, member)))

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

#endif
