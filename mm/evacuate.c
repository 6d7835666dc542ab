/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emptying blocks: which ones, and moving their pages away. See hotplug.h.
 *
 * The unit is a block, or an area where blocks are smaller. The chosen units
 * are marked in their groups' masks alone (closed), so a session needs no
 * memory of its own. Owners are called without page_lock: they may allocate.
 */
#include "include/status.h"
#include "mm/hotplug.h"
#include "mm/index.h"
#include "mm/page_internal.h"

#define NR_BUCKETS 256

/* The session; hotplug_lock guards it. */
static struct {
    paddr_t from, to; /* units in [from, to) may be closed */
    u64 unit_bytes;
    u64 blocks_per_unit;
} session;

static struct area_ref ref_of(paddr_t paddr)
{
    return (struct area_ref){index_group(paddr), area_index(paddr)};
}

/* ---- what a unit holds ---- */

enum content { ABSENT, IDLE, MOVABLE, FIXED, METADATA };

static enum content area_content(struct area_ref ref, u64 *used)
{
    if (!ref.group || !(ref.group->present & area_bit(ref)))
        return ABSENT;
    u32 entry = __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED);
    if ((entry & AREA_CLOSED_WHOLE) == AREA_META)
        return METADATA;
    if (entry & AREA_ODD)
        return FIXED;
    if (entry & AREA_WHOLE)
        *used += AREA_FRAMES;
    else if (entry & AREA_SMALL)
        *used += AREA_FRAMES - (entry & AREA_FREE);
    if (entry & (AREA_WHOLE | AREA_SMALL))
        return entry & AREA_MOVABLE ? MOVABLE : FIXED;
    return IDLE;
}

/* The worst of its areas, and the frames in use in it. */
static enum content unit_content(paddr_t unit, u64 unit_bytes, u64 *used)
{
    enum content worst = IDLE;
    *used = 0;
    for (paddr_t at = unit; at < unit + unit_bytes; at += AREA_BYTES) {
        enum content content = area_content(ref_of(at), used);
        if (content == ABSENT)
            return ABSENT;
        if (content > worst)
            worst = content;
    }
    return worst;
}

/* ---- choosing ---- */

static unsigned bucket_of(u64 used)
{
    return (unsigned)(used * (NR_BUCKETS - 1) / (session.unit_bytes >> PAGE_SHIFT));
}

static bool can_empty(paddr_t unit, u64 *used)
{
    return unit_content(unit, session.unit_bytes, used) == MOVABLE;
}

/* Allocation passes the unit by from here on. */
static void close_unit(paddr_t unit)
{
    for (paddr_t at = unit; at < unit + session.unit_bytes; at += AREA_BYTES) {
        struct area_ref ref = ref_of(at);
        ref.group->closed |= area_bit(ref);
        u32 entry = area_lock(area_entry(ref));
        if (entry & AREA_SMALL)
            area_unfile(ref, entry);
        entry &= ~AREA_SETTLED;
        if (entry & AREA_WHOLE)
            entry = (entry & ~AREA_WHOLE) | AREA_CLOSED_WHOLE;
        area_unlock(area_entry(ref), entry);
        group_claim(ref.group, area_bit(ref));
    }
}

static void open_unit(paddr_t unit)
{
    for (paddr_t at = unit; at < unit + session.unit_bytes; at += AREA_BYTES) {
        struct area_ref ref = ref_of(at);
        if (!ref.group || !(ref.group->closed & area_bit(ref)))
            continue;
        ref.group->closed &= ~area_bit(ref);
        u32 entry = area_lock(area_entry(ref));
        if ((entry & AREA_CLOSED_WHOLE) == AREA_CLOSED_WHOLE)
            entry = (entry & ~AREA_META) | AREA_WHOLE;
        area_file(ref, entry, SHELF_UNKNOWN);
        if (entry == 0)
            group_add_idle(ref.group, area_bit(ref));
    }
}

/* Close all units with fewer used frames than a limit, and of those at it as many as are wanted. */
static u64 close_cheapest(u64 nr_units)
{
    u64 counts[NR_BUCKETS] = {0};
    u64 used;
    for (paddr_t unit = session.from; unit < session.to; unit += session.unit_bytes) {
        if (can_empty(unit, &used))
            counts[bucket_of(used)]++;
    }
    u64 cheaper = 0;
    unsigned limit = 0;
    while (limit < NR_BUCKETS - 1 && cheaper + counts[limit] < nr_units)
        cheaper += counts[limit++];
    u64 at_limit = nr_units - cheaper;
    u64 closed = 0;
    for (paddr_t unit = session.to; unit > session.from;) {
        unit -= session.unit_bytes;
        if (!can_empty(unit, &used) || bucket_of(used) > limit)
            continue;
        if (bucket_of(used) == limit) {
            if (at_limit == 0)
                continue;
            at_limit--;
        }
        close_unit(unit);
        closed++;
    }
    return closed;
}

static void open_all(void)
{
    spin_lock(&page_lock);
    for (paddr_t unit = session.from; unit < session.to; unit += session.unit_bytes)
        open_unit(unit);
    spin_unlock(&page_lock);
    session.from = session.to;
}

static u64 begin(paddr_t from, paddr_t to, u64 nr_blocks)
{
    paddr_t base, end;
    u64 block_bytes = hotplug_block_bytes(from, &base, &end);
    open_all();
    if (block_bytes == 0 || nr_blocks == 0)
        return 0;
    session.unit_bytes = max_u64(block_bytes, AREA_BYTES);
    session.blocks_per_unit = session.unit_bytes / block_bytes;
    session.from = align_up(from, session.unit_bytes);
    session.to = max_u64(align_down(min_u64(to, end), session.unit_bytes), session.from);
    spin_lock(&page_lock);
    hold_end_all(false);
    u64 nr_units =
        close_cheapest((nr_blocks + session.blocks_per_unit - 1) / session.blocks_per_unit);
    spin_unlock(&page_lock);
    return nr_units * session.blocks_per_unit;
}

u64 hotplug_evacuate_begin(paddr_t from, paddr_t to, u64 nr_blocks)
{
    spin_lock(&hotplug_lock);
    u64 chosen = begin(from, to, nr_blocks);
    spin_unlock(&hotplug_lock);
    return chosen;
}

/* ---- moving ---- */

/* One page of a closed area elsewhere. The owner may be freeing it at this very moment. */
static int move_page(struct page_owner *owner, paddr_t from)
{
    paddr_t to = page_alloc_movable(owner);
    if (to == PADDR_NONE)
        return E_NOMEM;
    bool moved = owner->move(owner, from, to);
    page_free(moved ? from : to, owner->order);
    return moved ? OK : E_BUSY;
}

/* True if the page at this frame of the area is in use now. */
static bool in_use(struct area_ref ref, unsigned frame, unsigned order)
{
    u32 entry = area_lock(area_entry(ref));
    bool used = (entry & AREA_CLOSED_WHOLE) == AREA_CLOSED_WHOLE;
    if (entry & AREA_SMALL)
        used = area_bits_are_clear(area_words(ref) + frame / 64, frame % 64, order);
    area_unlock(area_entry(ref), entry);
    return used;
}

static int empty_area(struct area_ref ref)
{
    u32 entry = __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED);
    if (!(entry & AREA_MOVABLE))
        return OK;
    struct page_owner *owner = movable_owner(entry);
    for (unsigned frame = 0; frame < AREA_FRAMES; frame += 1u << owner->order) {
        paddr_t from = area_base(ref) + ((paddr_t)frame << PAGE_SHIFT);
        if (!in_use(ref, frame, owner->order))
            continue;
        int status = move_page(owner, from);
        if (status != OK && in_use(ref, frame, owner->order))
            return status;
    }
    return OK;
}

static int empty_unit(paddr_t unit)
{
    for (paddr_t at = unit; at < unit + session.unit_bytes; at += AREA_BYTES) {
        int status = empty_area(ref_of(at));
        if (status != OK)
            return status;
    }
    return OK;
}

static void open_locked(paddr_t unit)
{
    spin_lock(&page_lock);
    open_unit(unit);
    spin_unlock(&page_lock);
}

static bool is_closed(paddr_t unit)
{
    struct area_ref ref = ref_of(unit);
    return ref.group && ref.group->closed & area_bit(ref);
}

/* From the top, as the lowest addresses are where new pages go. */
static int next(struct hotplug_range *range)
{
    while (session.to > session.from) {
        session.to -= session.unit_bytes;
        paddr_t unit = session.to;
        if (!is_closed(unit))
            continue;
        *range = (struct hotplug_range){unit, session.unit_bytes};
        int status = empty_unit(unit);
        open_locked(unit);
        return status == OK ? hotplug_offline_locked(unit, session.unit_bytes) : status;
    }
    return E_AGAIN;
}

int hotplug_evacuate_next(struct hotplug_range *range)
{
    spin_lock(&hotplug_lock);
    int status = next(range);
    spin_unlock(&hotplug_lock);
    return status;
}

void hotplug_evacuate_end(void)
{
    spin_lock(&hotplug_lock);
    open_all();
    spin_unlock(&hotplug_lock);
}

/* ---- the report ---- */

void hotplug_count_pinned(paddr_t from, paddr_t to, struct hotplug_pinned *pinned)
{
    paddr_t base, end;
    u64 unit_bytes = max_u64(hotplug_block_bytes(from, &base, &end), AREA_BYTES);
    u64 counts[METADATA + 1] = {0};
    spin_lock(&page_lock);
    hold_end_all(true);
    for (paddr_t unit = align_up(from, unit_bytes); unit + unit_bytes <= to; unit += unit_bytes) {
        u64 used;
        counts[unit_content(unit, unit_bytes, &used)]++;
    }
    spin_unlock(&page_lock);
    *pinned =
        (struct hotplug_pinned){counts[IDLE], counts[MOVABLE], counts[FIXED], counts[METADATA]};
}
