/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the page allocator share.
 *
 * Each processor holds, for each kind of allocation, one pageblock: its reservation. What
 * it holds is on no free list: it alone allocates from it, under the pageblock's lock,
 * without page_lock; anyone may free into it. Another processor may end the
 * hold, by the entry alone; the tag tells the holder at its next look.
 *
 * Whole pageblocks need no hold: an idle one is claimed by one atomic operation on
 * its section's mask, for which the processor remembers a section that had some.
 *
 * Counting is done where pageblocks change hands, not where frames do: a pageblock that
 * is held counts as used up, and page_used() takes off what is still free in it.
 * It asks each processor; of boot RAM a few additions tell most of the time that enough
 * is free, see page_boot_has().
 */
#ifndef TIDE_MM_PAGE_INTERNAL_H
#define TIDE_MM_PAGE_INTERNAL_H

#include "mm/frame_bits.h"
#include "mm/page.h"
#include "mm/section.h"

_Static_assert(PAGE_OWNERS_MAX == NR_FREE_LISTS, "a list for each owner");

/* Slot numbers: a page_kind, or an owner of movable pages. */
#define RESERVATION_OF_OWNER(owner) (PAGE_NR_KINDS + (owner))
#define NR_RESERVATIONS             (PAGE_NR_KINDS + PAGE_OWNERS_MAX)

/*
 * Written by its processor alone. 64 bytes, so that a reservation's address is a shift
 * and a sum.
 */
struct reservation {
    /* The pageblock that the reservation holds. */
    u32 *pageblock; /* reservation_nothing: holds none */
    u64 *word;      /* of its bits: the one to take from next; written with the pageblock locked */
    paddr_t
        base; /* of that word's first frame, or PADDR_NONE; others read of which pageblock it is */
    u32 tag;  /* what the entry has under PB_RESERVED while the hold lasts */
    /* Where whole pageblocks are claimed. */
    u32 huge_entry;          /* what one so claimed has as its entry */
    struct section *section; /* the empty section: nowhere */
    u64 taken;               /* frames so allocated, in all; read by others */
} aligned_to(64);

/* What a processor has of its own; others read it. */
struct page_cpu {
    struct reservation reservations[NR_RESERVATIONS];
    u64 freed[2]; /* frames freed, but into held pageblocks, since page_used() took the number:
                     [1] boot RAM, [0] plugged */
    bool known;   /* it may hold something: its reservations have been set up by
                     reservation_know_cpu() */
};

_Static_assert(sizeof(struct page_cpu) <= CPU_LOCAL_BYTES, "the room for mm");
_Static_assert((NR_RESERVATIONS << PB_RESERVATION_SHIFT & ~PB_RESERVATION) == 0,
               "reservation numbers fit the entry");
_Static_assert(CPUS_MAX - 1 <= PB_CPU >> PB_CPU_SHIFT, "processor numbers fit the entry");

/* The pageblock of a reservation that holds none: its entry has no tag, so it is never taken from.
 */
extern u32 reservation_nothing;

static inline struct page_cpu *page_cpu_of(u32 cpu)
{
    return cpu_local_of(cpu);
}

static inline struct reservation *reservation_of(u32 cpu, unsigned reservation)
{
    return &page_cpu_of(cpu)->reservations[reservation];
}

/* This processor's. */
static inline struct reservation *own_reservation(unsigned reservation)
{
    return cpu_local(offsetof(struct page_cpu, reservations) +
                     (u64)reservation * sizeof(struct reservation));
}

/* The bits of the pageblock that a reservation holds, and where it begins. */
static inline u64 *reservation_words(const struct reservation *reservation)
{
    return (u64 *)align_down((uintptr_t)reservation->word, PAGEBLOCK_WORDS * sizeof(u64));
}

static inline paddr_t reservation_base(const struct reservation *reservation)
{
    return align_down(reservation->base, PAGEBLOCK_BYTES);
}

/* The holder bits of the entry of what a processor's reservation holds. */
static inline u32 reservation_tag(u32 cpu, unsigned reservation)
{
    return (reservation + 1) << PB_RESERVATION_SHIFT | cpu << PB_CPU_SHIFT;
}

/* Boot RAM is its first choice. */
static inline bool reservation_prefers_boot(unsigned reservation)
{
    return reservation < PAGE_USER;
}

/* The entry of a pageblock allocated as one; its free list field says through which reservation. */
static inline u32 entry_of_huge(unsigned reservation, bool boot)
{
    return PB_HUGE | (boot ? PB_BOOT : 0) | (reservation >= PAGE_NR_KINDS ? PB_MOVABLE : 0) |
           reservation << PB_LIST_SHIFT;
}

static inline void page_count_freed(u32 entry, u64 frames)
{
    struct page_cpu *cpu = cpu_local(0);
    __atomic_fetch_add(&cpu->freed[(entry / PB_BOOT) % 2], frames, __ATOMIC_RELAXED);
}

/* ---- totals: [1] boot RAM, [0] plugged; with page_lock held ---- */

/* Frames managed, and frames that were allocated or stood free in a pageblock when it was held,
 * less those that page_used() found freed. */
extern u64 account_managed[2];
extern u64 account_used[2];

static inline void account_alloc(u32 entry, u64 frames)
{
    account_used[(entry & PB_BOOT) != 0] += frames;
}

static inline void account_free(u32 entry, u64 frames)
{
    account_used[(entry & PB_BOOT) != 0] -= frames;
}

/* Frames in use. O(processors). */
u64 page_used(bool boot);

/* Frames not in use. O(processors). Others free while it counts: what is in use may seem to be more
 * than there is. */
static inline u64 page_unused(bool boot)
{
    return account_managed[boot] - min_u64(account_managed[boot], page_used(boot));
}

/*
 * So many frames of boot RAM are not in use. Each that is was charged, so the total less that is a
 * lower bound; page_used() brings it near again. O(1) but for one call in many.
 */
static inline bool page_boot_has(u64 nr_frames)
{
    return account_managed[true] >= account_used[true] + nr_frames ||
           page_unused(true) >= nr_frames;
}

/* Frames of boot RAM neither in use nor in a pageblock that a processor holds, of which it takes
 * them without another look at what is kept. O(processors). */
u64 page_boot_unreserved(void);

static inline bool page_boot_has_unreserved(u64 nr_frames)
{
    return account_managed[true] >= account_used[true] + nr_frames ||
           page_boot_unreserved() >= nr_frames;
}

/* What page_init() was given. */
extern const struct boot_info *page_boot;

/* ---- place.c: which pageblock; all with page_lock held ---- */

/* One frame of boot RAM, whatever is kept, for mm itself or a page table; or PADDR_NONE. */
paddr_t place_boot_frame(void);

/* Allocate as a user in [from, to), whole pageblocks, of boot RAM or of plugged memory; nothing is
 * held.
 */
paddr_t place_between(unsigned order, paddr_t from, paddr_t to, bool boot);

/* Allocate for this processor's reservation, which may hold another pageblock afterwards. */
paddr_t place(unsigned order, unsigned reservation);

/*
 * What of boot RAM is kept free, and by whom. Page tables of the identity map and
 * mm's own frames may take all of it.
 */
struct page_reserve {
    u64 split_frames;  /* the rest of the kernel: for tables that unmapping needs */
    u64 growth_frames; /* users, who leave a pageblock more for the kernel: for tables and sections
                          of memory that is still absent */
};
extern struct page_reserve page_reserve;

/* Boot RAM has so many frames above what users leave. */
bool place_above_reserve(u64 nr_frames);

/* The reservation may take so many frames of boot RAM, or of plugged memory. */
bool place_may_use(bool boot, unsigned reservation, u64 nr_frames);

/* ---- reservation.c: what processors hold; all with page_lock held ---- */

/* No processor holds anything or is known. Boot only. */
void reservation_init(void);

/* Set up this processor's reservations, if they are not. Before it can hold anything. */
void reservation_know_cpu(void);

/* The locked pageblock, which is on no free list, is this processor's reservation's from now on;
 * unlocks. */
void reservation_begin(struct pageblock pb, u32 entry, unsigned reservation);

/* The bits of the pageblock that a reservation of any processor holds have moved here; the
 * pageblock is locked. */
void reservation_follow(u32 cpu, unsigned reservation, u64 *words);

/* This processor's reservation gives up its pageblock, in which a search for `order` was in vain.
 */
void reservation_end(unsigned reservation, unsigned order);

enum reservation_filter {
    RESERVED_ANY,
    RESERVED_IDLE, /* no frame of the pageblock is in use */
    RESERVED_BOOT, /* it is boot RAM */
};

/* Let go of such pageblocks that processors hold: each is idle or on its free list. True if there
 * were any.
 */
bool reservation_end_all(enum reservation_filter filter);

/* ---- page_owner.c ---- */

/* No owners. Boot only. */
void page_owner_init(void);

/* The owner of a movable pageblock, from its entry. */
struct page_owner *page_owner_of(u32 entry);

/* ---- hotplug.c ---- */

/*
 * What is emptied at once: the fewest blocks that together are whole pageblocks, from a pageblock's
 * base on. One block, where it is a multiple of a pageblock.
 */
struct hotplug_granules {
    paddr_t from, to; /* whole granules */
    u64 granule_bytes;
    u64 blocks_per_granule;
};

/* The granules within [from, to) of from's region; false if there is none. */
bool hotplug_find_granules(paddr_t from, paddr_t to, struct hotplug_granules *granules);

/* The granule that paddr lies in, [*from, *to); false if in none. */
bool hotplug_find_granule(paddr_t paddr, paddr_t *from, paddr_t *to);

/* A region has granules of several pageblocks: then placement keeps kinds apart by granule, not
 * only by pageblock.
 */
extern bool hotplug_has_large_granules;

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

/* page_alloc() for a reservation, without a look at poison. */
paddr_t page_alloc_reserved(unsigned order, unsigned reservation);

/* page_free() of what nobody has seen: it is not poisoned, and so not touched. */
#ifdef TIDE_DEBUG
void page_free_untouched(paddr_t paddr, unsigned order);
#else
#define page_free_untouched page_free
#endif

/* page_free(paddr, 0) with page_lock held already. */
void page_free_frame_locked(paddr_t paddr);

#endif
