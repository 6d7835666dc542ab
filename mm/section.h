/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A section: 64 pageblocks, 128 MiB at an aligned address. Absent memory has no
 * section. Idle memory costs this struct; the bitmap, one frame for all 64
 * pageblocks, exists only while one of them is split.
 *
 * A struct is kept for the next section, and is not freed while a reservation points
 * to it: a processor may look at the entry of a pageblock that it had reserved long
 * after the memory went away, and must then find an entry.
 *
 * page_lock guards the masks of all sections, but for `idle`, the free index and
 * the accounts. The bitmap's pointer changes only while no pageblock is split, or
 * all that are split are locked.
 */
#ifndef TIDE_MM_SECTION_H
#define TIDE_MM_SECTION_H

#include "mm/pageblock.h"
#include "mm/spinlock.h"

#define SECTION_PAGEBLOCKS 64u
#define SECTION_SHIFT      27
#define SECTION_BYTES      ((u64)1 << SECTION_SHIFT)
#define SECTION_FRAMES     (SECTION_PAGEBLOCKS * PAGEBLOCK_FRAMES)

/*
 * A split pageblock with free frames stands on one free list of its section. The
 * list of an unmovable pageblock is an upper bound of the largest order free in
 * it: a search that finds less lowers it, a free that joins a larger run raises
 * it to the top list, so no pageblock is searched twice in vain. The list of a
 * movable one has the number of its owner.
 *
 * On the top list, unmovable pageblocks of plugged memory are told apart by the
 * order that they are for, and by how much of them is free. Frames are freed without
 * a look at that: a pageblock counts as nearly full until a search finds that it has
 * emptied, and puts it right.
 */
#define NR_FREE_LISTS 9u
#define FREE_LIST_TOP (NR_FREE_LISTS - 1) /* the bound is not known: there may be any order */

#define LIST_BITS    4
#define NR_ORDERS    9u /* of pages in a split pageblock */
#define ORDER_BITS   4
#define QUARTER_BITS 2
#define NR_QUARTERS  (1u << QUARTER_BITS)

struct section {
    u32 entries[SECTION_PAGEBLOCKS];
    /* Masks, bit i for pageblock i. */
    u64 idle;     /* all frames present, none in use; atomic, see section_claim() */
    u64 reported; /* not in use since it came, or since the host was told of it; atomic */
    u64 present;
    u64 partial;           /* present, but not every frame is */
    u64 split;             /* PB_SPLIT: needs the bitmap */
    u64 movable;           /* PB_SPLIT and PB_MOVABLE */
    u64 isolated;          /* being emptied: on no free list, and does not become idle */
    u64 migration_targets; /* pages were moved there in this resize: they are not moved again */
    u64 migration_failed;  /* an owner refused to let a page of it be moved, in this session */
    u64 listed;            /* on a free list */
    /* Numbers: bit i of word n is bit n of pageblock i's number. */
    u64 free_lists[LIST_BITS];       /* which free list, of those that are listed */
    u64 orders[ORDER_BITS];          /* unmovable, plugged: the order that it is for; else 0 */
    u64 free_quarters[QUARTER_BITS]; /* see pageblock_place.h */
    u64 *bitmap;                     /* PAGEBLOCK_WORDS for each pageblock, or NULL */
    u64 *present_bitmap; /* the same, for partial pageblocks; NULL if there never was one */
    paddr_t base;
    bool boot; /* some of it is boot RAM, and all of it counts as that */
#ifdef TIDE_DEBUG
    u64 *poisoned; /* which frames are poisoned (page_debug.h), or NULL */
#endif
};

struct pageblock {
    struct section *section;
    unsigned index;
};

/*
 * Which pageblocks can serve an allocation: the free index keeps the pageblocks of
 * each class over all sections.
 */
enum free_class {
    FREE_IDLE_PLUGGED,
    FREE_IDLE_BOOT,
    FREE_BOUNDED_PLUGGED,                                      /* + free list below the top one */
    FREE_ORDER_PLUGGED = FREE_BOUNDED_PLUGGED + FREE_LIST_TOP, /* + quarters * 9 + order */
    FREE_UNMOVABLE_BOOT = FREE_ORDER_PLUGGED + NR_QUARTERS * NR_ORDERS, /* + free list */
    FREE_MOVABLE = FREE_UNMOVABLE_BOOT + NR_FREE_LISTS,                 /* + owner */
    NR_FREE_CLASSES = FREE_MOVABLE + NR_FREE_LISTS,
};

static inline paddr_t pageblock_base(struct pageblock pb)
{
    return pb.section->base + ((paddr_t)pb.index << PAGEBLOCK_SHIFT);
}

static inline u32 *pageblock_entry(struct pageblock pb)
{
    return &pb.section->entries[pb.index];
}

/* Its bit in the section's masks. */
static inline u64 pageblock_bit(struct pageblock pb)
{
    return (u64)1 << pb.index;
}

/* The end of paddr's section, or of a range if that comes first. */
static inline paddr_t section_end(paddr_t paddr, paddr_t end)
{
    return min_u64(align_down(paddr, SECTION_BYTES) + SECTION_BYTES, end);
}

/* The bits of the pageblocks of one section that [base, end) covers, both within it. */
static inline u64 pageblock_mask(paddr_t base, paddr_t end)
{
    if (end - base == SECTION_BYTES)
        return ~(u64)0;
    return (((u64)1 << ((end - base) >> PAGEBLOCK_SHIFT)) - 1)
           << ((base >> PAGEBLOCK_SHIFT) % SECTION_PAGEBLOCKS);
}

static inline u64 *pageblock_free_bits(struct pageblock pb)
{
    return pb.section->bitmap + pb.index * PAGEBLOCK_WORDS;
}

static inline u64 *pageblock_present_bits(struct pageblock pb)
{
    return pb.section->present_bitmap + pb.index * PAGEBLOCK_WORDS;
}

/* The word of the bitmap that has the frame's bit; frame_bit() is which. */
static inline u64 *section_word(const struct section *section, paddr_t paddr)
{
    return &section->bitmap[(paddr >> (PAGE_SHIFT + 6)) % (SECTION_FRAMES / 64)];
}

static inline u64 frame_bit(paddr_t paddr)
{
    return (paddr >> PAGE_SHIFT) % 64;
}

/* Within its section. */
static inline unsigned pageblock_index(paddr_t paddr)
{
    return (unsigned)(paddr >> PAGEBLOCK_SHIFT) % SECTION_PAGEBLOCKS;
}

/* Within its pageblock. */
static inline unsigned frame_index(paddr_t paddr)
{
    return (unsigned)(paddr >> PAGE_SHIFT) % PAGEBLOCK_FRAMES;
}

static inline u64 section_idle(const struct section *section)
{
    return __atomic_load_n(&section->idle, __ATOMIC_RELAXED);
}

/*
 * Take the pageblocks in `mask` from the idle ones: all, and true, or none. With
 * or without page_lock: a processor that clears a bit owns the pageblock. The
 * free index may then name a section without idle pageblocks; the next search
 * corrects it.
 */
static inline bool section_claim(struct section *section, u64 mask)
{
    u64 before = __atomic_fetch_and(&section->idle, ~mask, __ATOMIC_ACQ_REL);
    if (likely((before & mask) == mask))
        return true;
    __atomic_fetch_or(&section->idle, before & mask, __ATOMIC_ACQ_REL);
    return false;
}

static inline bool section_claim_one(struct section *section, u64 index)
{
    u64 bit = (u64)1 << index;
    return (__atomic_fetch_and(&section->idle, ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}

/* They were in use, and become idle next: what the host was told of them holds no more. */
static inline void section_note_use(struct section *section, u64 mask)
{
    if (unlikely(__atomic_load_n(&section->reported, __ATOMIC_RELAXED) & mask))
        __atomic_fetch_and(&section->reported, ~mask, __ATOMIC_RELAXED);
}

/* Make a pageblock idle, which is not: adding its bit sets it, and one instruction tells the mask
 * before. If that was 0, the free index must be told. */
static inline u64 section_return_one(struct section *section, u64 index)
{
    section_note_use(section, (u64)1 << index);
    return __atomic_fetch_add(&section->idle, (u64)1 << index, __ATOMIC_ACQ_REL);
}

/* Taken before any pageblock's lock. */
extern struct spinlock page_lock;

#endif
