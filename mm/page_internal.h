/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the page allocator share.
 *
 * Each processor holds, for each kind of allocation, one area (a slot) and one
 * whole idle area (a spare). What it holds is on no shelf: it alone allocates
 * from it, under the area's lock, without page_lock; anyone may free into it.
 * Another processor may end the hold, by the entry alone; the tag tells the
 * holder at its next look.
 */
#ifndef TIDE_MM_PAGE_INTERNAL_H
#define TIDE_MM_PAGE_INTERNAL_H

#include "mm/area_bits.h"
#include "mm/group.h"
#include "mm/page.h"

#define PAGE_OWNERS_MAX NR_SHELVES

/* Slot numbers: a page_kind, or an owner of movable pages. */
#define SLOT_OF_OWNER(owner) (PAGE_NR_KINDS + (owner))
#define NR_SLOTS             (PAGE_NR_KINDS + PAGE_OWNERS_MAX)

struct page_slot {
    u32 *area;    /* NULL: holds nothing */
    u64 *words;   /* its bits; a slot only. Written with the area locked. */
    paddr_t base; /* of the area; written by page_slot_set_base() */
    u32 tag;      /* what the entry has under PAGE_TAG while the hold lasts */
    bool boot;    /* the area is boot RAM */
};
#define PAGE_TAG (AREA_SMALL | AREA_WHOLE | AREA_HOLDER)

/* Written by its processor alone. Others read `used`, `known` and the bases, no more. */
struct page_cpu {
    struct page_slot slots[NR_SLOTS];
    struct page_slot spares[NR_SLOTS];
    i64 used[2]; /* frames allocated less frames freed here: [1] boot RAM, [0] plugged */
    bool known;  /* it may hold something: set before the first hold */
} aligned_to(64);

extern struct page_cpu page_cpus[CPUS_MAX];

static inline struct page_cpu *this_cpu(void)
{
    return &page_cpus[cpu_id()];
}

/* The holder bits of the entry of what a processor's slot or spare holds. */
static inline u32 page_holder(u32 cpu, unsigned slot, bool spare)
{
    return ((spare ? NR_SLOTS : 0) + slot + 1) << AREA_SLOT_SHIFT | cpu << AREA_CPU_SHIFT;
}

/* The entry of an area allocated as one; its shelf field says through which slot. */
static inline u32 page_whole_entry(unsigned slot, bool boot)
{
    return AREA_WHOLE | (boot ? AREA_BOOT : 0) | (slot >= PAGE_NR_KINDS ? AREA_MOVABLE : 0) |
           slot << AREA_SHELF_SHIFT;
}

/* Others may read the base at any time, to look whether the slot holds something. */
static inline void page_slot_set_base(struct page_slot *slot, paddr_t base)
{
    __atomic_store_n(&slot->base, base, __ATOMIC_RELAXED);
}

static inline void page_count_used(struct page_cpu *cpu, bool boot, i64 frames)
{
    __atomic_store_n(&cpu->used[boot], cpu->used[boot] + frames, __ATOMIC_RELAXED);
}

/* Frames managed, [1] in boot RAM, [0] plugged. Written with page_lock held. */
extern u64 page_total[2];

/* What page_init() was given. */
extern const struct boot_info *page_boot;

/* Frames in use, over all processors. */
u64 page_used(bool boot);

/* ---- place.c: which area; all with page_lock held ---- */

/* One frame of boot RAM for mm itself, or PADDR_NONE. */
paddr_t place_boot_frame(void);

/* Allocate for this processor's slot; it may hold another area afterwards. */
paddr_t place(unsigned order, unsigned slot);

/*
 * Let go of the areas that processors hold, all or only those with no frame in
 * use, so that each is idle or on its shelf. True if there were any.
 */
bool place_release_all(bool only_idle);

/* Boot RAM that only the kernel may take, and whether so many frames are above it. */
extern u64 page_reserve_frames;
bool place_above_reserve(u64 nr_frames);

/* ---- hotplug.c ---- */

/* Forget all regions. Boot only. */
void hotplug_init(void);

/* ---- page.c ---- */

/* page_free() with page_lock held already. */
void page_free_locked(paddr_t paddr, unsigned order);

#endif
