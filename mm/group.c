/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The masks of a group and the index over them, kept in step: an area with
 * something to give is in exactly one category, all others in none. See group.h.
 */
#include "mm/group.h"

#include "lib/panic.h"
#include "mm/index.h"
#include "mm/meta.h"

struct spinlock page_lock;

u64 group_category(const struct group *group, unsigned category)
{
    if (category >= CATEGORY_MOVABLE)
        return group->shelves[category - CATEGORY_MOVABLE] & group->movable;
    bool of_boot = category == CATEGORY_IDLE_BOOT ||
                   (category >= CATEGORY_FIXED_BOOT && category < CATEGORY_MOVABLE);
    if (of_boot != group->boot)
        return 0;
    if (category <= CATEGORY_IDLE_BOOT)
        return group_idle(group);
    return group->shelves[(category - CATEGORY_FIXED_PLUGGED) % NR_SHELVES] & ~group->movable;
}

void group_add_idle(struct group *group, u64 mask)
{
    if (__atomic_fetch_or(&group->idle, mask, __ATOMIC_ACQ_REL) == 0)
        index_add(group->base, group->boot ? CATEGORY_IDLE_BOOT : CATEGORY_IDLE_PLUGGED);
}

static unsigned shelf_category(struct area_ref ref, unsigned shelf)
{
    if (ref.group->movable & area_bit(ref))
        return CATEGORY_MOVABLE + shelf;
    return (ref.group->boot ? CATEGORY_FIXED_BOOT : CATEGORY_FIXED_PLUGGED) + shelf;
}

static void put_on_shelf(struct area_ref ref, unsigned shelf)
{
    unsigned category = shelf_category(ref, shelf);
    if (group_category(ref.group, category) == 0)
        index_add(ref.group->base, category);
    ref.group->shelves[shelf] |= area_bit(ref);
}

void area_unfile(struct area_ref ref, u32 entry)
{
    unsigned shelf = area_shelf(entry);
    if (!(ref.group->shelves[shelf] & area_bit(ref)))
        return;
    unsigned category = shelf_category(ref, shelf);
    ref.group->shelves[shelf] &= ~area_bit(ref);
    if (group_category(ref.group, category) == 0)
        index_remove(ref.group->base, category);
}

/* All 512 frames came back: the bits say no more than the idle mask does. */
static void become_idle(struct area_ref ref)
{
    struct group *group = ref.group;
    group->small &= ~area_bit(ref);
    group->movable &= ~area_bit(ref);
    area_unlock(area_entry(ref), 0);
    if (!(group->closed & area_bit(ref)))
        group_add_idle(group, area_bit(ref));
    if (group->small == 0)
        meta_drop_bitmap(group);
}

void area_file(struct area_ref ref, u32 entry, unsigned shelf)
{
    u32 frames = entry & AREA_FREE;
    if (!(entry & AREA_SMALL) || entry & AREA_HOLDER) {
        area_unlock(area_entry(ref), entry);
        return;
    }
    if (entry & AREA_MOVABLE)
        shelf = area_shelf(entry);
    if (frames == 0 || frames == AREA_FRAMES || shelf != area_shelf(entry))
        area_unfile(ref, entry);
    if (frames == AREA_FRAMES) {
        become_idle(ref);
        return;
    }
    entry = area_with_shelf(entry, shelf) & ~AREA_SETTLED;
    if (frames != 0 && !(ref.group->closed & area_bit(ref))) {
        put_on_shelf(ref, shelf);
        if (entry & AREA_MOVABLE || shelf == SHELF_UNKNOWN)
            entry |= AREA_SETTLED;
    }
    area_unlock(area_entry(ref), entry);
}

void area_refile(struct area_ref ref, unsigned shelf)
{
    area_file(ref, area_lock(area_entry(ref)), shelf);
}
