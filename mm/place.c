/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an allocation goes: which pageblock a processor takes hold of.
 *
 * The policy keeps whole blocks empty: pageblocks already in use before idle ones,
 * and of each the lowest address. What pins a block and what can be moved out
 * of it never share a pageblock, nor a block of several pageblocks as long as there is another one.
 * All here runs with page_lock held.
 */
#include "mm/place.h"

#include "lib/panic.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/hotplug/region.h"
#include "mm/metadata.h"
#include "mm/mobility.h"
#include "mm/page_debug.h"
#include "mm/reservation.h"

/*
 * Pageblocks searched in vain before an idle one is broken up rather than search on: a
 * bound on one call. Each such pageblock moves to a lower list, so that while one pageblock in
 * twenty is idle all others have been looked at, for every order, before those are gone.
 */
#define PROBES_MAX 128

bool place_above_reserve(u64 nr_frames)
{
    return page_boot_has(page_reserve.growth_frames + PAGEBLOCK_FRAMES + nr_frames);
}

bool place_may_use(bool boot, unsigned number, u64 nr_frames)
{
    if (!boot)
        return number != PAGE_KERNEL;
    u64 kept = number == PAGE_KERNEL ? page_reserve.split_frames
                                     : page_reserve.growth_frames + PAGEBLOCK_FRAMES;
    return page_boot_has_unreserved(kept + nr_frames);
}

/* A pageblock that place() has locked and taken off its free list, with the entry to be. */
struct pick {
    struct pageblock pb;
    u32 entry;
};

/* ---- the search ---- */

/*
 * A pageblock that stands on a free list of the class or a higher one up to `last`,
 * and has a free run of the order. Each pageblock that turns out not to have one
 * goes to the list that says so, which is why the loop ends.
 */
static bool pick_used(unsigned first, unsigned last, unsigned order, unsigned probes,
                      struct pick *pick)
{
    unsigned class;
    while ((class = free_index_first_class(first, last)) != NR_FREE_CLASSES) {
        if (!free_index_find(class, &pick->pb))
            continue;
        pick->entry = pageblock_lock(pageblock_entry(pick->pb));
        if (frame_bits_find(pageblock_free_bits(pick->pb), order) != FRAME_BITS_NONE) {
            pageblock_dequeue(pick->pb, pick->entry);
            return true;
        }
        ASSERT(order > 0); /* on a free list is at least one frame */
        pageblock_enqueue(pick->pb, pick->entry, order - 1);
        if (--probes == 0)
            return false;
    }
    return false;
}

/* The lowest idle pageblock, which is the caller's from then on. */
static bool claim_idle(unsigned class, struct pageblock *found)
{
    while (free_index_find(class, found)) {
        if (section_claim(found->section, pageblock_bit(*found)))
            return true;
    }
    return false;
}

/* ---- movable and unmovable pages in different blocks ---- */

/* Pageblocks looked at before pages go where they may pin a block that others could leave. */
#define PAGEBLOCKS_LOOKED_AT 1024

/*
 * The policy: movable pages stay out of granules that unmovable ones pin, and unmovable pages out
 * of granules that could be emptied. What is pinned already, or idle, allows the latter.
 */
static bool allows(unsigned number, enum mobility mobility)
{
    if (reservation_is_movable(number))
        return mobility <= MOBILITY_FAILED;
    return mobility != MOBILITY_MOVABLE && mobility != MOBILITY_FAILED;
}

/*
 * The lowest idle plugged pageblock in a granule that allows the number, else the lowest.
 * Where a granule is an pageblock they are the same, as a pageblock never has both kinds.
 */
static bool claim_by_mobility(unsigned number, struct pageblock *found)
{
    paddr_t at = 0, from, to;
    u64 used;
    for (u64 left = PAGEBLOCKS_LOOKED_AT; region_has_large_granules && left > 0;) {
        if (!free_index_find_from(FREE_IDLE_PLUGGED, at, found))
            break;
        if (!region_find_granule(pageblock_base(*found), &from, &to) ||
            allows(number, granule_mobility(from, to - from, &used))) {
            if (section_claim(found->section, pageblock_bit(*found)))
                return true;
            continue;
        }
        at = to;
        left -= min_u64((to - from) / PAGEBLOCK_BYTES, left);
    }
    return claim_idle(FREE_IDLE_PLUGGED, found);
}

static bool claim_for(unsigned number, bool boot, struct pageblock *found)
{
    return boot ? claim_idle(FREE_IDLE_BOOT, found) : claim_by_mobility(number, found);
}

/* The claimed pageblock becomes one whose bits say that every frame is free, and is locked. */
static bool open_pageblock(unsigned number, struct pick *pick)
{
    struct section *section = pick->pb.section;
    u64 bit = pageblock_bit(pick->pb);
    if (!metadata_need_bitmap(section)) {
        section_add_idle(section, bit);
        return false;
    }
    section->split |= bit;
    pick->entry = entry_with_list(PB_COMPLETE | PAGEBLOCK_FRAMES, FREE_LIST_TOP);
    if (section->boot)
        pick->entry |= PB_BOOT;
    if (reservation_is_movable(number)) {
        section->movable |= bit;
        pick->entry = entry_with_list(pick->entry, reservation_owner(number)) | PB_MOVABLE;
    }
    pageblock_lock(pageblock_entry(pick->pb));
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++)
        pageblock_free_bits(pick->pb)[i] = ~(u64)0;
    return true;
}

static bool pick_idle(bool boot, unsigned number, struct pick *pick)
{
    return claim_for(number, boot, &pick->pb) && open_pageblock(number, pick);
}

static bool pick_from(bool boot, unsigned number, unsigned order, struct pick *pick)
{
    unsigned list_0 = boot ? FREE_UNMOVABLE_BOOT : FREE_UNMOVABLE_PLUGGED;
    unsigned first = list_0 + order;
    unsigned last = list_0 + FREE_LIST_TOP;
    if (reservation_is_movable(number))
        first = last = FREE_MOVABLE + (reservation_owner(number));
    return pick_used(first, last, order, PROBES_MAX, pick) || pick_idle(boot, number, pick) ||
           pick_used(first, last, order, ~0u, pick);
}

/* The lowest run of a picked pageblock; there is one. */
static paddr_t take(struct pick *pick, unsigned order)
{
    u64 *words = pageblock_free_bits(pick->pb);
    unsigned bit = frame_bits_find(words, order);
    frame_bits_clear(words + bit / 64, bit % 64, order);
    pick->entry -= 1u << order;
    account_alloc(pick->entry, (u64)1 << order);
    return pageblock_base(pick->pb) + ((paddr_t)bit << PAGE_SHIFT);
}

/* A claimed pageblock. */
static paddr_t take_huge(struct pageblock pb, unsigned number)
{
    pageblock_lock(pageblock_entry(pb));
    pageblock_unlock(pageblock_entry(pb), entry_of_huge(number, pb.section->boot));
    account_used[pb.section->boot] += PAGEBLOCK_FRAMES;
    return pageblock_base(pb);
}

static paddr_t place_huge(unsigned number)
{
    for (unsigned i = 0; i < 2; i++) {
        bool boot = reservation_prefers_boot(number) == (i == 0);
        struct pageblock pb;
        if (!place_may_use(boot, number, PAGEBLOCK_FRAMES) || !claim_for(number, boot, &pb))
            continue;
        /* What is kept of boot RAM must be looked at each time, so that is no hint; nor is a second
         * choice, nor a section with granules of several pageblocks, of which some may not suit. */
        if (i == 0 && !boot && !region_has_large_granules)
            own_reservation(number)->section = pb.section;
        return take_huge(pb, number);
    }
    return PADDR_NONE;
}

/* ---- in a given range ---- */

/* The lowest pageblock of the range that stands on a free list and has a run of the order. */
static bool pick_used_between(unsigned order, paddr_t from, paddr_t to, bool boot,
                              struct pick *pick)
{
    unsigned list_0 = boot ? FREE_UNMOVABLE_BOOT : FREE_UNMOVABLE_PLUGGED;
    for (unsigned list = order; list < NR_FREE_LISTS; list++) {
        paddr_t at = from;
        while (free_index_find_from(list_0 + list, at, &pick->pb) &&
               pageblock_base(pick->pb) < to) {
            pick->entry = pageblock_lock(pageblock_entry(pick->pb));
            if (frame_bits_find(pageblock_free_bits(pick->pb), order) != FRAME_BITS_NONE) {
                pageblock_dequeue(pick->pb, pick->entry);
                return true;
            }
            at = pageblock_base(pick->pb) + PAGEBLOCK_BYTES;
            pageblock_enqueue(pick->pb, pick->entry, order - 1);
        }
    }
    return false;
}

static bool claim_idle_between(paddr_t from, paddr_t to, bool boot, struct pageblock *found)
{
    unsigned class = boot ? FREE_IDLE_BOOT : FREE_IDLE_PLUGGED;
    while (free_index_find_from(class, from, found) && pageblock_base(*found) < to) {
        if (section_claim(found->section, pageblock_bit(*found)))
            return true;
    }
    return false;
}

paddr_t place_between(unsigned order, paddr_t from, paddr_t to, bool boot)
{
    struct pick pick;
    paddr_t first = align_up(from, PAGEBLOCK_BYTES);
    paddr_t last = align_down(to, PAGEBLOCK_BYTES);
    if (!place_may_use(boot, PAGE_USER, (u64)1 << order))
        return PADDR_NONE;
    if (order == PAGE_ORDER_MAX)
        return claim_idle_between(first, last, boot, &pick.pb) ? take_huge(pick.pb, PAGE_USER)
                                                               : PADDR_NONE;
    if (!pick_used_between(order, first, last, boot, &pick) &&
        !(claim_idle_between(first, last, boot, &pick.pb) && open_pageblock(PAGE_USER, &pick)))
        return PADDR_NONE;
    paddr_t paddr = take(&pick, order);
    pageblock_enqueue(pick.pb, pick.entry, entry_list(pick.entry));
    return paddr;
}

/* ---- anywhere ---- */

/*
 * A second choice is not held: the next call looks at the first again. Nor is a pageblock of boot
 * RAM of which not all may be used: the next call looks at what is kept. Not while a pageblock is
 * locked.
 */
static bool may_hold(bool boot, unsigned number, bool is_first)
{
    return (is_first || account_managed[false] == 0) &&
           place_may_use(boot, number, PAGEBLOCK_FRAMES);
}

paddr_t place(unsigned order, unsigned number)
{
    reservation_know_cpu();
    if (order == PAGE_ORDER_MAX)
        return place_huge(number);
    reservation_end(number, order);
    for (unsigned i = 0; i < 2; i++) {
        bool boot = reservation_prefers_boot(number) == (i == 0);
        struct pick pick;
        if (!place_may_use(boot, number, (u64)1 << order))
            continue;
        bool holds = may_hold(boot, number, i == 0);
        if (!pick_from(boot, number, order, &pick))
            continue;
        paddr_t paddr = take(&pick, order);
        if (holds)
            reservation_begin(pick.pb, pick.entry, number);
        else
            pageblock_enqueue(pick.pb, pick.entry, entry_list(pick.entry));
        return paddr;
    }
    return PADDR_NONE;
}

paddr_t place_boot_frame(void)
{
    struct pick pick;
    if (!pick_from(true, PAGE_KERNEL, 0, &pick) &&
        !(reservation_end_all(RESERVED_BOOT) && pick_from(true, PAGE_KERNEL, 0, &pick)))
        return PADDR_NONE;
    paddr_t paddr = take(&pick, 0);
    pageblock_enqueue(pick.pb, pick.entry, entry_list(pick.entry));
    return page_debug_taken(paddr, 1);
}
