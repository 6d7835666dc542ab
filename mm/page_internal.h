/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the page allocator share.
 *
 * Each processor holds, for each kind of allocation, one area: its slot. What
 * it holds is on no shelf: it alone allocates from it, under the area's lock,
 * without page_lock; anyone may free into it. Another processor may end the
 * hold, by the entry alone; the tag tells the holder at its next look.
 *
 * Whole areas need no hold: an idle one is claimed by one atomic operation on
 * its group's mask, for which the processor remembers a group that had some.
 *
 * Counting is done where areas change hands, not where frames do: an area that
 * is held counts as used up, and page_used() takes off what is still free in it.
 * It asks each processor; of boot RAM a few additions tell most of the time that enough
 * is free, see page_boot_has().
 */
#ifndef TIDE_MM_PAGE_INTERNAL_H
#define TIDE_MM_PAGE_INTERNAL_H

#include "mm/area_bits.h"
#include "mm/group.h"
#include "mm/page.h"

_Static_assert(PAGE_OWNERS_MAX == NR_SHELVES, "a shelf for each owner");

/* Slot numbers: a page_kind, or an owner of movable pages. */
#define SLOT_OF_OWNER(owner) (PAGE_NR_KINDS + (owner))
#define NR_SLOTS             (PAGE_NR_KINDS + PAGE_OWNERS_MAX)

/*
 * Written by its processor alone. 64 bytes, so that a slot's address is a shift
 * and a sum.
 */
struct page_slot {
    /* The area that the slot holds. */
    u32 *area;    /* page_nothing: holds none */
    u64 *word;    /* of its bits: the one to take from next; written with the area locked */
    paddr_t base; /* of that word's first frame, or PADDR_NONE; others read of which area it is */
    u32 tag;      /* what the entry has under AREA_HOLDER while the hold lasts */
    /* Where whole areas are claimed. */
    u32 whole_entry;     /* what one so claimed has as its entry */
    struct group *group; /* the empty group: nowhere */
    u64 taken;           /* frames so allocated, in all; read by others */
} aligned_to(64);

/* What a processor has of its own; others read it. */
struct page_cpu {
    struct page_slot slots[NR_SLOTS];
    u64 freed[2]; /* frames freed, but into held areas, since page_used() took the number:
                     [1] boot RAM, [0] plugged */
    bool known;   /* it may hold something: its slots have been set up by hold_know_cpu() */
};

_Static_assert(sizeof(struct page_cpu) <= CPU_LOCAL_BYTES, "the room for mm");
_Static_assert((NR_SLOTS << AREA_SLOT_SHIFT & ~AREA_SLOT) == 0, "slot numbers fit the entry");
_Static_assert(CPUS_MAX - 1 <= AREA_CPU >> AREA_CPU_SHIFT, "processor numbers fit the entry");

/* The area of a slot that holds none: its entry has no tag, so it is never taken from. */
extern u32 page_nothing;

static inline struct page_cpu *page_cpu_of(u32 cpu)
{
    return cpu_local_of(cpu);
}

static inline struct page_slot *page_slot_of(u32 cpu, unsigned slot)
{
    return &page_cpu_of(cpu)->slots[slot];
}

/* This processor's. */
static inline struct page_slot *page_slot(unsigned slot)
{
    return cpu_local(offsetof(struct page_cpu, slots) + (u64)slot * sizeof(struct page_slot));
}

/* The bits of the area that a slot holds, and where it begins. */
static inline u64 *page_slot_words(const struct page_slot *slot)
{
    return (u64 *)align_down((uintptr_t)slot->word, AREA_WORDS * sizeof(u64));
}

static inline paddr_t page_slot_base(const struct page_slot *slot)
{
    return align_down(slot->base, AREA_BYTES);
}

/* The holder bits of the entry of what a processor's slot holds. */
static inline u32 page_holder(u32 cpu, unsigned slot)
{
    return (slot + 1) << AREA_SLOT_SHIFT | cpu << AREA_CPU_SHIFT;
}

/* Boot RAM is its first choice. */
static inline bool page_prefers_boot(unsigned slot)
{
    return slot < PAGE_USER;
}

/* The entry of an area allocated as one; its shelf field says through which slot. */
static inline u32 page_whole_entry(unsigned slot, bool boot)
{
    return AREA_WHOLE | (boot ? AREA_BOOT : 0) | (slot >= PAGE_NR_KINDS ? AREA_MOVABLE : 0) |
           slot << AREA_SHELF_SHIFT;
}

static inline void page_count_freed(u32 entry, u64 frames)
{
    struct page_cpu *cpu = cpu_local(0);
    __atomic_fetch_add(&cpu->freed[(entry / AREA_BOOT) % 2], frames, __ATOMIC_RELAXED);
}

/* ---- totals: [1] boot RAM, [0] plugged; with page_lock held ---- */

/* Frames managed, and frames that were allocated or stood free in an area when it was held, less
 * those that page_used() found freed. */
extern u64 page_total[2];
extern u64 page_charged[2];

static inline void page_charge(u32 entry, u64 frames)
{
    page_charged[(entry & AREA_BOOT) != 0] += frames;
}

static inline void page_uncharge(u32 entry, u64 frames)
{
    page_charged[(entry & AREA_BOOT) != 0] -= frames;
}

/* Frames in use. O(processors). */
u64 page_used(bool boot);

/* Frames not in use. O(processors). Others free while it counts: what is in use may seem to be more
 * than there is. */
static inline u64 page_unused(bool boot)
{
    return page_total[boot] - min_u64(page_total[boot], page_used(boot));
}

/*
 * So many frames of boot RAM are not in use. Each that is was charged, so the total less that is a
 * lower bound; page_used() brings it near again. O(1) but for one call in many.
 */
static inline bool page_boot_has(u64 nr_frames)
{
    return page_total[true] >= page_charged[true] + nr_frames || page_unused(true) >= nr_frames;
}

/* Frames of boot RAM neither in use nor in an area that a processor holds, of which it takes them
 * without another look at what is kept. O(processors). */
u64 page_boot_unheld(void);

static inline bool page_boot_has_unheld(u64 nr_frames)
{
    return page_total[true] >= page_charged[true] + nr_frames || page_boot_unheld() >= nr_frames;
}

/* What page_init() was given. */
extern const struct boot_info *page_boot;

/* ---- place.c: which area; all with page_lock held ---- */

/* One frame of boot RAM, whatever is kept, for mm itself or a page table; or PADDR_NONE. */
paddr_t place_boot_frame(void);

/* Allocate as a user in [from, to), whole areas, of boot RAM or of plugged memory; nothing is held.
 */
paddr_t place_between(unsigned order, paddr_t from, paddr_t to, bool boot);

/* Allocate for this processor's slot, which may hold another area afterwards. */
paddr_t place(unsigned order, unsigned slot);

/*
 * What of boot RAM is kept free, and by whom. Page tables of the identity map and
 * mm's own frames may take all of it.
 */
struct page_reserve {
    u64 split_frames;  /* the rest of the kernel: for tables that unmapping needs */
    u64 growth_frames; /* users, who leave an area more for the kernel: for tables and groups of
                          memory that is still absent */
};
extern struct page_reserve page_reserve;

/* Boot RAM has so many frames above what users leave. */
bool place_above_reserve(u64 nr_frames);

/* The slot may take so many frames of boot RAM, or of plugged memory. */
bool place_may_use(bool boot, unsigned slot, u64 nr_frames);

/* ---- hold.c: what processors hold; all with page_lock held ---- */

/* No processor holds anything or is known. Boot only. */
void hold_init(void);

/* Set up this processor's slots, if they are not. Before it can hold anything. */
void hold_know_cpu(void);

/* The locked area, which is on no shelf, is this processor's slot's from now on; unlocks. */
void hold(struct area_ref ref, u32 entry, unsigned slot);

/* The bits of the area that a slot of any processor holds have moved here; the area is locked. */
void hold_follow(u32 cpu, unsigned slot, u64 *words);

/* This processor's slot gives up its area, in which a search for `order` was in vain. */
void hold_end(unsigned slot, unsigned order);

enum hold_filter {
    HOLD_ANY,
    HOLD_IDLE, /* no frame of the area is in use */
    HOLD_BOOT, /* it is boot RAM */
};

/* Let go of such areas that processors hold: each is idle or on its shelf. True if there were any.
 */
bool hold_end_all(enum hold_filter filter);

/* ---- movable.c ---- */

/* No owners. Boot only. */
void movable_init(void);

/* The owner of a movable area, from its entry. */
struct page_owner *movable_owner(u32 entry);

/* ---- hotplug.c ---- */

/*
 * What is emptied at once: the fewest blocks that together are whole areas, from an area's base on.
 * One block, where it is a multiple of an area.
 */
struct hotplug_units {
    paddr_t from, to; /* whole units */
    u64 unit_bytes;
    u64 blocks_per_unit;
};

/* The units within [from, to) of from's region; false if there is none. */
bool hotplug_find_units(paddr_t from, paddr_t to, struct hotplug_units *units);

/* The unit that paddr lies in, [*from, *to); false if in none. */
bool hotplug_find_unit(paddr_t paddr, paddr_t *from, paddr_t *to);

/* A region has units of several areas: then placement keeps kinds apart by unit, not only by area.
 */
extern bool hotplug_has_large_units;

/* The range of the next region of the node at or after *number, which moves on; false at the end.
 */
bool hotplug_next_on_node(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end);

/* One change of what is online at a time. Taken before page_lock. */
extern struct spinlock hotplug_lock;

/* hotplug_offline() with hotplug_lock held. */
int hotplug_offline_locked(paddr_t base, u64 bytes);

/* Forget all regions. Boot only. */
void hotplug_init(void);

/* ---- page.c, page_free.c ---- */

/* page_alloc() for a slot, without a look at poison. */
paddr_t page_alloc_slot(unsigned order, unsigned slot);

/* page_free() of what nobody has seen: it is not poisoned, and so not touched. */
#ifdef TIDE_DEBUG
void page_free_untouched(paddr_t paddr, unsigned order);
#else
#define page_free_untouched page_free
#endif

/* page_free(paddr, 0) with page_lock held already. */
void page_free_frame_locked(paddr_t paddr);

#endif
