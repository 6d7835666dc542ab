/* SPDX-License-Identifier: BSD-2-Clause */
/* See meta.h. */
#include "mm/meta.h"

#include "include/platform.h"
#include "lib/string.h"
#include "mm/early.h"
#include "mm/index.h"
#include "mm/meta_area.h"
#include "mm/page_internal.h"

#define GROUPS_PER_FRAME (unsigned)(PAGE_BYTES / sizeof(struct group))
#define LEAF_BYTES       (LEAF_GROUPS * GROUP_BYTES)
#define BITMAPS_OF_RUN   4 /* two at each end, if that cuts an area */

static bool early;
static u64 nr_frames;

/* Groups without memory, linked by their base; then the unused rest of the newest frame. */
static struct group *free_groups;
static u64 nr_free_groups;
static struct group *fresh_groups;
static unsigned nr_fresh_groups;

/* The first leaves are part of the kernel's image: boot RAM's, and that of the first region beyond
 * it, which is most often the only one. */
static struct leaf first_leaves[2];
static unsigned nr_first_leaves;

void meta_init(void)
{
    early = true;
    nr_frames = 0;
    free_groups = NULL;
    nr_free_groups = 0;
    nr_fresh_groups = 0;
    nr_first_leaves = 0;
    meta_area_init();
}

void meta_end_early(void)
{
    early = false;
}

u64 meta_frames(void)
{
    return nr_frames;
}

static void *get_frame(void)
{
    paddr_t frame = early ? early_alloc(PAGE_BYTES) : place_boot_frame();
    if (frame == PADDR_NONE)
        return NULL;
    nr_frames++;
    return phys_to_virt(frame);
}

/* A bitmap can be moved, so it may lie anywhere; but it must leave the kernel its reserve. */
static void *get_bitmap(const struct group *group, bool may_use_reserve)
{
    if (early || place_above_reserve(1))
        return get_frame();
    void *frame = meta_area_get(group);
    nr_frames += frame != NULL;
    return !frame && may_use_reserve ? get_frame() : frame;
}

static void put_bitmap(void *frame)
{
    nr_frames--;
    if (meta_area_has(frame))
        meta_area_put(frame);
    else
        page_free_frame_locked(virt_to_phys(frame));
}

static struct leaf *new_leaf(void)
{
    if (nr_first_leaves < ARRAY_SIZE(first_leaves))
        return &first_leaves[nr_first_leaves++];
    return get_frame();
}

static struct group *new_group(void)
{
    struct group *group = free_groups;
    if (group) {
        free_groups = phys_to_virt(group->base);
        nr_free_groups--;
        return group;
    }
    if (nr_fresh_groups == 0) {
        fresh_groups = get_frame();
        if (!fresh_groups)
            return NULL;
        nr_fresh_groups = GROUPS_PER_FRAME;
    }
    nr_fresh_groups--;
    group = fresh_groups++;
    memset(group, 0, sizeof(*group));
    return group;
}

struct group *meta_get_group(paddr_t paddr)
{
    struct group *group = index_group(paddr);
    if (group)
        return group;
    if (!index_has_leaf(paddr)) {
        struct leaf *leaf = new_leaf();
        if (!leaf)
            return NULL;
        index_add_leaf(paddr, leaf);
    }
    group = new_group();
    if (!group)
        return NULL;
    group->base = align_down(paddr, GROUP_BYTES);
    group->arrived = group->refused = 0;
    index_set_group(paddr, group);
    return group;
}

static void drop(u64 **bitmap)
{
    if (*bitmap)
        put_bitmap(*bitmap);
    *bitmap = NULL;
}

void meta_drop_group(struct group *group)
{
    meta_drop_bitmap(group);
#ifdef TIDE_DEBUG
    drop(&group->poisoned);
#endif
    index_remove(group->base, CATEGORY_IDLE_PLUGGED);
    index_set_group(group->base, NULL);
    group->base = virt_to_phys(free_groups);
    free_groups = group;
    nr_free_groups++;
}

u64 meta_frames_for(paddr_t base, u64 range_bytes, u64 bytes)
{
    u64 nr_groups = bytes / GROUP_BYTES + 2; /* of which the run may have a part */
    u64 nr_spare = nr_free_groups + nr_fresh_groups;
    u64 nr_leaves = bytes / LEAF_BYTES + 2;
    u64 missing = 0;
    for (paddr_t at = base; at < base + range_bytes; at = align_down(at, LEAF_BYTES) + LEAF_BYTES)
        missing += !index_has_leaf(at);
    nr_groups -= min_u64(nr_groups, nr_spare);
    return (nr_groups + GROUPS_PER_FRAME - 1) / GROUPS_PER_FRAME + min_u64(nr_leaves, missing) +
           BITMAPS_OF_RUN;
}

bool meta_need_bitmap(struct group *group)
{
    if (!group->bitmap)
        group->bitmap = get_bitmap(group, false);
    return group->bitmap != NULL;
}

bool meta_need_odd_bitmaps(struct group *group)
{
    if (!group->bitmap)
        group->bitmap = get_bitmap(group, true);
    if (!group->bitmap || group->present_bitmap)
        return group->bitmap != NULL;
    group->present_bitmap = get_bitmap(group, true);
    if (!group->present_bitmap)
        return false;
    memset(group->present_bitmap, 0, PAGE_BYTES);
    return true;
}

#ifdef TIDE_DEBUG
/* In boot RAM alone: what moves bitmaps out of plugged memory knows nothing of these. */
bool meta_need_poison_bitmap(struct group *group)
{
    if (group->poisoned)
        return true;
    u64 *bitmap = place_above_reserve(1) ? get_frame() : NULL;
    if (!bitmap)
        return false;
    memset(bitmap, 0, PAGE_BYTES);
    __atomic_store_n(&group->poisoned, bitmap, __ATOMIC_RELEASE);
    return true;
}
#endif

void meta_drop_bitmap(struct group *group)
{
    if (group->boot)
        return;
    drop(&group->bitmap);
    drop(&group->present_bitmap);
}
