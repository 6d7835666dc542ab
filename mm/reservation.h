/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations, as in LLFree: each processor reserves one pageblock for each kind
 * of allocation and for each owner of movable pages; of the kind PAGE_USER one for
 * each of the orders 0 to 2, and one for the larger orders in turn. A reserved pageblock is on no
 * free list. Its processor alone allocates from it, under the pageblock's lock but
 * without page_lock; every processor may free into it. Any processor may end the
 * reservation by a change of the entry; the one that had it learns that from the
 * tag, at its next look.
 *
 * Huge pages need no reservation: an idle pageblock is claimed by one atomic
 * operation on its section's mask. The processor remembers a section that had some.
 */
#ifndef TIDE_MM_RESERVATION_H
#define TIDE_MM_RESERVATION_H

#include "mm/account.h"
#include "mm/frame_bits.h"
#include "mm/page.h"
#include "mm/section.h"

_Static_assert(PAGE_OWNERS_MAX == NR_FREE_LISTS, "a free list for each owner");

/*
 * A reservation's number: a page_kind, which for PAGE_USER is that of order 0, a
 * larger order of PAGE_USER, or an owner of movable pages.
 */
#define RESERVED_ORDERS             3 /* PAGE_USER has a reservation for order 3 and above */
#define RESERVATION_OF_OWNER(owner) (PAGE_NR_KINDS + RESERVED_ORDERS + (owner))
#define NR_RESERVATIONS             RESERVATION_OF_OWNER(PAGE_OWNERS_MAX)

/* Written by its processor alone. Of 64 bytes, so that its address is a shift and a sum. */
struct reservation {
    u32 *pageblock; /* its entry; &reservation_nothing: none is reserved */
    u64 *word;      /* of its bits: the one to take from next; written with the pageblock locked */
    paddr_t base;   /* of that word's first frame, or PADDR_NONE; other processors read it */
    u32 tag;        /* what the entry has under PB_RESERVED while the reservation lasts */
    u32 orders;     /* bit n: the pageblock is for allocations of order n */
    /* For huge pages. */
    u32 huge_entry;          /* the entry of a pageblock that was claimed here */
    struct section *section; /* where to claim; the empty section: nowhere */
    u64 taken;               /* frames so allocated, in all; other processors read it */
} aligned_to(64);

/* What a processor has of its own. */
struct page_cpu {
    struct reservation reservations[NR_RESERVATIONS];
    u64 freed[2]; /* frames freed since page_used() last took the number, but for those of reserved
                     pageblocks: [1] boot RAM, [0] plugged */
    u32 reserved; /* a bit for each reservation that has a pageblock; it may have been ended */
    bool known;   /* it may have reservations: see reservation_know_cpu() */
};

_Static_assert(sizeof(struct page_cpu) <= CPU_LOCAL_BYTES, "the room for mm");
_Static_assert((NR_RESERVATIONS << PB_RESERVATION_SHIFT & ~PB_RESERVATION) == 0,
               "reservation numbers fit the entry");
_Static_assert(CPUS_MAX - 1 <= PB_CPU >> PB_CPU_SHIFT, "processor numbers fit the entry");

extern u32 reservation_nothing;

static inline struct page_cpu *page_cpu_of(u32 cpu)
{
    return cpu_local_of(cpu);
}

static inline struct reservation *reservation_of(u32 cpu, unsigned number)
{
    return &page_cpu_of(cpu)->reservations[number];
}

/* This processor's. */
static inline struct reservation *own_reservation(unsigned number)
{
    return cpu_local(offsetof(struct page_cpu, reservations) +
                     (u64)number * sizeof(struct reservation));
}

/* The bits of the reserved pageblock, and where it begins. */
static inline u64 *reservation_words(const struct reservation *reservation)
{
    return (u64 *)align_down((uintptr_t)reservation->word, PAGEBLOCK_WORDS * sizeof(u64));
}

static inline paddr_t reservation_base(const struct reservation *reservation)
{
    return align_down(reservation->base, PAGEBLOCK_BYTES);
}

/* What the entry of a pageblock has under PB_RESERVED while this reservation has it. */
static inline u32 reservation_tag(u32 cpu, unsigned number)
{
    return (number + 1) << PB_RESERVATION_SHIFT | cpu << PB_CPU_SHIFT;
}

static inline bool reservation_is_movable(unsigned number)
{
    return number >= RESERVATION_OF_OWNER(0);
}

static inline unsigned reservation_owner(unsigned number)
{
    return number - RESERVATION_OF_OWNER(0);
}

/* How many further the reservation is that serves order 1 to 8 of this kind or owner. */
static inline unsigned reservation_of_run(unsigned number, unsigned order)
{
    if (number != PAGE_USER)
        return 0;
    return order < RESERVED_ORDERS ? order : RESERVED_ORDERS;
}

static inline bool reservation_prefers_boot(unsigned number)
{
    return number < PAGE_USER;
}

static inline u32 entry_of_huge(unsigned number, bool boot)
{
    u32 entry = PB_HUGE | (boot ? PB_BOOT : 0);
    return reservation_is_movable(number) ? entry_with_owner(entry, reservation_owner(number))
                                          : entry;
}

/* Frames of a pageblock that is not reserved were freed. Any context, no lock. */
static inline void page_count_freed(u32 entry, u64 frames)
{
    struct page_cpu *cpu = cpu_local(0);
    __atomic_fetch_add(&cpu->freed[(entry / PB_BOOT) % 2], frames, __ATOMIC_RELAXED);
}

/* ---- page_lock held ---- */

/* No processor has a reservation or is known. Boot only. */
void reservation_init(void);

/* Set up this processor's reservations, once, before its first one begins. */
void reservation_know_cpu(void);

/* This processor reserves the pageblock, which is locked and on no free list, for these orders;
 * unlocks. */
void reservation_begin(struct pageblock pb, u32 entry, unsigned number, u32 orders);

/* The bits of the locked pageblock have moved: tell the reservation that has it, if any. */
void reservation_follow(u32 entry, u64 *words);

/* End this processor's reservation, if it has one; a search for `order` in it was in vain. */
void reservation_end(unsigned number, unsigned order);

enum reservation_filter {
    RESERVED_ANY,
    RESERVED_IDLE, /* no frame of the pageblock is in use */
    RESERVED_BOOT,
};

/* End such reservations of all processors: the pageblocks become idle or go to a free list. True if
 * there were any. */
bool reservation_end_all(enum reservation_filter filter);

/* Whether a reservation of any processor points into the frame of sections, also one that has ended
 * without its processor's knowledge. O(processors). */
bool reservation_points_into(const void *frame);

/* ---- counting; page_lock held ---- */

/* Frames in use. O(processors). */
u64 page_used(bool boot);

/* Frames not in use, or fewer, as others free while it counts. O(processors). */
static inline u64 page_unused(bool boot)
{
    return account_managed[boot] - min_u64(account_managed[boot], page_used(boot));
}

/* So many frames of boot RAM are not in use. O(1) but for one call in many. */
static inline bool page_boot_has(u64 nr_frames)
{
    return account_managed[true] >= account_used[true] + nr_frames ||
           page_unused(true) >= nr_frames;
}

/* Frames of boot RAM that are neither in use nor reserved. O(processors). */
u64 page_boot_unreserved(void);

static inline bool page_boot_has_unreserved(u64 nr_frames)
{
    return account_managed[true] >= account_used[true] + nr_frames ||
           page_boot_unreserved() >= nr_frames;
}

#endif
