/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every file of the library uses: attributes, the invariant check, arithmetic, little-endian
 * fields. Private to drivers/virtio; all names begin with vmem_ or VMEM_, so that a test can
 * include a kernel's own helpers beside them.
 */
#ifndef VMEM_CORE_DEFS_H
#define VMEM_CORE_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../include/vmem/error.h"
#include "../include/vmem/host.h"

#define VMEM_MUST_CHECK           __attribute__((warn_unused_result))
#define VMEM_PRINTF(format, args) __attribute__((__format__(__printf__, format, args)))
#define VMEM_ALIGNED(bytes)       __attribute__((aligned(bytes)))

#define VMEM_ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `pointer`. */
#define VMEM_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((uint8_t *)(pointer)-offsetof(type, member)))

/* The end for a broken invariant of the library's own, never for what a device said. The condition
 * must have no side effect. */
#define VMEM_ASSERT(condition)                                                    \
    do {                                                                          \
        if (!(condition))                                                         \
            vmem_host_panic(__FILE__ ":" VMEM_TEXT_OF(__LINE__) ": " #condition); \
    } while (0)
#define VMEM_TEXT_OF(macro) VMEM_TEXT(macro)
#define VMEM_TEXT(token)    #token

/* The C library's, which the host kernel has; no header of it is needed. */
void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

/* ---- arithmetic; every alignment is a power of two ---- */

static inline uint64_t vmem_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t vmem_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Wraps to 0 where the next aligned value is 2^64: check the range first. */
static inline uint64_t vmem_align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline bool vmem_is_aligned(uint64_t value, uint64_t alignment)
{
    return (value & (alignment - 1)) == 0;
}

static inline bool vmem_is_power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* True where two ranges that do not overflow share a byte. */
static inline bool vmem_ranges_overlap(uint64_t base_a, uint64_t bytes_a, uint64_t base_b,
                                       uint64_t bytes_b)
{
    if (bytes_a == 0 || bytes_b == 0)
        return false;
    return base_a <= base_b + (bytes_b - 1) && base_b <= base_a + (bytes_a - 1);
}

/* ---- little-endian fields, as types of their own: none is mixed with a native integer ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "a big-endian processor needs byte swaps here");

typedef struct {
    uint16_t raw;
} vmem_le16;
typedef struct {
    uint32_t raw;
} vmem_le32;
typedef struct {
    uint64_t raw;
} vmem_le64;

static inline vmem_le16 vmem_to_le16(uint16_t value)
{
    return (vmem_le16){value};
}

static inline vmem_le32 vmem_to_le32(uint32_t value)
{
    return (vmem_le32){value};
}

static inline vmem_le64 vmem_to_le64(uint64_t value)
{
    return (vmem_le64){value};
}

static inline uint16_t vmem_from_le16(vmem_le16 value)
{
    return value.raw;
}

static inline uint64_t vmem_from_le64(vmem_le64 value)
{
    return value.raw;
}

#endif
