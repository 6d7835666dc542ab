/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emptying blocks: which ones, and moving their pages away. See hotplug.h.
 *
 * The unit is a block, or several where one is not whole areas: of those some
 * may be absent, and with them parts of the unit. The chosen units are marked
 * in their groups' masks (closed), so a session is a few addresses and the
 * struct is all the memory that it needs. Owners are called without page_lock:
 * they may allocate. hotplug_lock guards the sessions.
 */
#include "include/status.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/pinned.h"
#include "mm/index.h"
#include "mm/page_internal.h"

#define NR_BUCKETS 256

static bool is_present(struct area_ref ref)
{
    return ref.group && ref.group->present & area_bit(ref);
}

/* ---- choosing; with page_lock held ---- */

static unsigned bucket_of(const struct hotplug_evacuation *session, u64 used)
{
    return (unsigned)(used * (NR_BUCKETS - 1) / (session->unit_bytes >> PAGE_SHIFT));
}

static bool has_arrivals(paddr_t unit, u64 unit_bytes)
{
    for (paddr_t at = unit; at < unit + unit_bytes; at += AREA_BYTES) {
        struct area_ref ref = index_area(at);
        if (ref.group && ref.group->arrived & area_bit(ref))
            return true;
    }
    return false;
}

static bool can_empty(const struct hotplug_evacuation *session, paddr_t unit, u64 *used)
{
    return unit_content(unit, session->unit_bytes, used) == MOVABLE &&
           !has_arrivals(unit, session->unit_bytes);
}

static void open_area(struct area_ref ref)
{
    if (!ref.group || !(ref.group->closed & area_bit(ref)))
        return;
    ref.group->closed &= ~area_bit(ref);
    u32 entry = area_lock(area_entry(ref));
    if (is_closed_whole(entry))
        entry = (entry & ~AREA_META) | AREA_WHOLE;
    area_file(ref, entry, SHELF_UNKNOWN);
    if (entry == 0)
        group_add_idle(ref.group, area_bit(ref));
}

static void open_range(paddr_t from, paddr_t to)
{
    for (paddr_t at = from; at < to; at += AREA_BYTES)
        open_area(index_area(at));
}

/* Allocation passes the area by from here on. False if another processor has just taken it. */
static bool close_area(struct area_ref ref)
{
    u32 entry = area_lock(area_entry(ref));
    if (entry == 0 ? !group_claim(ref.group, area_bit(ref)) : !(entry & AREA_MOVABLE)) {
        area_unlock(area_entry(ref), entry);
        return false;
    }
    ref.group->closed |= area_bit(ref);
    if (entry & AREA_SMALL)
        area_unfile(ref, entry);
    entry &= ~AREA_SETTLED;
    if (entry & AREA_WHOLE)
        entry = (entry & ~AREA_WHOLE) | AREA_CLOSED_WHOLE;
    area_unlock(area_entry(ref), entry);
    return true;
}

static bool close_unit(paddr_t unit, u64 unit_bytes)
{
    for (paddr_t at = unit; at < unit + unit_bytes; at += AREA_BYTES) {
        if (is_present(index_area(at)) && !close_area(index_area(at))) {
            open_range(unit, at);
            return false;
        }
    }
    return true;
}

/* Close all units with fewer used frames than a limit, and of those at it as many as are wanted. */
static u64 close_cheapest(const struct hotplug_evacuation *session, u64 nr_units)
{
    u64 counts[NR_BUCKETS] = {0};
    u64 used;
    for (paddr_t unit = session->from; unit < session->to; unit += session->unit_bytes) {
        if (can_empty(session, unit, &used))
            counts[bucket_of(session, used)]++;
    }
    u64 cheaper = 0;
    unsigned limit = 0;
    while (limit < NR_BUCKETS - 1 && cheaper + counts[limit] < nr_units)
        cheaper += counts[limit++];
    u64 at_limit = nr_units - cheaper;
    u64 closed = 0;
    for (paddr_t unit = session->to; unit > session->from;) {
        unit -= session->unit_bytes;
        if (!can_empty(session, unit, &used) || bucket_of(session, used) > limit)
            continue;
        bool is_at_limit = bucket_of(session, used) == limit;
        if ((is_at_limit && at_limit == 0) || !close_unit(unit, session->unit_bytes))
            continue;
        at_limit -= is_at_limit;
        closed++;
    }
    return closed;
}

/* Free frames that movable pages can have, in the group. */
static u64 group_room(const struct group *group)
{
    u64 frames = 0;
    for (unsigned i = 0; i < GROUP_AREAS; i++) {
        struct area_ref ref = {(struct group *)group, i};
        u32 entry = __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED);
        if (group->closed & area_bit(ref))
            continue;
        if (group_idle(group) & area_bit(ref))
            frames += AREA_FRAMES;
        else if (entry & AREA_SMALL && entry & AREA_MOVABLE)
            frames += entry & AREA_FREE;
    }
    return frames;
}

/*
 * The units that could be emptied if all movable pages were pushed together: what
 * is free for them anywhere, in whole units, without what is kept of boot RAM. A
 * session that tried more would move pages for units that then cannot go after all.
 */
static u64 units_of_room(u64 unit_bytes)
{
    u64 room[2] = {0};
    const struct group *group = index_next_group(0);
    while (group) {
        room[group->boot] += group_room(group);
        group = index_next_group(group->base + GROUP_BYTES);
    }
    u64 boot_free = page_unused(true);
    u64 kept = page_reserve.growth_frames + AREA_FRAMES;
    u64 above_reserve = boot_free - min_u64(boot_free, kept);
    return (room[false] + min_u64(room[true], above_reserve)) / (unit_bytes >> PAGE_SHIFT);
}

static void forget_marks(const struct hotplug_evacuation *session, enum hotplug_try attempt)
{
    for (paddr_t at = session->from; at < session->to; at += AREA_BYTES) {
        struct area_ref ref = index_area(at);
        if (!ref.group || attempt == HOTPLUG_GO_ON)
            continue;
        ref.group->refused &= ~area_bit(ref);
        if (attempt == HOTPLUG_FIRST_TRY)
            ref.group->arrived &= ~area_bit(ref);
    }
}

static void end(struct hotplug_evacuation *session)
{
    spin_lock(&page_lock);
    open_range(session->from, session->to);
    spin_unlock(&page_lock);
    *session = (struct hotplug_evacuation){0};
}

static u64 begin(struct hotplug_evacuation *session, paddr_t from, paddr_t to, u64 nr_blocks,
                 enum hotplug_try attempt)
{
    struct hotplug_units units;
    end(session);
    if (nr_blocks == 0 || !hotplug_find_units(from, to, &units))
        return 0;
    session->from = units.from;
    session->to = units.to;
    session->unit_bytes = units.unit_bytes;
    session->blocks_per_unit = units.blocks_per_unit;
    session->unit = session->at = session->taken = session->to;
    u64 nr_units = (nr_blocks + session->blocks_per_unit - 1) / session->blocks_per_unit;
    spin_lock(&page_lock);
    hold_end_all(HOLD_ANY);
    forget_marks(session, attempt);
    nr_units = close_cheapest(session, min_u64(nr_units, units_of_room(session->unit_bytes)));
    spin_unlock(&page_lock);
    return nr_units * session->blocks_per_unit;
}

u64 hotplug_evacuate_begin(struct hotplug_evacuation *session, paddr_t from, paddr_t to,
                           u64 nr_blocks, enum hotplug_try attempt)
{
    spin_lock(&hotplug_lock);
    u64 chosen = begin(session, from, to, nr_blocks, attempt);
    spin_unlock(&hotplug_lock);
    return chosen;
}

/* ---- moving ---- */

static void mark(struct area_ref ref, u64 *mask)
{
    if (__atomic_load_n(mask, __ATOMIC_RELAXED) & area_bit(ref))
        return;
    spin_lock(&page_lock);
    *mask |= area_bit(ref);
    spin_unlock(&page_lock);
}

/* One page of a closed area elsewhere. The owner may be freeing it at this very moment. */
static int move_page(struct page_owner *owner, paddr_t from)
{
    paddr_t to = page_alloc_movable(owner);
    if (to == PADDR_NONE)
        return E_NOMEM;
    bool moved = owner->move(owner, from, to);
    if (moved)
        mark(index_area(to), &index_area(to).group->arrived);
    page_free(moved ? from : to, owner->order);
    return moved ? OK : E_BUSY;
}

/* True if the page at this frame of the area is in use now. */
static bool in_use(struct area_ref ref, unsigned frame, unsigned order)
{
    u32 entry = area_lock(area_entry(ref));
    bool used = is_closed_whole(entry);
    if (entry & AREA_SMALL)
        used = area_bits_are_clear(area_words(ref) + frame / 64, frame % 64, order);
    if (entry & AREA_ODD)
        used &= area_bits_are_set(area_present_words(ref) + frame / 64, frame % 64, order);
    area_unlock(area_entry(ref), entry);
    return used;
}

static int move_pages(struct area_ref ref, struct page_owner *owner)
{
    int result = OK;
    for (unsigned frame = 0; frame < AREA_FRAMES; frame += 1u << owner->order) {
        paddr_t from = area_base(ref) + ((paddr_t)frame << PAGE_SHIFT);
        if (!in_use(ref, frame, owner->order))
            continue;
        int status = move_page(owner, from);
        if (status != OK && in_use(ref, frame, owner->order)) {
            if (status == E_BUSY)
                mark(ref, &ref.group->refused);
            return status;
        }
        result = E_AGAIN;
    }
    return result;
}

/* OK: it is empty, and was before; E_AGAIN: it is, now. */
static int empty_area(struct area_ref ref)
{
    u32 entry = __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED);
    if (!(entry & AREA_MOVABLE))
        return OK;
    struct page_owner *owner = movable_owner(entry);
    if (owner->begin)
        owner->begin(owner, area_base(ref));
    int status = move_pages(ref, owner);
    if (owner->end)
        owner->end(owner, area_base(ref));
    return status;
}

static bool is_closed(paddr_t unit, u64 unit_bytes)
{
    for (paddr_t at = unit; at < unit + unit_bytes; at += AREA_BYTES) {
        struct area_ref ref = index_area(at);
        if (ref.group && ref.group->closed & area_bit(ref))
            return true;
    }
    return false;
}

/* The areas of the present unit, from the top, until one had pages to move. */
static int empty_unit(struct hotplug_evacuation *session)
{
    while (session->at > session->unit) {
        session->at -= AREA_BYTES;
        int status = empty_area(index_area(session->at));
        if (status == E_AGAIN && session->at > session->unit)
            return E_AGAIN;
        if (status != OK && status != E_AGAIN) {
            spin_lock(&page_lock);
            open_range(session->unit, session->unit + session->unit_bytes);
            spin_unlock(&page_lock);
            session->at = session->unit;
            return status;
        }
    }
    return OK;
}

/* From the top, as the lowest addresses are where new pages go. */
static int step(struct hotplug_evacuation *session, struct hotplug_range *range)
{
    while (session->at == session->unit) {
        if (session->unit == session->from)
            return E_NODEV;
        session->unit -= session->unit_bytes;
        if (is_closed(session->unit, session->unit_bytes))
            session->at = session->unit + session->unit_bytes;
        else
            session->at = session->unit;
    }
    *range = (struct hotplug_range){session->unit, session->unit_bytes};
    return empty_unit(session);
}

int hotplug_evacuate_step(struct hotplug_evacuation *session, struct hotplug_range *range)
{
    spin_lock(&hotplug_lock);
    int status = step(session, range);
    spin_unlock(&hotplug_lock);
    return status;
}

/* ---- taking what is empty ---- */

static int take(struct hotplug_evacuation *session, u64 max_bytes, struct hotplug_range *range)
{
    u64 unit_bytes = session->unit_bytes;
    if (session->blocks_per_unit > 1)
        return E_NODEV; /* of an area, some blocks may be absent */
    paddr_t done = session->unit + (session->at == session->unit ? 0 : unit_bytes);
    while (session->taken > done && !is_closed(session->taken - unit_bytes, unit_bytes))
        session->taken -= unit_bytes;
    paddr_t end_of_run = session->taken;
    paddr_t base = end_of_run;
    while (base > done && is_closed(base - unit_bytes, unit_bytes) &&
           end_of_run - base + unit_bytes <= max_bytes)
        base -= unit_bytes;
    if (base == end_of_run)
        return E_NODEV;
    spin_lock(&page_lock);
    open_range(base, end_of_run);
    spin_unlock(&page_lock);
    session->taken = base;
    *range = (struct hotplug_range){base, end_of_run - base};
    return hotplug_offline_locked(range->base, range->bytes);
}

int hotplug_evacuate_take(struct hotplug_evacuation *session, u64 max_bytes,
                          struct hotplug_range *range)
{
    spin_lock(&hotplug_lock);
    int status = take(session, max_bytes, range);
    spin_unlock(&hotplug_lock);
    return status;
}

void hotplug_evacuate_end(struct hotplug_evacuation *session)
{
    if (session->from == session->to)
        return;
    spin_lock(&hotplug_lock);
    end(session);
    spin_unlock(&hotplug_lock);
}
