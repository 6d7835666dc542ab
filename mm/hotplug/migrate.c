/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emptying the granules that choose.c has chosen, a pageblock at a time
 * (migrate_pageblock.c). See hotplug.h.
 *
 * A session is a few addresses: the chosen granules are marked in the `isolated`
 * masks of their sections. hotplug_lock guards the sessions.
 */
#include "include/status.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/hotplug_internal.h"
#include "mm/hotplug/region.h"

/* ---- moving ---- */

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
        int status = migrate_pageblock(pageblock_at(session->at));
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
