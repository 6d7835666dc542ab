/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pageblock: 2 MiB, 512 frames. Its state is one 32-bit entry and, while it is
 * split, 512 bits (frame_bits.h), of which a set bit is a free frame.
 *
 * What a pageblock is used as:
 *   0           nothing of it is in use: it is idle or absent, as the section's masks say
 *   split       allocated frame by frame; partial if some of its frames are absent
 *   huge        allocated as one page of 2 MiB
 *   metadata    holds mm's own bitmaps (metadata_pool.h)
 *
 * The entry's lock bit guards the entry and the bits, and nothing else. It may
 * be taken while page_lock is held, never the other way round, and for one
 * pageblock at a time, except while a section's bitmap moves.
 */
#ifndef TIDE_MM_PAGEBLOCK_H
#define TIDE_MM_PAGEBLOCK_H

#include <asm/cpu.h>

#include "include/types.h"
#include "include/units.h"

#define PAGEBLOCK_SHIFT  21
#define PAGEBLOCK_BYTES  ((u64)1 << PAGEBLOCK_SHIFT)
#define PAGEBLOCK_FRAMES 512u
#define PAGEBLOCK_WORDS  8u /* of bits */

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

#define PB_FREE              0x3ffu /* split: how many bits are set */
#define PB_LIST_SHIFT        10     /* see entry_list() and entry_owner() */
#define PB_LIST              (0xfu << PB_LIST_SHIFT)
#define PB_COMPLETE          (1u << 14) /* split, all frames are present */
#define PB_HUGE              (1u << 15)
#define PB_PARTIAL           (1u << 16) /* split, the section's present bits say what is there */
#define PB_SPLIT             (PB_COMPLETE | PB_PARTIAL) /* either */
#define PB_MOVABLE           (1u << 17) /* split or huge: all pages are one owner's */
#define PB_RESERVATION_SHIFT 18 /* reservation n - 1 of processor PB_CPU has it; 0: none has */
#define PB_RESERVATION       (0xfu << PB_RESERVATION_SHIFT)
#define PB_METADATA          (1u << 22)
#define PB_CPU_SHIFT         23
#define PB_CPU               (0x3fu << PB_CPU_SHIFT)
#define PB_BOOT              (1u << 29) /* boot RAM; an entry of 0 does not say */
#define PB_LOCK              (1u << 30) /* not the sign bit: compilers then use one "lock bts" */
#define PB_SETTLED           (1u << 31) /* stays on its free list until all frames are free */

/* Who has reserved it. */
#define PB_RESERVED (PB_RESERVATION | PB_CPU)

/* Huge, and its block is isolated: freed, it does not become idle. */
#define PB_ISOLATED_HUGE (PB_METADATA | PB_MOVABLE)

static inline bool is_isolated_huge(u32 entry)
{
    return (entry & PB_ISOLATED_HUGE) == PB_ISOLATED_HUGE;
}

/* Returns the entry without the lock bit. */
static inline u32 pageblock_lock(u32 *pageblock)
{
    while (unlikely(__atomic_fetch_or(pageblock, PB_LOCK, __ATOMIC_ACQUIRE) & PB_LOCK)) {
        while (__atomic_load_n(pageblock, __ATOMIC_RELAXED) & PB_LOCK)
            cpu_relax();
    }
    /* The lock bit is set: to subtract it takes one instruction, to mask it more. */
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

/* Split: its free list, also while it stands on none. A movable one's is its owner's. */
static inline unsigned entry_list(u32 entry)
{
    return (entry & PB_LIST) >> PB_LIST_SHIFT;
}

static inline u32 entry_with_list(u32 entry, unsigned list)
{
    return (entry & ~PB_LIST) | list << PB_LIST_SHIFT;
}

/* Movable, split or huge: the number of the owner. */
static inline unsigned entry_owner(u32 entry)
{
    return entry_list(entry);
}

static inline u32 entry_with_owner(u32 entry, unsigned owner)
{
    return entry_with_list(entry | PB_MOVABLE, owner);
}

#endif
