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
    if (category >= CATEGORY_FIXED_BOOT)
        return group->shelves[category - CATEGORY_FIXED_BOOT] & ~group->movable & group->boot;
    if (category >= CATEGORY_FIXED_PLUGGED)
        return group->shelves[category - CATEGORY_FIXED_PLUGGED] & ~group->movable & ~group->boot;
    return group->idle & (category == CATEGORY_IDLE_BOOT ? group->boot : ~group->boot);
}

static unsigned idle_category(const struct group *group, u64 mask)
{
    return group->boot & mask ? CATEGORY_IDLE_BOOT : CATEGORY_IDLE_PLUGGED;
}

/* A mask of areas of one origin. */
static void add_idle_of_one(struct group *group, u64 mask)
{
    if (mask == 0)
        return;
    unsigned category = idle_category(group, mask);
    if (group_category(group, category) == 0)
        index_add(group->base, category);
    group->idle |= mask;
}

static void remove_idle_of_one(struct group *group, u64 mask)
{
    if (mask == 0)
        return;
    unsigned category = idle_category(group, mask);
    group->idle &= ~mask;
    if (group_category(group, category) == 0)
        index_remove(group->base, category);
}

void group_add_idle(struct group *group, u64 mask)
{
    add_idle_of_one(group, mask & group->boot);
    add_idle_of_one(group, mask & ~group->boot);
}

void group_remove_idle(struct group *group, u64 mask)
{
    remove_idle_of_one(group, mask & group->boot);
    remove_idle_of_one(group, mask & ~group->boot);
}

static unsigned shelf_category(struct area_ref ref, unsigned shelf)
{
    if (ref.group->movable & area_bit(ref))
        return CATEGORY_MOVABLE + shelf;
    if (ref.group->boot & area_bit(ref))
        return CATEGORY_FIXED_BOOT + shelf;
    return CATEGORY_FIXED_PLUGGED + shelf;
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
    if (frames != 0)
        put_on_shelf(ref, shelf);
    area_unlock(area_entry(ref), area_with_shelf(entry, shelf));
}

void area_refile(struct area_ref ref, unsigned shelf)
{
    area_file(ref, area_lock(area_entry(ref)), shelf);
}
