/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One area: 2 MiB, 512 frames, all its state in one 32-bit entry and, while
 * single frames of it are in use, 512 bits: a set bit is a free frame.
 *
 * The entry's lock bit guards the entry, the bits, and nothing else. It may be
 * taken while page_lock is held, never the other way round, and only one area's
 * at a time, but for the move of a bitmap.
 *
 * An entry of 0 says that nothing of the area is in use: it is idle or absent,
 * and the group's masks say which.
 */
#ifndef TIDE_MM_AREA_H
#define TIDE_MM_AREA_H

#include <asm/cpu.h>

#include "include/types.h"
#include "include/units.h"

#define AREA_SHIFT  21
#define AREA_BYTES  ((u64)1 << AREA_SHIFT)
#define AREA_FRAMES 512u
#define AREA_WORDS  8u

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
#define AREA_FREE        0x3ffu /* how many bits are set, while AREA_SMALL */
#define AREA_SHELF_SHIFT 10     /* while AREA_SMALL or AREA_WHOLE; see struct group */
#define AREA_SHELF       (0xfu << AREA_SHELF_SHIFT)
#define AREA_PLAIN       (1u << 14) /* the bits say which frames are in use; all are present */
#define AREA_WHOLE       (1u << 15) /* allocated as one */
#define AREA_ODD         (1u << 16) /* the bits say; the group's present bits say what is there */
#define AREA_SMALL       (AREA_PLAIN | AREA_ODD) /* either: in use by frames */
#define AREA_MOVABLE     (1u << 17)              /* all frames belong to the owner in AREA_SHELF */
#define AREA_SLOT_SHIFT  18 /* held by slot n - 1 of the processor in AREA_CPU; 0: by none */
#define AREA_SLOT        (0xfu << AREA_SLOT_SHIFT)
#define AREA_META        (1u << 22) /* full of mm's own frames: see meta_area.h */
#define AREA_CPU_SHIFT   23
#define AREA_CPU         (0x3fu << AREA_CPU_SHIFT)
#define AREA_BOOT        (1u << 29) /* boot RAM; an entry of 0 does not say */
/* Allocated as one, in a block that is being emptied: not idle when it is freed. */
#define AREA_CLOSED_WHOLE (AREA_META | AREA_MOVABLE)
#define AREA_LOCK         (1u << 30) /* not the sign bit: compilers then use one "lock bts" */
#define AREA_SETTLED      (1u << 31) /* on a shelf where it stays, whatever is freed, until all is */
#define AREA_HOLDER       (AREA_SLOT | AREA_CPU)

/* Returns the entry without the lock bit. */
static inline u32 area_lock(u32 *area)
{
    while (unlikely(__atomic_fetch_or(area, AREA_LOCK, __ATOMIC_ACQUIRE) & AREA_LOCK)) {
        while (__atomic_load_n(area, __ATOMIC_RELAXED) & AREA_LOCK)
            cpu_relax();
    }
    /* The lock bit is set: less it, and not masked, the sum with a constant is one instruction. */
    return __atomic_load_n(area, __ATOMIC_RELAXED) - AREA_LOCK;
}

/* Make `entry` the state and let others in. */
static inline void area_unlock(u32 *area, u32 entry)
{
    __atomic_store_n(area, entry, __ATOMIC_RELEASE);
}

/* Change the entry in one step, without the lock; false if it is not `from`, as when locked. */
static inline bool area_change(u32 *area, u32 from, u32 to)
{
    return __atomic_compare_exchange_n(area, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline unsigned area_shelf(u32 entry)
{
    return (entry & AREA_SHELF) >> AREA_SHELF_SHIFT;
}

static inline u32 area_with_shelf(u32 entry, unsigned shelf)
{
    return (entry & ~AREA_SHELF) | shelf << AREA_SHELF_SHIFT;
}

#endif
