/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where an allocation goes: which area a processor takes hold of.
 *
 * The policy keeps whole blocks empty: areas already in use before idle ones,
 * and of each the lowest address. What pins a block and what can be moved out
 * of it never share an area, nor a block of several areas as long as there is another one. All here
 * runs with page_lock held.
 */
#include "extras/check/poison.h"
#include "lib/panic.h"
#include "mm/hotplug/pinned.h"
#include "mm/index.h"
#include "mm/meta.h"
#include "mm/page_internal.h"

/*
 * Areas searched in vain before an idle one is broken up rather than search on: a
 * bound on one call. Each such area moves to a lower shelf, so that while one area in
 * twenty is idle all others have been looked at, for every order, before those are gone.
 */
#define PROBES_MAX 128

struct page_reserve page_reserve;

bool place_above_reserve(u64 nr_frames)
{
    return page_boot_has(page_reserve.growth_frames + AREA_FRAMES + nr_frames);
}

bool place_may_use(bool boot, unsigned slot, u64 nr_frames)
{
    if (!boot)
        return slot != PAGE_KERNEL;
    u64 kept =
        slot == PAGE_KERNEL ? page_reserve.split_frames : page_reserve.growth_frames + AREA_FRAMES;
    return page_boot_has_unheld(kept + nr_frames);
}

/* An area that place() has locked and taken off its shelf, with the entry to be. */
struct pick {
    struct area_ref ref;
    u32 entry;
};

/* ---- the search ---- */

/*
 * An area that stands on a shelf of the category or a higher one up to `last`,
 * and has a free run of the order. Each area that turns out not to have one
 * goes to the shelf that says so, which is why the loop ends.
 */
static bool pick_used(unsigned first, unsigned last, unsigned order, unsigned probes,
                      struct pick *pick)
{
    unsigned category;
    while ((category = index_first_category(first, last)) != NR_CATEGORIES) {
        if (!index_find(category, &pick->ref))
            continue;
        pick->entry = area_lock(area_entry(pick->ref));
        if (area_bits_find(area_words(pick->ref), order) != AREA_BITS_NONE) {
            area_unfile(pick->ref, pick->entry);
            return true;
        }
        ASSERT(order > 0); /* on a shelf is at least one frame */
        area_file(pick->ref, pick->entry, order - 1);
        if (--probes == 0)
            return false;
    }
    return false;
}

/* The lowest idle area, which is the caller's from then on. */
static bool claim_idle(unsigned category, struct area_ref *found)
{
    while (index_find(category, found)) {
        if (group_claim(found->group, area_bit(*found)))
            return true;
    }
    return false;
}

/* ---- movable and unmovable pages in different blocks ---- */

/* Areas looked at before pages go where they may pin a block that others could leave. */
#define AREAS_LOOKED_AT 1024

/*
 * The policy: movable pages stay out of units that unmovable ones pin, and unmovable pages out of
 * units that could be emptied. What is pinned already, or idle, suits the latter.
 */
static bool suits(unsigned slot, enum content content)
{
    if (slot >= PAGE_NR_KINDS)
        return content <= REFUSED;
    return content != MOVABLE && content != REFUSED;
}

/*
 * The lowest idle plugged area in a unit that suits the slot, else the lowest. Where a unit is an
 * area they are the same, as an area never has both kinds.
 */
static bool claim_suitable(unsigned slot, struct area_ref *found)
{
    paddr_t at = 0, from, to;
    u64 used;
    for (u64 left = AREAS_LOOKED_AT; hotplug_has_large_units && left > 0;) {
        if (!index_find_from(CATEGORY_IDLE_PLUGGED, at, found))
            break;
        if (!hotplug_find_unit(area_base(*found), &from, &to) ||
            suits(slot, unit_content(from, to - from, &used))) {
            if (group_claim(found->group, area_bit(*found)))
                return true;
            continue;
        }
        at = to;
        left -= min_u64((to - from) / AREA_BYTES, left);
    }
    return claim_idle(CATEGORY_IDLE_PLUGGED, found);
}

static bool claim_for(unsigned slot, bool boot, struct area_ref *found)
{
    return boot ? claim_idle(CATEGORY_IDLE_BOOT, found) : claim_suitable(slot, found);
}

/* The claimed area becomes one whose bits say that every frame is free, and is locked. */
static bool open_area(unsigned slot, struct pick *pick)
{
    struct group *group = pick->ref.group;
    u64 bit = area_bit(pick->ref);
    if (!meta_need_bitmap(group)) {
        group_add_idle(group, bit);
        return false;
    }
    group->small |= bit;
    pick->entry = area_with_shelf(AREA_PLAIN | AREA_FRAMES, SHELF_UNKNOWN);
    if (group->boot)
        pick->entry |= AREA_BOOT;
    if (slot >= PAGE_NR_KINDS) {
        group->movable |= bit;
        pick->entry = area_with_shelf(pick->entry, slot - PAGE_NR_KINDS) | AREA_MOVABLE;
    }
    area_lock(area_entry(pick->ref));
    for (unsigned i = 0; i < AREA_WORDS; i++)
        area_words(pick->ref)[i] = ~(u64)0;
    return true;
}

static bool pick_idle(bool boot, unsigned slot, struct pick *pick)
{
    return claim_for(slot, boot, &pick->ref) && open_area(slot, pick);
}

static bool pick_from(bool boot, unsigned slot, unsigned order, struct pick *pick)
{
    unsigned shelf_0 = boot ? CATEGORY_FIXED_BOOT : CATEGORY_FIXED_PLUGGED;
    unsigned first = shelf_0 + order;
    unsigned last = shelf_0 + SHELF_UNKNOWN;
    if (slot >= PAGE_NR_KINDS)
        first = last = CATEGORY_MOVABLE + (slot - PAGE_NR_KINDS);
    return pick_used(first, last, order, PROBES_MAX, pick) || pick_idle(boot, slot, pick) ||
           pick_used(first, last, order, ~0u, pick);
}

/* The lowest run of a picked area; there is one. */
static paddr_t take(struct pick *pick, unsigned order)
{
    u64 *words = area_words(pick->ref);
    unsigned bit = area_bits_find(words, order);
    area_bits_clear(words + bit / 64, bit % 64, order);
    pick->entry -= 1u << order;
    page_charge(pick->entry, (u64)1 << order);
    return area_base(pick->ref) + ((paddr_t)bit << PAGE_SHIFT);
}

/* A claimed area. */
static paddr_t take_whole(struct area_ref ref, unsigned slot)
{
    area_lock(area_entry(ref));
    area_unlock(area_entry(ref), page_whole_entry(slot, ref.group->boot));
    page_charged[ref.group->boot] += AREA_FRAMES;
    return area_base(ref);
}

static paddr_t place_whole(unsigned slot)
{
    for (unsigned i = 0; i < 2; i++) {
        bool boot = page_prefers_boot(slot) == (i == 0);
        struct area_ref ref;
        if (!place_may_use(boot, slot, AREA_FRAMES) || !claim_for(slot, boot, &ref))
            continue;
        /* What is kept of boot RAM must be looked at each time, so that is no hint; nor is a second
         * choice, nor a group with units of several areas, of which some may not suit. */
        if (i == 0 && !boot && !hotplug_has_large_units)
            page_slot(slot)->group = ref.group;
        return take_whole(ref, slot);
    }
    return PADDR_NONE;
}

/* ---- in a given range ---- */

/* The lowest area of the range that stands on a shelf and has a run of the order. */
static bool pick_used_between(unsigned order, paddr_t from, paddr_t to, bool boot,
                              struct pick *pick)
{
    unsigned shelf_0 = boot ? CATEGORY_FIXED_BOOT : CATEGORY_FIXED_PLUGGED;
    for (unsigned shelf = order; shelf < NR_SHELVES; shelf++) {
        paddr_t at = from;
        while (index_find_from(shelf_0 + shelf, at, &pick->ref) && area_base(pick->ref) < to) {
            pick->entry = area_lock(area_entry(pick->ref));
            if (area_bits_find(area_words(pick->ref), order) != AREA_BITS_NONE) {
                area_unfile(pick->ref, pick->entry);
                return true;
            }
            at = area_base(pick->ref) + AREA_BYTES;
            area_file(pick->ref, pick->entry, order - 1);
        }
    }
    return false;
}

static bool claim_idle_between(paddr_t from, paddr_t to, bool boot, struct area_ref *found)
{
    unsigned category = boot ? CATEGORY_IDLE_BOOT : CATEGORY_IDLE_PLUGGED;
    while (index_find_from(category, from, found) && area_base(*found) < to) {
        if (group_claim(found->group, area_bit(*found)))
            return true;
    }
    return false;
}

paddr_t place_between(unsigned order, paddr_t from, paddr_t to, bool boot)
{
    struct pick pick;
    paddr_t first = align_up(from, AREA_BYTES);
    paddr_t last = align_down(to, AREA_BYTES);
    if (!place_may_use(boot, PAGE_USER, (u64)1 << order))
        return PADDR_NONE;
    if (order == PAGE_ORDER_MAX)
        return claim_idle_between(first, last, boot, &pick.ref) ? take_whole(pick.ref, PAGE_USER)
                                                                : PADDR_NONE;
    if (!pick_used_between(order, first, last, boot, &pick) &&
        !(claim_idle_between(first, last, boot, &pick.ref) && open_area(PAGE_USER, &pick)))
        return PADDR_NONE;
    paddr_t paddr = take(&pick, order);
    area_file(pick.ref, pick.entry, area_shelf(pick.entry));
    return paddr;
}

/* ---- anywhere ---- */

/*
 * A second choice is not held: the next call looks at the first again. Nor is an area of boot RAM
 * of which not all may be used: the next call looks at what is kept. Not while an area is locked.
 */
static bool may_hold(bool boot, unsigned slot, bool is_first)
{
    return (is_first || page_total[false] == 0) && place_may_use(boot, slot, AREA_FRAMES);
}

paddr_t place(unsigned order, unsigned slot)
{
    hold_know_cpu();
    if (order == PAGE_ORDER_MAX)
        return place_whole(slot);
    hold_end(slot, order);
    for (unsigned i = 0; i < 2; i++) {
        bool boot = page_prefers_boot(slot) == (i == 0);
        struct pick pick;
        if (!place_may_use(boot, slot, (u64)1 << order))
            continue;
        bool holds = may_hold(boot, slot, i == 0);
        if (!pick_from(boot, slot, order, &pick))
            continue;
        paddr_t paddr = take(&pick, order);
        if (holds)
            hold(pick.ref, pick.entry, slot);
        else
            area_file(pick.ref, pick.entry, area_shelf(pick.entry));
        return paddr;
    }
    return PADDR_NONE;
}

paddr_t place_boot_frame(void)
{
    struct pick pick;
    if (!pick_from(true, PAGE_KERNEL, 0, &pick) &&
        !(hold_end_all(HOLD_BOOT) && pick_from(true, PAGE_KERNEL, 0, &pick)))
        return PADDR_NONE;
    paddr_t paddr = take(&pick, 0);
    area_file(pick.ref, pick.entry, area_shelf(pick.entry));
    return poison_taken(paddr, 1);
}
