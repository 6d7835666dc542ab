/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Migrating the pages of the granules that choose.c has chosen. See hotplug.h.
 *
 * A session is a few addresses: the chosen granules are marked in the `isolated`
 * masks of their sections. Owners are called without page_lock, as they may
 * allocate. hotplug_lock guards the sessions.
 */
#include "include/status.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/hotplug_internal.h"
#include "mm/hotplug/region.h"
#include "mm/mobility.h"
#include "mm/page_internal.h"
#include "mm/reservation.h"

/* ---- moving ---- */

static void mark(struct pageblock pb, u64 *mask)
{
    if (__atomic_load_n(mask, __ATOMIC_RELAXED) & pageblock_bit(pb))
        return;
    spin_lock(&page_lock);
    *mask |= pageblock_bit(pb);
    spin_unlock(&page_lock);
}

/* Move one page of an isolated pageblock. The owner may be freeing it at this moment. */
static int move_page(struct page_owner *owner, paddr_t from)
{
    paddr_t to = page_alloc_movable(owner);
    if (to == PADDR_NONE)
        return E_NOMEM;
    bool moved = owner->move(owner, from, to);
    if (moved)
        mark(pageblock_at(to), &pageblock_at(to).section->migration_targets);
    page_free(moved ? from : to, owner->order);
    return moved ? OK : E_BUSY;
}

static bool in_use(struct pageblock pb, unsigned frame, unsigned order)
{
    u32 entry = pageblock_lock(pageblock_entry(pb));
    bool used = is_isolated_huge(entry);
    if (entry & PB_SPLIT)
        used = frame_bits_are_clear(pageblock_free_bits(pb) + frame / 64, frame % 64, order);
    if (entry & PB_PARTIAL)
        used &= frame_bits_are_set(pageblock_present_bits(pb) + frame / 64, frame % 64, order);
    pageblock_unlock(pageblock_entry(pb), entry);
    return used;
}

static int move_pages(struct pageblock pb, struct page_owner *owner)
{
    int result = OK;
    for (unsigned frame = 0; frame < PAGEBLOCK_FRAMES; frame += 1u << owner->order) {
        paddr_t from = pageblock_base(pb) + ((paddr_t)frame << PAGE_SHIFT);
        if (!in_use(pb, frame, owner->order))
            continue;
        int status = move_page(owner, from);
        if (status != OK && in_use(pb, frame, owner->order)) {
            if (status == E_BUSY)
                mark(pb, &pb.section->migration_failed);
            return status;
        }
        result = E_AGAIN;
    }
    return result;
}

/* OK: the pageblock was empty already. E_AGAIN: its pages have been moved. Else what stopped it. */
static int empty_pageblock(struct pageblock pb)
{
    u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED);
    if (!(entry & PB_MOVABLE))
        return OK;
    struct page_owner *owner = page_owner_of(entry_owner(entry));
    if (owner->begin)
        owner->begin(owner, pageblock_base(pb));
    int status = move_pages(pb, owner);
    if (owner->end)
        owner->end(owner, pageblock_base(pb));
    return status;
}

/* The highest granule of [from, to) that is isolated; PADDR_NONE if none is. */
static paddr_t last_isolated(const struct hotplug_migration *session, paddr_t from, paddr_t to)
{
    for (paddr_t at = to; at > from;) {
        paddr_t base = max_u64(from, align_down(at - 1, SECTION_BYTES));
        const struct section *section = section_at(base);
        u64 mask = section ? section->isolated & pageblock_mask(base, at) : 0;
        if (mask != 0) {
            paddr_t highest =
                section->base + ((63 - (u64)__builtin_clzll(mask)) << PAGEBLOCK_SHIFT);
            return highest - (highest - session->from) % session->granule_bytes;
        }
        at = base;
    }
    return PADDR_NONE;
}

/* Go through the pageblocks of the present granule, from the top, until one had pages to move. */
static int empty_granule(struct hotplug_migration *session)
{
    while (session->at > session->granule) {
        session->at -= PAGEBLOCK_BYTES;
        int status = empty_pageblock(pageblock_at(session->at));
        if (status == E_AGAIN && session->at > session->granule)
            return E_AGAIN;
        if (status != OK && status != E_AGAIN) {
            spin_lock(&page_lock);
            hotplug_end_isolation(session->granule, session->granule + session->granule_bytes);
            spin_unlock(&page_lock);
            session->at = session->granule;
            return status;
        }
    }
    return OK;
}

/* From the top, as new pages go to the lowest addresses. */
static int step(struct hotplug_migration *session, struct hotplug_range *range)
{
    if (session->phase == HOTPLUG_NO_SESSION)
        return E_NODEV;
    if (session->phase != HOTPLUG_MOVING) {
        hotplug_choose_part(session);
        return E_AGAIN;
    }
    if (session->at == session->granule) {
        paddr_t next = last_isolated(session, session->from, session->granule);
        session->granule = session->at = next != PADDR_NONE ? next : session->from;
        if (next == PADDR_NONE)
            return E_NODEV;
        session->at += session->granule_bytes;
    }
    *range = (struct hotplug_range){session->granule, session->granule_bytes};
    return empty_granule(session);
}

int hotplug_migrate_step(struct hotplug_migration *session, struct hotplug_range *range)
{
    spin_lock(&hotplug_lock);
    int status = step(session, range);
    spin_unlock(&hotplug_lock);
    return status;
}

/* ---- taking what is empty ---- */

static int take(struct hotplug_migration *session, u64 max_bytes, struct hotplug_range *range)
{
    u64 granule_bytes = session->granule_bytes;
    if (session->phase != HOTPLUG_MOVING || session->blocks_per_granule > 1)
        return E_NODEV; /* some blocks of a granule may be absent */
    paddr_t done = session->granule + (session->at == session->granule ? 0 : granule_bytes);
    paddr_t base = last_isolated(session, done, session->taken);
    if (base == PADDR_NONE || granule_bytes > max_bytes)
        return E_NODEV;
    paddr_t end_of_run = base + granule_bytes;
    while (base > done && end_of_run - base + granule_bytes <= max_bytes &&
           last_isolated(session, base - granule_bytes, base) != PADDR_NONE)
        base -= granule_bytes;
    spin_lock(&page_lock);
    hotplug_end_isolation(base, end_of_run);
    spin_unlock(&page_lock);
    session->taken = base;
    *range = (struct hotplug_range){base, end_of_run - base};
    return hotplug_offline_locked(range->base, range->bytes);
}

int hotplug_migrate_take(struct hotplug_migration *session, u64 max_bytes,
                         struct hotplug_range *range)
{
    spin_lock(&hotplug_lock);
    int status = take(session, max_bytes, range);
    spin_unlock(&hotplug_lock);
    return status;
}

void hotplug_migrate_end(struct hotplug_migration *session)
{
    if (session->from == session->to)
        return;
    spin_lock(&hotplug_lock);
    spin_lock(&page_lock);
    hotplug_end_isolation(session->from, session->to);
    spin_unlock(&page_lock);
    *session = (struct hotplug_migration){.pinned = session->pinned};
    spin_unlock(&hotplug_lock);
}
