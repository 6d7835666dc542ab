/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Placement: which pageblock an allocation comes from, and which one a processor
 * reserves. See place.h.
 *
 * Whole blocks are kept empty: split pageblocks come before idle ones. In plugged
 * memory an unmovable pageblock is for pages of one order, so that every hole in it
 * fits the next page; the fullest comes first, then the lowest address. Movable and unmovable pages
 * never share a pageblock, nor an offline granule as long as there is another one.
 */
#include "mm/place.h"

#include "lib/panic.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/hotplug/region.h"
#include "mm/metadata.h"
#include "mm/mobility.h"
#include "mm/page_debug.h"
#include "mm/pageblock_place.h"
#include "mm/reservation.h"

/*
 * So many pageblocks are searched in vain before an idle one is split: the bound of
 * one call. Each of them moves to a lower free list, so while one pageblock in
 * twenty is idle all others are searched, for every order, before the idle ones are gone.
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

/* A pageblock that is locked and on no free list, with its new entry. */
struct pick {
    struct pageblock pb;
    u32 entry;
    unsigned frame; /* where its lowest free run of the order begins */
};

/* ---- the search ---- */

static bool find_run(struct pick *pick, unsigned order)
{
    pick->frame = frame_bits_find(pageblock_free_bits(pick->pb), order);
    return pick->frame != FRAME_BITS_NONE;
}

/* It stands in a class of fuller pageblocks. The classes of an order are one for each quarter. */
static bool has_emptied(const struct pick *pick, unsigned class)
{
    return class >= FREE_ORDER_PLUGGED &&
           class < FREE_ORDER_PLUGGED + entry_quarters_to_find(pick->entry) * NR_ORDERS;
}

/*
 * A pageblock of the classes that has a free run of the order. One that turns out to
 * have none moves to a lower free list, and one that has emptied to a later class, so
 * the loop ends.
 */
static bool pick_used(u64 classes, unsigned order, unsigned probes, struct pick *pick)
{
    unsigned class;
    while ((class = free_index_first_class(classes)) != NR_FREE_CLASSES) {
        if (!free_index_find(class, &pick->pb))
            continue;
        pick->entry = pageblock_lock(pageblock_entry(pick->pb));
        if (probes > 0 && has_emptied(pick, class)) {
            pageblock_requeue_emptier(pick->pb, pick->entry, class);
        } else if (find_run(pick, order)) {
            pageblock_dequeue_from(pick->pb, class);
            return true;
        } else {
            ASSERT(order > 0); /* a pageblock on a free list has at least one free frame */
            pageblock_enqueue(pick->pb, pick->entry, order - 1);
            if (probes == 0)
                return false;
        }
        probes--;
    }
    return false;
}

/* ---- which classes ---- */

/* `count` classes from `first` on. */
static u64 classes_from(unsigned first, unsigned count)
{
    return (((u64)1 << count) - 1) << first;
}

/* Pageblocks for these orders of which this many quarters were free, or more. */
static u64 classes_for(unsigned first_order, unsigned nr_orders, unsigned quarters)
{
    u64 of_full = classes_from(first_order, nr_orders);
    u64 classes =
        of_full | of_full << NR_ORDERS | of_full << 2 * NR_ORDERS | of_full << 3 * NR_ORDERS;
    return (classes & ~classes_from(0, quarters * NR_ORDERS)) << FREE_ORDER_PLUGGED;
}
_Static_assert(NR_QUARTERS == 4, "classes_for() has four terms");

/* Pageblocks for any order of which a bound of the largest run is known, this order or a larger. */
static u64 classes_bounded(unsigned order)
{
    return classes_from(FREE_BOUNDED_PLUGGED + order, FREE_LIST_TOP - order);
}

static u64 classes_of_boot(unsigned order)
{
    return classes_from(FREE_UNMOVABLE_BOOT + order, NR_FREE_LISTS - order);
}

/* The lowest idle pageblock, claimed. */
static bool claim_idle(unsigned class, struct pageblock *found)
{
    while (free_index_find(class, found)) {
        if (section_claim(found->section, pageblock_bit(*found)))
            return true;
    }
    return false;
}

/* ---- mobility ---- */

/* So many pageblocks are looked at before a page goes where it may keep a block plugged. */
#define PAGEBLOCKS_LOOKED_AT 1024

/*
 * Movable pages stay out of granules that unmovable ones keep plugged, and
 * unmovable pages out of granules that could be emptied.
 */
static bool allows(unsigned number, enum mobility mobility)
{
    if (reservation_is_movable(number))
        return mobility <= MOBILITY_FAILED;
    return mobility != MOBILITY_MOVABLE && mobility != MOBILITY_FAILED;
}

/*
 * The lowest idle plugged pageblock in a granule that allows such pages, else the
 * lowest. Granules of one pageblock are all the same, as a pageblock has only one kind.
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

/* Split the claimed pageblock: locked, with every frame free. */
static bool split_pageblock(unsigned number, unsigned order, struct pick *pick)
{
    struct section *section = pick->pb.section;
    u64 bit = pageblock_bit(pick->pb);
    if (!metadata_need_bitmap(section)) {
        section_add_idle(section, bit);
        return false;
    }
    section->split |= bit;
    pick->frame = 0;
    pick->entry = entry_with_list(PB_COMPLETE | PAGEBLOCK_FRAMES, FREE_LIST_TOP);
    if (section->boot)
        pick->entry |= PB_BOOT;
    if (reservation_is_movable(number)) {
        section->movable |= bit;
        pick->entry = entry_with_owner(pick->entry, reservation_owner(number));
    } else if (!section->boot) {
        pageblock_set_order(pick->pb, order);
    }
    pageblock_lock(pageblock_entry(pick->pb));
    for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++)
        pageblock_free_bits(pick->pb)[i] = ~(u64)0;
    return true;
}

static bool pick_idle(bool boot, unsigned number, unsigned order, struct pick *pick)
{
    return claim_for(number, boot, &pick->pb) && split_pageblock(number, order, pick);
}

/*
 * A pageblock for a larger order that is half empty becomes one for this order: better
 * than to split an idle one, and there are pages of the larger order in few of them.
 */
static bool pick_half_empty(unsigned order, struct pick *pick)
{
    u64 larger = classes_for(order + 1, FREE_LIST_TOP - order, NR_QUARTERS / 2);
    if (!pick_used(larger, order, PROBES_MAX, pick))
        return false;
    pageblock_set_order(pick->pb, order);
    return true;
}

/*
 * Plugged memory, unmovable: those for other orders come when no pageblock is idle. In sparse
 * memory those for smaller orders come first: small pages are many, and the last to go.
 */
static bool pick_by_order(unsigned number, unsigned order, struct pick *pick)
{
    u64 bounded = classes_bounded(order);
    for (unsigned of = place_is_sparse() ? 0 : order; of <= order; of++) {
        if (pick_used(bounded | classes_for(of, 1, 0), order, PROBES_MAX, pick))
            return true;
    }
    return pick_half_empty(order, pick) || pick_idle(false, number, order, pick) ||
           pick_used(bounded | classes_for(order, NR_ORDERS - order, 0), order, ~0u, pick) ||
           pick_used(classes_for(0, order, 0), order, ~0u, pick);
}

static bool pick_from(bool boot, unsigned number, unsigned order, struct pick *pick)
{
    if (!boot && !reservation_is_movable(number))
        return pick_by_order(number, order, pick);
    u64 classes = reservation_is_movable(number)
                      ? classes_from(FREE_MOVABLE + reservation_owner(number), 1)
                      : classes_of_boot(order);
    return pick_used(classes, order, PROBES_MAX, pick) || pick_idle(boot, number, order, pick) ||
           pick_used(classes, order, ~0u, pick);
}

/* The lowest run of a picked pageblock; there is one. */
static paddr_t take(struct pick *pick, unsigned order)
{
    u64 *words = pageblock_free_bits(pick->pb);
    frame_bits_clear(words + pick->frame / 64, pick->frame % 64, order);
    pick->entry -= 1u << order;
    account_alloc(pick->entry, (u64)1 << order);
    return pageblock_base(pick->pb) + ((paddr_t)pick->frame << PAGE_SHIFT);
}

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
        /* The next huge pages come from this section without a look: not if the reserve of boot
         * RAM or the mobility of a granule must be looked at, nor for a second choice. */
        if (i == 0 && !boot && !region_has_large_granules)
            own_reservation(number)->section = pb.section;
        return take_huge(pb, number);
    }
    return PADDR_NONE;
}

/* ---- in a given range ---- */

static bool pick_used_between(u64 classes, unsigned order, paddr_t from, paddr_t to,
                              struct pick *pick)
{
    for (; classes != 0; classes &= classes - 1) {
        unsigned class = (unsigned)__builtin_ctzll(classes);
        paddr_t at = from;
        while (free_index_find_from(class, at, &pick->pb) && pageblock_base(pick->pb) < to) {
            pick->entry = pageblock_lock(pageblock_entry(pick->pb));
            if (find_run(pick, order)) {
                pageblock_dequeue_from(pick->pb, class);
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
    u64 classes =
        boot ? classes_of_boot(order) : classes_bounded(order) | classes_for(0, NR_ORDERS, 0);
    if (!pick_used_between(classes, order, first, last, &pick) &&
        !(claim_idle_between(first, last, boot, &pick.pb) &&
          split_pageblock(PAGE_USER, order, &pick)))
        return PADDR_NONE;
    paddr_t paddr = take(&pick, order);
    pageblock_enqueue(pick.pb, pick.entry, entry_list(pick.entry));
    return paddr;
}

/* ---- anywhere ---- */

/*
 * A second choice is not reserved, so that the next call tries the first again. Nor
 * is boot RAM of which a part is kept for others. Not while a pageblock is locked.
 */
static bool may_reserve(bool boot, unsigned number, bool is_first)
{
    return (is_first || account_managed[false] == 0) &&
           place_may_use(boot, number, PAGEBLOCK_FRAMES);
}

/* Which orders may share the pageblock that the reservation has now. */
static u32 reserved_orders(unsigned number, unsigned order)
{
    return number == PAGE_USER + RESERVED_ORDERS ? 1u << order : ~0u;
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
        bool reserves = may_reserve(boot, number, i == 0);
        if (!pick_from(boot, number, order, &pick))
            continue;
        paddr_t paddr = take(&pick, order);
        if (reserves)
            reservation_begin(pick.pb, pick.entry, number, reserved_orders(number, order));
        else
            pageblock_enqueue(pick.pb, pick.entry, entry_list(pick.entry));
        return paddr;
    }
    return PADDR_NONE;
}

/* The lowest free frame of a used pageblock, which stays on its free list: an upper bound. */
static bool find_boot_frame(struct pick *pick)
{
    unsigned class;
    while ((class = free_index_first_class(classes_of_boot(0))) != NR_FREE_CLASSES) {
        if (free_index_find(class, &pick->pb)) {
            pick->entry = pageblock_lock(pageblock_entry(pick->pb));
            return find_run(pick, 0);
        }
    }
    return false;
}

paddr_t place_boot_frame(void)
{
    struct pick pick;
    bool is_used;
    while (!(is_used = find_boot_frame(&pick)) && !pick_idle(true, PAGE_KERNEL, 0, &pick)) {
        if (!reservation_end_all(RESERVED_BOOT))
            return PADDR_NONE;
    }
    paddr_t paddr = take(&pick, 0);
    if (is_used && pick.entry & PB_FREE)
        pageblock_unlock(pageblock_entry(pick.pb), pick.entry);
    else
        pageblock_enqueue(pick.pb, pick.entry, entry_list(pick.entry));
    return page_debug_taken(paddr, 1);
}
