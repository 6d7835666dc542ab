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
 * page_lock guards all but the entries, which have locks of their own. The
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
    u64 present; /* at least one frame is there */
    u64 odd;     /* present, but not every frame is */
    u64 boot;    /* boot RAM: never taken offline */
    u64 idle;    /* wholly present, no frame in use, no processor holds it */
    u64 small;   /* AREA_SMALL: needs the bitmap */
    u64 movable; /* AREA_SMALL and AREA_MOVABLE */
    u64 shelves[NR_SHELVES];
    u64 *bitmap;         /* 8 words for each area, or NULL */
    u64 *present_bitmap; /* the same, for odd areas; NULL if there never was one */
    paddr_t base;        /* while on the free list: the next group's address */
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

/* Guards every group's masks and the index. Taken before any area's lock. */
extern struct spinlock page_lock;

/* ---- all below with page_lock held ---- */

/* The areas of the group that are in the category. */
u64 group_category(const struct group *group, unsigned category);

/* Add to, or take from, the idle areas of the group those in `mask`; keeps the index. */
void group_add_idle(struct group *group, u64 mask);
void group_remove_idle(struct group *group, u64 mask);

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
