/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A section: 64 pageblocks, 128 MiB at an aligned address, the granule in which the
 * allocator keeps state. Absent memory has no section; idle memory costs the
 * struct; the bitmap, one frame for the whole section, is there only while an
 * pageblock's frames are used one by one.
 *
 * Sections are never given back to the page allocator, only kept for the next
 * (group_free()): a processor may look at the entry of a pageblock that it held
 * long after the memory went away, and must then find an entry.
 *
 * page_lock guards all but the entries, which have locks of their own, and idle. The
 * bitmap's pointer changes only while no pageblock of the section is PB_SPLIT, or
 * with the locks of all that are.
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
 * A pageblock with free frames to give stands on one of these free lists of its section.
 * For unmovable memory the list's number is an upper bound of the largest
 * order free in the pageblock: a search that finds less lowers it, a free that joins
 * a larger run raises it, so no pageblock is searched twice in vain. For movable
 * memory it is the number of the owner, to whom the whole pageblock belongs.
 */
#define NR_FREE_LISTS 9u
#define FREE_LIST_TOP (NR_FREE_LISTS - 1)

struct section {
    u32 entries[SECTION_PAGEBLOCKS]; /* see pageblock.h */
    /* Masks, bit i for pageblock i. */
    u64 idle;              /* wholly present, no frame in use; atomic, see section_claim() */
    u64 present;           /* at least one frame is there */
    u64 partial;           /* present, but not every frame is */
    u64 split;             /* PB_SPLIT: needs the bitmap */
    u64 movable;           /* PB_SPLIT and PB_MOVABLE */
    u64 isolated;          /* being emptied: on no free list, and not made idle until that ends */
    u64 migration_targets; /* pages were moved there in this resize: they are not moved again */
    u64 migration_failed;  /* an owner refused to let a page of it be moved, in this session */
    u64 free_lists[NR_FREE_LISTS];
    u64 *bitmap;         /* PAGEBLOCK_WORDS for each pageblock, or NULL */
    u64 *present_bitmap; /* the same, for partial pageblocks; NULL if there never was one */
    paddr_t base;        /* while the struct is unused: the next unused struct's address */
    bool boot;           /* some of it is boot RAM, and all of it counts as that */
#ifdef TIDE_DEBUG
    u64 *poisoned; /* which frames hold the pattern of poison.h, or NULL */
#endif
};

/* A pageblock, as the searches name it. */
struct pageblock {
    struct section *section;
    unsigned index;
};

/* What a pageblock with free frames is good for: the lists that the index keeps over all sections.
 */
enum free_class {
    FREE_IDLE_PLUGGED,
    FREE_IDLE_BOOT,
    FREE_UNMOVABLE_PLUGGED, /* + list */
    FREE_UNMOVABLE_BOOT = FREE_UNMOVABLE_PLUGGED + NR_FREE_LISTS,
    FREE_MOVABLE = FREE_UNMOVABLE_BOOT + NR_FREE_LISTS, /* + owner */
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

static inline u64 pageblock_bit(struct pageblock pb)
{
    return (u64)1 << pb.index;
}

static inline u64 *pageblock_free_bits(struct pageblock pb)
{
    return pb.section->bitmap + pb.index * PAGEBLOCK_WORDS;
}

/* The word of the bitmap in which the frame's bit is; the bit's number is frame_bit(). */
static inline u64 *section_word(const struct section *section, paddr_t paddr)
{
    return &section->bitmap[(paddr >> (PAGE_SHIFT + 6)) % (SECTION_FRAMES / 64)];
}

static inline u64 frame_bit(paddr_t paddr)
{
    return (paddr >> PAGE_SHIFT) % 64;
}

static inline u64 *pageblock_present_bits(struct pageblock pb)
{
    return pb.section->present_bitmap + pb.index * PAGEBLOCK_WORDS;
}

static inline unsigned pageblock_index(paddr_t paddr)
{
    return (unsigned)(paddr >> PAGEBLOCK_SHIFT) % SECTION_PAGEBLOCKS;
}

static inline unsigned frame_index(paddr_t paddr)
{
    return (unsigned)(paddr >> PAGE_SHIFT) % PAGEBLOCK_FRAMES;
}

static inline u64 section_idle(const struct section *section)
{
    return __atomic_load_n(&section->idle, __ATOMIC_RELAXED);
}

/*
 * Take the pageblocks in `mask` from the idle ones: all, and true, or none. With or
 * without page_lock: who clears a bit has the pageblock. The index may then name a
 * section without idle pageblocks, which the next search sets right.
 */
static inline bool section_claim(struct section *section, u64 mask)
{
    u64 before = __atomic_fetch_and(&section->idle, ~mask, __ATOMIC_ACQ_REL);
    if (likely((before & mask) == mask))
        return true;
    __atomic_fetch_or(&section->idle, before & mask, __ATOMIC_ACQ_REL);
    return false;
}

/* section_claim() of one pageblock. */
static inline bool section_claim_one(struct section *section, u64 index)
{
    u64 bit = (u64)1 << index;
    return (__atomic_fetch_and(&section->idle, ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}

/* Add a pageblock to the idle ones; what was idle before. If nothing was, the index must be told.
 */
static inline u64 section_return_one(struct section *section, u64 index)
{
    u64 before = section_idle(section);
    while (unlikely(!__atomic_compare_exchange_n(&section->idle, &before, before | (u64)1 << index,
                                                 false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
        cpu_relax();
    return before;
}

/* Guards every section's masks and the index. Taken before any pageblock's lock. */
extern struct spinlock page_lock;

/* ---- all below with page_lock held ---- */

/* The pageblocks of the section that are in the class. */
u64 section_in_class(const struct section *section, unsigned class);

/* Give the pageblocks in `mask` to the section's idle ones; keeps the index. */
void section_add_idle(struct section *section, u64 mask);

/*
 * Put the pageblock where its entry says it belongs: on a free list, on none, or among
 * the idle. Called with the pageblock locked and its entry's new value; unlocks.
 * `list` is the new upper bound of an unmovable pageblock.
 */
void pageblock_enqueue(struct pageblock pb, u32 entry, unsigned list);

/* As pageblock_enqueue(), for a pageblock that is not locked. */
void pageblock_requeue(struct pageblock pb, unsigned list);

/* Take the pageblock off its free list, if it stands on one. Called with the pageblock locked. */
void pageblock_dequeue(struct pageblock pb, u32 entry);

#endif
