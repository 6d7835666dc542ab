/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A group: 64 areas, 128 MiB at an aligned address, the unit in which the
 * allocator keeps state. Absent memory has no group; idle memory costs the
 * struct; the bitmap, one frame for the whole group, is there only while an
 * area's frames are used one by one.
 *
 * Groups are never given back to the page allocator, only kept for the next
 * (group_free()): a processor may look at the entry of an area that it held
 * long after the memory went away, and must then find an entry.
 *
 * page_lock guards all but the entries, which have locks of their own, and idle. The
 * bitmap's pointer changes only while no area of the group is AREA_SMALL, or
 * with the locks of all that are.
 */
#ifndef TIDE_MM_GROUP_H
#define TIDE_MM_GROUP_H

#include "mm/area.h"
#include "mm/spinlock.h"

#define GROUP_AREAS  64u
#define GROUP_SHIFT  27
#define GROUP_BYTES  ((u64)1 << GROUP_SHIFT)
#define GROUP_FRAMES (GROUP_AREAS * AREA_FRAMES)

/*
 * An area with free frames to give stands on one of these shelves of its group.
 * For unmovable memory the shelf's number is an upper bound of the largest
 * order free in the area: a search that finds less lowers it, a free that joins
 * a larger run raises it, so no area is searched twice in vain. For movable
 * memory it is the number of the owner, to whom the whole area belongs.
 */
#define NR_SHELVES    9u
#define SHELF_UNKNOWN (NR_SHELVES - 1)

struct group {
    u32 areas[GROUP_AREAS]; /* see area.h */
    /* Masks, bit i for area i. */
    u64 idle;    /* wholly present, no frame in use; atomic, see group_claim() */
    u64 present; /* at least one frame is there */
    u64 odd;     /* present, but not every frame is */
    u64 small;   /* AREA_SMALL: needs the bitmap */
    u64 movable; /* AREA_SMALL and AREA_MOVABLE */
    u64 closed;  /* being emptied: on no shelf, and not made idle until it is opened */
    u64 arrived; /* pages were moved there in this resize: they are not moved again */
    u64 refused; /* an owner did not let a page of it be moved, in this session */
    u64 shelves[NR_SHELVES];
    u64 *bitmap;         /* 8 words for each area, or NULL */
    u64 *present_bitmap; /* the same, for odd areas; NULL if there never was one */
    paddr_t base;        /* while on the free list: the next group's address */
    bool boot;           /* some of it is boot RAM, and all of it counts as that */
#ifdef TIDE_DEBUG
    u64 *poisoned; /* which frames hold the pattern of poison.h, or NULL */
#endif
};

/* An area, as the searches name it. */
struct area_ref {
    struct group *group;
    unsigned index;
};

/* What an area with free frames is good for: the lists that the index keeps over all groups. */
enum category {
    CATEGORY_IDLE_PLUGGED,
    CATEGORY_IDLE_BOOT,
    CATEGORY_FIXED_PLUGGED, /* + shelf */
    CATEGORY_FIXED_BOOT = CATEGORY_FIXED_PLUGGED + NR_SHELVES,
    CATEGORY_MOVABLE = CATEGORY_FIXED_BOOT + NR_SHELVES, /* + owner */
    NR_CATEGORIES = CATEGORY_MOVABLE + NR_SHELVES,
};

static inline paddr_t area_base(struct area_ref ref)
{
    return ref.group->base + ((paddr_t)ref.index << AREA_SHIFT);
}

static inline u32 *area_entry(struct area_ref ref)
{
    return &ref.group->areas[ref.index];
}

static inline u64 area_bit(struct area_ref ref)
{
    return (u64)1 << ref.index;
}

static inline u64 *area_words(struct area_ref ref)
{
    return ref.group->bitmap + ref.index * AREA_WORDS;
}

/* The word of the bitmap in which the frame's bit is; the bit's number is frame_bit(). */
static inline u64 *group_word(const struct group *group, paddr_t paddr)
{
    return &group->bitmap[(paddr >> (PAGE_SHIFT + 6)) % (GROUP_FRAMES / 64)];
}

static inline u64 frame_bit(paddr_t paddr)
{
    return (paddr >> PAGE_SHIFT) % 64;
}

static inline u64 *area_present_words(struct area_ref ref)
{
    return ref.group->present_bitmap + ref.index * AREA_WORDS;
}

static inline unsigned area_index(paddr_t paddr)
{
    return (unsigned)(paddr >> AREA_SHIFT) % GROUP_AREAS;
}

static inline unsigned frame_index(paddr_t paddr)
{
    return (unsigned)(paddr >> PAGE_SHIFT) % AREA_FRAMES;
}

static inline u64 group_idle(const struct group *group)
{
    return __atomic_load_n(&group->idle, __ATOMIC_RELAXED);
}

/*
 * Take the areas in `mask` from the idle ones: all, and true, or none. With or
 * without page_lock: who clears a bit has the area. The index may then name a
 * group without idle areas, which the next search sets right.
 */
static inline bool group_claim(struct group *group, u64 mask)
{
    u64 before = __atomic_fetch_and(&group->idle, ~mask, __ATOMIC_ACQ_REL);
    if (likely((before & mask) == mask))
        return true;
    __atomic_fetch_or(&group->idle, before & mask, __ATOMIC_ACQ_REL);
    return false;
}

/* group_claim() of one area. */
static inline bool group_claim_one(struct group *group, u64 index)
{
    u64 bit = (u64)1 << index;
    return (__atomic_fetch_and(&group->idle, ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}

/* Add an area to the idle ones; what was idle before. If nothing was, the index must be told. */
static inline u64 group_give(struct group *group, u64 index)
{
    u64 before = group_idle(group);
    while (unlikely(!__atomic_compare_exchange_n(&group->idle, &before, before | (u64)1 << index,
                                                 false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)))
        cpu_relax();
    return before;
}

/* Guards every group's masks and the index. Taken before any area's lock. */
extern struct spinlock page_lock;

/* ---- all below with page_lock held ---- */

/* The areas of the group that are in the category. */
u64 group_category(const struct group *group, unsigned category);

/* Give the areas in `mask` to the group's idle ones; keeps the index. */
void group_add_idle(struct group *group, u64 mask);

/*
 * Put the area where its entry says it belongs: on a shelf, on none, or among
 * the idle. Called with the area locked and its entry's new value; unlocks.
 * `shelf` is the new upper bound of an unmovable area.
 */
void area_file(struct area_ref ref, u32 entry, unsigned shelf);

/* As area_file(), for an area that is not locked. */
void area_refile(struct area_ref ref, unsigned shelf);

/* Take the area off its shelf, if it stands on one. Called with the area locked. */
void area_unfile(struct area_ref ref, u32 entry);

#endif
