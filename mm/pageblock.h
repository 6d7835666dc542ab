/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pageblock: 2 MiB, 512 frames, all its state in one 32-bit entry and, while
 * single frames of it are in use, 512 bits: a set bit is a free frame.
 *
 * The entry's lock bit guards the entry, the bits, and nothing else. It may be
 * taken while page_lock is held, never the other way round, and only one pageblock's
 * at a time, but for the move of a bitmap.
 *
 * An entry of 0 says that nothing of the pageblock is in use: it is idle or absent,
 * and the section's masks say which.
 */
#ifndef TIDE_MM_PAGEBLOCK_H
#define TIDE_MM_PAGEBLOCK_H

#include <asm/cpu.h>

#include "include/types.h"
#include "include/units.h"

#define PAGEBLOCK_SHIFT  21
#define PAGEBLOCK_BYTES  ((u64)1 << PAGEBLOCK_SHIFT)
#define PAGEBLOCK_FRAMES 512u
#define PAGEBLOCK_WORDS  8u

/*
 * For the hot paths: what they must not call, and what they must only jump to.
 * A compiler that sees that a function never returns would call it, and give
 * its caller a stack frame for that; noipa keeps it from looking.
 */
#define always_inline inline __attribute__((always_inline))
#if __has_attribute(noipa)
#define never_inline __attribute__((noipa))
#else
#define never_inline __attribute__((noinline))
#endif

/* The entry's fields. */
#define PB_FREE       0x3ffu /* how many bits are set, while PB_SPLIT */
#define PB_LIST_SHIFT 10     /* while PB_SPLIT or PB_HUGE; see struct section */
#define PB_LIST       (0xfu << PB_LIST_SHIFT)
#define PB_COMPLETE   (1u << 14) /* the bits say which frames are in use; all are present */
#define PB_HUGE       (1u << 15) /* allocated as one */
#define PB_PARTIAL    (1u << 16) /* the bits say; the section's present bits say what is there */
#define PB_SPLIT      (PB_COMPLETE | PB_PARTIAL) /* either: in use by frames */
#define PB_MOVABLE    (1u << 17)                 /* all frames belong to the owner in PB_LIST */
#define PB_RESERVATION_SHIFT \
    18 /* held by reservation n - 1 of the processor in PB_CPU; 0: by none */
#define PB_RESERVATION (0xfu << PB_RESERVATION_SHIFT)
#define PB_METADATA    (1u << 22) /* full of mm's own frames: see metadata_pool.h */
#define PB_CPU_SHIFT   23
#define PB_CPU         (0x3fu << PB_CPU_SHIFT)
#define PB_BOOT        (1u << 29) /* boot RAM; an entry of 0 does not say */
/* Allocated as one, in a block that is being emptied: not idle when it is freed. */
#define PB_ISOLATED_HUGE (PB_METADATA | PB_MOVABLE)
#define PB_LOCK          (1u << 30) /* not the sign bit: compilers then use one "lock bts" */
#define PB_SETTLED       (1u << 31) /* on a free list where it stays, whatever is freed, until all is */
#define PB_RESERVED      (PB_RESERVATION | PB_CPU)

/* Returns the entry without the lock bit. */
static inline u32 pageblock_lock(u32 *pageblock)
{
    while (unlikely(__atomic_fetch_or(pageblock, PB_LOCK, __ATOMIC_ACQUIRE) & PB_LOCK)) {
        while (__atomic_load_n(pageblock, __ATOMIC_RELAXED) & PB_LOCK)
            cpu_relax();
    }
    /* The lock bit is set: less it, and not masked, the sum with a constant is one instruction. */
    return __atomic_load_n(pageblock, __ATOMIC_RELAXED) - PB_LOCK;
}

/* Make `entry` the state and let others in. */
static inline void pageblock_unlock(u32 *pageblock, u32 entry)
{
    __atomic_store_n(pageblock, entry, __ATOMIC_RELEASE);
}

/* Change the entry in one step, without the lock; false if it is not `from`, as when locked. */
static inline bool pageblock_try_change(u32 *pageblock, u32 from, u32 to)
{
    return __atomic_compare_exchange_n(pageblock, &from, to, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

static inline unsigned entry_list(u32 entry)
{
    return (entry & PB_LIST) >> PB_LIST_SHIFT;
}

static inline u32 entry_with_list(u32 entry, unsigned list)
{
    return (entry & ~PB_LIST) | list << PB_LIST_SHIFT;
}

#endif
