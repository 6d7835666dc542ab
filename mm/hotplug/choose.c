/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing what is emptied: the offline granules that can be, with the fewest frames in use. See
 * hotplug.h.
 *
 * A look at all memory takes long, so it is done in parts, each with page_lock held: how many
 * frames are free for what is moved; how many frames each granule has in use, as a histogram; then
 * the granules below the limit are isolated. Pages are allocated and freed between two parts: the
 * figures are good for choosing, and isolating looks again.
 */
#include "lib/bitmap.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/hotplug/hotplug.h"
#include "mm/hotplug/hotplug_internal.h"
#include "mm/hotplug/region.h"
#include "mm/mobility.h"
#include "mm/reservation.h"

/* A part looks at so many sections, or at the pageblocks of so many. */
#define PART_SECTIONS 32
#define PART_BYTES    (PART_SECTIONS * SECTION_BYTES)

/* ---- isolation; page_lock held ---- */

static void end_isolation_of(struct pageblock pb)
{
    pb.section->isolated &= ~pageblock_bit(pb);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    section_note_use(pb.section, pageblock_bit(pb)); /* it may have been emptied meanwhile */
    if (is_isolated_huge(entry))
        entry = (entry & ~PB_METADATA) | PB_HUGE;
    pageblock_enqueue(pb, entry, FREE_LIST_TOP);
    if (entry == 0)
        section_add_idle(pb.section, pageblock_bit(pb));
}

void hotplug_end_isolation(paddr_t from, paddr_t to)
{
    for (paddr_t at = from; at < to; at = section_end(at, to)) {
        struct section *section = section_at(at);
        u64 mask = section ? section->isolated & pageblock_mask(at, section_end(at, to)) : 0;
        for (; mask != 0; mask &= mask - 1)
            end_isolation_of((struct pageblock){section, (unsigned)__builtin_ctzll(mask)});
    }
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

static bool is_present(struct pageblock pb)
{
    return pb.section && pb.section->present & pageblock_bit(pb);
}

static bool isolate_granule(paddr_t granule, u64 granule_bytes)
{
    for (paddr_t at = granule; at < granule + granule_bytes; at += PAGEBLOCK_BYTES) {
        if (is_present(pageblock_at(at)) && !isolate_pageblock(pageblock_at(at))) {
            hotplug_end_isolation(granule, at);
            return false;
        }
    }
    return true;
}

/* ---- the room for what is moved; page_lock held ---- */

static u64 section_room(const struct section *section)
{
    u64 idle = section_idle(section) & ~section->isolated;
    u64 frames = bitmap_count_range(&idle, 0, 64) * PAGEBLOCK_FRAMES;
    for (u64 mask = section->movable & ~section->isolated; mask != 0; mask &= mask - 1)
        frames +=
            __atomic_load_n(&section->entries[__builtin_ctzll(mask)], __ATOMIC_RELAXED) & PB_FREE;
    return frames;
}

/* False when all sections were looked at. */
static bool count_room(struct hotplug_migration *session)
{
    for (unsigned i = 0; i < PART_SECTIONS; i++) {
        const struct section *section = free_index_next_section(session->at);
        if (!section)
            return false;
        session->room_frames[section->boot] += section_room(section);
        session->at = section->base + SECTION_BYTES;
    }
    return true;
}

/*
 * How many granules could be emptied if all movable pages were packed together:
 * the frames that are free for them, less what is kept of boot RAM, in granules.
 * More would be moved in vain.
 */
static u64 granules_of_room(const struct hotplug_migration *session)
{
    u64 boot_free = page_unused(true);
    u64 kept = page_reserve.growth_frames + PAGEBLOCK_FRAMES;
    u64 above_reserve = boot_free - min_u64(boot_free, kept);
    return (session->room_frames[false] + min_u64(session->room_frames[true], above_reserve)) /
           (session->granule_bytes >> PAGE_SHIFT);
}

/* ---- what the granules hold; page_lock held ---- */

static unsigned bucket_of(const struct hotplug_migration *session, u64 used)
{
    return (unsigned)(used * (HOTPLUG_NR_BUCKETS - 1) / (session->granule_bytes >> PAGE_SHIFT));
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

/* The owner of the highest pageblock of which a page could not be moved. */
static void count_failure(struct hotplug_pinned *pinned, paddr_t granule)
{
    u64 used = 0;
    for (paddr_t at = granule + pinned->granule_bytes; at > granule;) {
        at -= PAGEBLOCK_BYTES;
        struct pageblock pb = pageblock_at(at);
        if (pageblock_mobility(pb, &used) != MOBILITY_FAILED)
            continue;
        u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED);
        if (!(entry & PB_MOVABLE)) /* freed meanwhile */
            continue;
        pinned->nr_failed_by[entry_owner(entry)]++;
        return;
    }
}

static void count_granule(struct hotplug_migration *session, paddr_t granule,
                          enum mobility mobility, u64 used)
{
    struct hotplug_pinned *counted = &session->counted;
    switch (mobility) {
    case MOBILITY_MOVABLE:
        counted->nr_movable++;
        if (!has_migration_targets(granule, session->granule_bytes))
            session->nr_using[bucket_of(session, used)]++;
        break;
    case MOBILITY_FAILED:
        counted->nr_failed++;
        count_failure(counted, granule);
        break;
    case MOBILITY_UNMOVABLE:
        counted->nr_user++;
        break;
    case MOBILITY_METADATA:
        counted->nr_metadata++;
        break;
    case MOBILITY_IDLE:
        counted->nr_idle++;
        break;
    default:
        break;
    }
}

/* Granules of one pageblock, of one section: by its masks. */
static void count_section(struct hotplug_migration *session, struct section *section, u64 mask)
{
    u64 idle = section_idle(section) & section->present & mask;
    session->counted.nr_idle += bitmap_count_range(&idle, 0, SECTION_PAGEBLOCKS);
    for (mask &= section->present & ~idle; mask != 0; mask &= mask - 1) {
        struct pageblock pb = {section, (unsigned)__builtin_ctzll(mask)};
        u64 used = 0;
        enum mobility mobility = pageblock_mobility(pb, &used);
        count_granule(session, pageblock_base(pb), mobility, used);
    }
}

/* False when all granules were looked at. */
static bool count_granules(struct hotplug_migration *session)
{
    paddr_t end = min_u64(session->at + PART_BYTES, session->to);
    while (session->at < end && session->granule_bytes == PAGEBLOCK_BYTES) {
        paddr_t next = section_end(session->at, end);
        struct section *section = section_at(session->at);
        if (section)
            count_section(session, section, pageblock_mask(session->at, next));
        session->at = next;
    }
    for (; session->at < end; session->at += session->granule_bytes) {
        u64 used;
        enum mobility mobility = granule_mobility(session->at, session->granule_bytes, &used);
        count_granule(session, session->at, mobility, used);
    }
    return session->at < session->to;
}

/* All granules below a limit are chosen, and of those at the limit the highest. */
static void choose_limit(struct hotplug_migration *session)
{
    u64 cheaper = 0;
    u64 nr_granules = min_u64(session->nr_wanted, granules_of_room(session));
    session->limit = 0;
    while (session->limit < HOTPLUG_NR_BUCKETS - 1 &&
           cheaper + session->nr_using[session->limit] < nr_granules)
        cheaper += session->nr_using[session->limit++];
    session->nr_at_limit = min_u64(nr_granules - cheaper, session->nr_using[session->limit]);
    session->nr_wanted = cheaper + session->nr_at_limit;
}

static void choose_granule(struct hotplug_migration *session, paddr_t granule)
{
    u64 used;
    if (!can_empty(session, granule, &used) || bucket_of(session, used) > session->limit)
        return;
    bool is_at_limit = bucket_of(session, used) == session->limit;
    if ((is_at_limit && session->nr_at_limit == 0) ||
        !isolate_granule(granule, session->granule_bytes))
        return;
    session->nr_at_limit -= is_at_limit;
    session->nr_chosen++;
}

/* The highest movable pageblock of [from, to), which lies in one section; `from` if none. */
static paddr_t last_movable(paddr_t from, paddr_t to)
{
    struct section *section = section_at(from);
    u64 mask = section ? section->present & ~section_idle(section) & pageblock_mask(from, to) : 0;
    while (mask != 0) {
        struct pageblock pb = {section, 63 - (unsigned)__builtin_clzll(mask)};
        if (__atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED) & PB_MOVABLE)
            return pageblock_base(pb);
        mask &= ~pageblock_bit(pb);
    }
    return from;
}

/* From the top. False at the end. */
static bool choose_granules(struct hotplug_migration *session)
{
    paddr_t end = session->at - min_u64(PART_BYTES, session->at - session->from);
    reservation_end_all(RESERVED_ANY);
    while (session->at > end && session->nr_chosen != session->nr_wanted) {
        if (session->granule_bytes == PAGEBLOCK_BYTES)
            session->at =
                last_movable(max_u64(end, align_down(session->at - 1, SECTION_BYTES)), session->at);
        else
            session->at -= session->granule_bytes;
        choose_granule(session, session->at);
    }
    return session->at > session->from && session->nr_chosen != session->nr_wanted;
}

/* ---- the session ---- */

static void forget_marks(const struct hotplug_migration *session)
{
    for (paddr_t at = session->from; at < session->to && session->attempt != HOTPLUG_SAME_TRY;
         at = section_end(at, session->to)) {
        struct section *section = section_at(at);
        if (!section)
            continue;
        u64 mask = pageblock_mask(at, section_end(at, session->to));
        section->migration_failed &= ~mask;
        if (session->attempt == HOTPLUG_FIRST_TRY)
            section->migration_targets &= ~mask;
    }
}

/* Where blocks do not form granules their pageblocks can be counted, no more. */
static struct granules find_granules(paddr_t from, paddr_t to)
{
    struct granules granules;
    if (!region_find_granules(from, to, &granules))
        granules = (struct granules){align_up(from, PAGEBLOCK_BYTES),
                                     align_down(to, PAGEBLOCK_BYTES), PAGEBLOCK_BYTES, 0};
    return granules;
}

void hotplug_migrate_end(struct hotplug_migration *session)
{
    if (session->from == session->to)
        return;
    spin_lock(&hotplug_lock);
    spin_lock(&page_lock);
    if (session->nr_chosen != 0)
        hotplug_end_isolation(session->from, session->to);
    spin_unlock(&page_lock);
    *session = (struct hotplug_migration){.pinned = session->pinned};
    spin_unlock(&hotplug_lock);
}

void hotplug_migrate_begin(struct hotplug_migration *session, paddr_t from, paddr_t to,
                           u64 nr_blocks, enum hotplug_try attempt)
{
    hotplug_migrate_end(session);
    spin_lock(&hotplug_lock);
    struct granules granules = find_granules(from, to);
    *session = (struct hotplug_migration){
        .phase = HOTPLUG_BEGUN,
        .attempt = attempt,
        .from = granules.from,
        .to = max_u64(granules.from, granules.to),
        .granule_bytes = granules.granule_bytes,
        .blocks_per_granule = granules.blocks_per_granule,
        .nr_wanted =
            granules.blocks_per_granule == 0
                ? 0
                : (nr_blocks + granules.blocks_per_granule - 1) / granules.blocks_per_granule,
        .counted.granule_bytes = granules.granule_bytes,
        .pinned = session->pinned,
    };
    spin_unlock(&hotplug_lock);
}

static void begin_moving(struct hotplug_migration *session)
{
    session->phase = HOTPLUG_MOVING;
    session->granule = session->at = session->taken =
        session->nr_chosen != 0 ? session->to : session->from;
}

void hotplug_choose_part(struct hotplug_migration *session)
{
    spin_lock(&page_lock);
    if (session->phase == HOTPLUG_BEGUN) {
        reservation_end_all(RESERVED_ANY);
        forget_marks(session);
        session->phase = HOTPLUG_COUNTING_ROOM;
    } else if (session->phase == HOTPLUG_COUNTING_ROOM) {
        if (!count_room(session)) {
            session->phase = HOTPLUG_COUNTING;
            session->at = session->from;
        }
    } else if (session->phase == HOTPLUG_COUNTING) {
        if (!count_granules(session)) {
            session->phase = HOTPLUG_CHOOSING;
            session->at = session->to;
            session->pinned = session->counted;
            choose_limit(session);
        }
    } else if (!choose_granules(session)) {
        begin_moving(session);
    }
    spin_unlock(&page_lock);
}
