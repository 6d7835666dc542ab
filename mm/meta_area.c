/* SPDX-License-Identifier: BSD-2-Clause */
/* See meta_area.h. */
#include "mm/meta_area.h"

#include "extras/check/poison.h"
#include "include/platform.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/index.h"
#include "mm/page_internal.h"

/* The first frame of the area. */
struct head {
    struct head *next;
    struct head *before;
    u64 free[AREA_WORDS];    /* a set bit is a frame to give; never the head's own */
    u32 nr_free;             /* of 511 */
    u32 owners[AREA_FRAMES]; /* whose bitmap the frame is: the group's base >> GROUP_SHIFT */
};
_Static_assert(sizeof(struct head) <= PAGE_BYTES, "the head is one frame");

#define ALL_FREE (AREA_FRAMES - 1)

static struct head *first_head;
static u64 nr_heads;

void meta_area_init(void)
{
    first_head = NULL;
    nr_heads = 0;
}

static struct head *new_head(void)
{
    struct area_ref ref;
    do {
        if (!index_find(CATEGORY_IDLE_PLUGGED, &ref))
            return NULL;
    } while (!group_claim(ref.group, area_bit(ref)));
    area_lock(area_entry(ref));
    area_unlock(area_entry(ref), AREA_META);
    page_charge(AREA_META, AREA_FRAMES);
    struct head *head = phys_to_virt(poison_taken(area_base(ref), AREA_FRAMES));
    memset(head->free, 0xff, sizeof(head->free));
    head->free[0] &= ~(u64)1;
    head->nr_free = ALL_FREE;
    head->before = NULL;
    head->next = first_head;
    if (first_head)
        first_head->before = head;
    first_head = head;
    nr_heads++;
    return head;
}

static void drop_head(struct head *head)
{
    paddr_t base = virt_to_phys(head);
    struct area_ref ref = {index_group(base), area_index(base)};
    if (head->next)
        head->next->before = head->before;
    if (head->before)
        head->before->next = head->next;
    else
        first_head = head->next;
    nr_heads--;
    page_uncharge(AREA_META, AREA_FRAMES);
    area_lock(area_entry(ref));
    area_unlock(area_entry(ref), 0);
    group_add_idle(ref.group, area_bit(ref));
}

void *meta_area_get(const struct group *group)
{
    struct head *head = first_head;
    while (head && head->nr_free == 0)
        head = head->next;
    if (!head)
        head = new_head();
    if (!head)
        return NULL;
    unsigned frame = area_bits_find(head->free, 0);
    area_bits_clear(&head->free[frame / 64], frame % 64, 0);
    head->nr_free--;
    head->owners[frame] = (u32)(group->base >> GROUP_SHIFT);
    return (u8 *)head + frame * PAGE_BYTES;
}

bool meta_area_has(const void *frame)
{
    paddr_t paddr = virt_to_phys(frame);
    const struct group *group = index_group(paddr);
    return group && __atomic_load_n(&group->areas[area_index(paddr)], __ATOMIC_RELAXED) & AREA_META;
}

void meta_area_put(const void *frame)
{
    paddr_t paddr = virt_to_phys(frame);
    struct head *head = phys_to_virt(align_down(paddr, AREA_BYTES));
    unsigned index = frame_index(paddr);
    bool taken = area_bits_give(&head->free[index / 64], index % 64, 0);
    ASSERT(taken);
    if (++head->nr_free == ALL_FREE)
        drop_head(head);
}

/* ---- home again ---- */

/* Keep every processor out of the group's bits, or let them in. */
static void lock_small(struct group *group)
{
    for (u64 areas = group->small; areas != 0; areas &= areas - 1)
        area_lock(&group->areas[__builtin_ctzll(areas)]);
}

/* The bits have moved: an area's holder has a pointer of its own to them. */
static void unlock_small(struct group *group)
{
    for (u64 areas = group->small; areas != 0; areas &= areas - 1) {
        struct area_ref ref = {group, (unsigned)__builtin_ctzll(areas)};
        u32 entry = __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED) - AREA_LOCK;
        u32 slot = (entry & AREA_SLOT) >> AREA_SLOT_SHIFT;
        if (slot != 0)
            hold_follow((entry & AREA_CPU) >> AREA_CPU_SHIFT, slot - 1, area_words(ref));
        area_unlock(area_entry(ref), entry);
    }
}

/*
 * Bitmaps leave the reserve to page tables, but not when nothing else is left in
 * plugged memory: then they are of odd areas, and go with their blocks, which
 * nothing but they would keep.
 */
static bool may_go_home(void)
{
    return place_above_reserve(1) || page_used(false) == nr_heads * AREA_FRAMES;
}

static bool move_home(struct group *group, void *frame)
{
    if (!may_go_home())
        return false;
    paddr_t home = place_boot_frame();
    if (home == PADDR_NONE)
        return false;
    lock_small(group);
    memcpy(phys_to_virt(home), frame, PAGE_BYTES);
    if (group->bitmap == frame)
        group->bitmap = phys_to_virt(home);
    else
        group->present_bitmap = phys_to_virt(home);
    unlock_small(group);
    return true;
}

/* False when boot RAM is out. The head may be gone afterwards. */
static bool empty_head(struct head *head)
{
    for (unsigned frame = 1; frame < AREA_FRAMES; frame++) {
        if (head->free[frame / 64] >> frame % 64 & 1)
            continue;
        u8 *bitmap = (u8 *)head + frame * PAGE_BYTES;
        bool last = head->nr_free == ALL_FREE - 1;
        if (!move_home(index_group((paddr_t)head->owners[frame] << GROUP_SHIFT), bitmap))
            return false;
        meta_area_put(bitmap);
        if (last)
            break;
    }
    return true;
}

void meta_area_retreat(void)
{
    struct head *next;
    for (struct head *head = first_head; head; head = next) {
        next = head->next;
        if (!empty_head(head))
            return;
    }
}
