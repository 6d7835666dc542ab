/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emptying blocks: choosing offline granules, and migrating their pages, a
 * pageblock at a time (migrate_pageblock.c). See hotplug.h.
 *
 * A session is a few addresses: the chosen granules are marked in the `isolated`
 * masks of their sections. hotplug_lock guards the sessions.
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

#define NR_BUCKETS 256

static bool is_present(struct pageblock pb)
{
    return pb.section && pb.section->present & pageblock_bit(pb);
}

/* ---- choosing; with page_lock held ---- */

static unsigned bucket_of(const struct hotplug_migration *session, u64 used)
{
    return (unsigned)(used * (NR_BUCKETS - 1) / (session->granule_bytes >> PAGE_SHIFT));
}

static bool has_migration_targets(paddr_t granule, u64 granule_bytes)
{
    for (paddr_t at = granule; at < granule + granule_bytes; at += PAGEBLOCK_BYTES) {
        struct pageblock pb = pageblock_at(at);
        if (pb.section && pb.section->migration_targets & pageblock_bit(pb))
            return true;
    }
    return false;
}

static bool can_empty(const struct hotplug_migration *session, paddr_t granule, u64 *used)
{
    return granule_mobility(granule, session->granule_bytes, used) == MOBILITY_MOVABLE &&
           !has_migration_targets(granule, session->granule_bytes);
}

static void end_isolation_of(struct pageblock pb)
{
    if (!pb.section || !(pb.section->isolated & pageblock_bit(pb)))
        return;
    pb.section->isolated &= ~pageblock_bit(pb);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (is_isolated_huge(entry))
        entry = (entry & ~PB_METADATA) | PB_HUGE;
    pageblock_enqueue(pb, entry, FREE_LIST_TOP);
    if (entry == 0)
        section_add_idle(pb.section, pageblock_bit(pb));
}

static void end_isolation(paddr_t from, paddr_t to)
{
    for (paddr_t at = from; at < to; at += PAGEBLOCK_BYTES)
        end_isolation_of(pageblock_at(at));
}

/* From here on nothing is allocated there. False if another processor has just taken it. */
static bool isolate_pageblock(struct pageblock pb)
{
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (entry == 0 ? !section_claim(pb.section, pageblock_bit(pb)) : !(entry & PB_MOVABLE)) {
        pageblock_unlock(pageblock_entry(pb), entry);
        return false;
    }
    pb.section->isolated |= pageblock_bit(pb);
    if (entry & PB_SPLIT)
        pageblock_dequeue(pb, entry);
    entry &= ~PB_SETTLED;
    if (entry & PB_HUGE)
        entry = (entry & ~PB_HUGE) | PB_ISOLATED_HUGE;
    pageblock_unlock(pageblock_entry(pb), entry);
    return true;
}

static bool isolate_granule(paddr_t granule, u64 granule_bytes)
{
    for (paddr_t at = granule; at < granule + granule_bytes; at += PAGEBLOCK_BYTES) {
        if (is_present(pageblock_at(at)) && !isolate_pageblock(pageblock_at(at))) {
            end_isolation(granule, at);
            return false;
        }
    }
    return true;
}

/*
 * Isolate the granules with the fewest used frames: all below a limit, and of those
 * at the limit the highest, as many as are wanted. Returns how many.
 */
static u64 isolate_cheapest(const struct hotplug_migration *session, u64 nr_granules)
{
    u64 counts[NR_BUCKETS] = {0};
    u64 used;
    for (paddr_t granule = session->from; granule < session->to;
         granule += session->granule_bytes) {
        if (can_empty(session, granule, &used))
            counts[bucket_of(session, used)]++;
    }
    u64 cheaper = 0;
    unsigned limit = 0;
    while (limit < NR_BUCKETS - 1 && cheaper + counts[limit] < nr_granules)
        cheaper += counts[limit++];
    u64 at_limit = nr_granules - cheaper;
    u64 isolated = 0;
    for (paddr_t granule = session->to; granule > session->from;) {
        granule -= session->granule_bytes;
        if (!can_empty(session, granule, &used) || bucket_of(session, used) > limit)
            continue;
        bool is_at_limit = bucket_of(session, used) == limit;
        if ((is_at_limit && at_limit == 0) || !isolate_granule(granule, session->granule_bytes))
            continue;
        at_limit -= is_at_limit;
        isolated++;
    }
    return isolated;
}

static u64 section_room(const struct section *section)
{
    u64 frames = 0;
    for (unsigned i = 0; i < SECTION_PAGEBLOCKS; i++) {
        struct pageblock pb = {(struct section *)section, i};
        u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED);
        if (section->isolated & pageblock_bit(pb))
            continue;
        if (section_idle(section) & pageblock_bit(pb))
            frames += PAGEBLOCK_FRAMES;
        else if (entry & PB_SPLIT && entry & PB_MOVABLE)
            frames += entry & PB_FREE;
    }
    return frames;
}

/*
 * How many granules could be emptied if all movable pages were packed together:
 * the frames that are free for them, less what is kept of boot RAM, in granules.
 * More would be moved in vain.
 */
static u64 granules_of_room(u64 granule_bytes)
{
    u64 room[2] = {0};
    const struct section *section = free_index_next_section(0);
    while (section) {
        room[section->boot] += section_room(section);
        section = free_index_next_section(section->base + SECTION_BYTES);
    }
    u64 boot_free = page_unused(true);
    u64 kept = page_reserve.growth_frames + PAGEBLOCK_FRAMES;
    u64 above_reserve = boot_free - min_u64(boot_free, kept);
    return (room[false] + min_u64(room[true], above_reserve)) / (granule_bytes >> PAGE_SHIFT);
}

static void forget_marks(const struct hotplug_migration *session, enum hotplug_try attempt)
{
    for (paddr_t at = session->from; at < session->to; at += PAGEBLOCK_BYTES) {
        struct pageblock pb = pageblock_at(at);
        if (!pb.section || attempt == HOTPLUG_SAME_TRY)
            continue;
        pb.section->migration_failed &= ~pageblock_bit(pb);
        if (attempt == HOTPLUG_FIRST_TRY)
            pb.section->migration_targets &= ~pageblock_bit(pb);
    }
}

static void end(struct hotplug_migration *session)
{
    spin_lock(&page_lock);
    end_isolation(session->from, session->to);
    spin_unlock(&page_lock);
    *session = (struct hotplug_migration){0};
}

static u64 begin(struct hotplug_migration *session, paddr_t from, paddr_t to, u64 nr_blocks,
                 enum hotplug_try attempt)
{
    struct granules granules;
    end(session);
    if (nr_blocks == 0 || !region_find_granules(from, to, &granules))
        return 0;
    session->from = granules.from;
    session->to = granules.to;
    session->granule_bytes = granules.granule_bytes;
    session->blocks_per_granule = granules.blocks_per_granule;
    session->granule = session->at = session->taken = session->to;
    u64 nr_granules = (nr_blocks + session->blocks_per_granule - 1) / session->blocks_per_granule;
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_ANY);
    forget_marks(session, attempt);
    nr_granules =
        isolate_cheapest(session, min_u64(nr_granules, granules_of_room(session->granule_bytes)));
    spin_unlock(&page_lock);
    return nr_granules * session->blocks_per_granule;
}

u64 hotplug_migrate_begin(struct hotplug_migration *session, paddr_t from, paddr_t to,
                          u64 nr_blocks, enum hotplug_try attempt)
{
    spin_lock(&hotplug_lock);
    u64 chosen = begin(session, from, to, nr_blocks, attempt);
    spin_unlock(&hotplug_lock);
    return chosen;
}

/* ---- moving ---- */

static bool is_isolated(paddr_t granule, u64 granule_bytes)
{
    for (paddr_t at = granule; at < granule + granule_bytes; at += PAGEBLOCK_BYTES) {
        struct pageblock pb = pageblock_at(at);
        if (pb.section && pb.section->isolated & pageblock_bit(pb))
            return true;
    }
    return false;
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
            end_isolation(session->granule, session->granule + session->granule_bytes);
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
    while (session->at == session->granule) {
        if (session->granule == session->from)
            return E_NODEV;
        session->granule -= session->granule_bytes;
        if (is_isolated(session->granule, session->granule_bytes))
            session->at = session->granule + session->granule_bytes;
        else
            session->at = session->granule;
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
    if (session->blocks_per_granule > 1)
        return E_NODEV; /* some blocks of a granule may be absent */
    paddr_t done = session->granule + (session->at == session->granule ? 0 : granule_bytes);
    while (session->taken > done && !is_isolated(session->taken - granule_bytes, granule_bytes))
        session->taken -= granule_bytes;
    paddr_t end_of_run = session->taken;
    paddr_t base = end_of_run;
    while (base > done && is_isolated(base - granule_bytes, granule_bytes) &&
           end_of_run - base + granule_bytes <= max_bytes)
        base -= granule_bytes;
    if (base == end_of_run)
        return E_NODEV;
    spin_lock(&page_lock);
    end_isolation(base, end_of_run);
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
    end(session);
    spin_unlock(&hotplug_lock);
}
