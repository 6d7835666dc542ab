/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_check(): every counter, mask and list of the allocator recomputed from
 * the entries and the bits, and compared. For tests, while nobody allocates.
 */
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mm/index.h"
#include "mm/meta.h"
#include "mm/page_internal.h"

struct totals {
    u64 present[2];
    u64 used[2];
    u64 areas_in[NR_CATEGORIES];
};

_Noreturn static void wrong(struct area_ref ref, const char *what)
{
    panic("page_check: area 0x%llx entry 0x%x: %s", (unsigned long long)area_base(ref),
          *area_entry(ref), what);
}

static void check_small(struct area_ref ref, u32 entry, struct totals *totals)
{
    bool boot = (entry & AREA_BOOT) != 0;
    u32 frames = entry & AREA_FREE;
    u64 there = AREA_FRAMES;
    if (bitmap_count_range(area_words(ref), 0, AREA_FRAMES) != frames)
        wrong(ref, "the count of free frames is not that of the bits");
    if (entry & AREA_ODD) {
        there = bitmap_count_range(area_present_words(ref), 0, AREA_FRAMES);
        for (unsigned i = 0; i < AREA_WORDS; i++) {
            if (area_words(ref)[i] & ~area_present_words(ref)[i])
                wrong(ref, "an absent frame is free");
        }
    }
    totals->present[boot] += there;
    totals->used[boot] += there - frames;
    unsigned shelf = area_shelf(entry);
    bool filed = (ref.group->shelves[shelf] & area_bit(ref)) != 0;
    bool closed = (ref.group->closed & area_bit(ref)) != 0;
    if (filed != (frames != 0 && !(entry & AREA_HOLDER) && !closed))
        wrong(ref, "on a shelf and should not be, or the reverse");
    if (frames == AREA_FRAMES && !(entry & AREA_HOLDER))
        wrong(ref, "idle, but kept as used");
    /* While the area is held its shelf is old: it gets a new one when it is let go. */
    if (!(entry & (AREA_MOVABLE | AREA_HOLDER)) && shelf < SHELF_UNKNOWN &&
        area_bits_find(area_words(ref), shelf + 1) != AREA_BITS_NONE)
        wrong(ref, "a larger run is free than its shelf says");
}

/* Each mask against the entry, bit by bit. */
static void check_masks(struct area_ref ref, u32 entry)
{
    const struct group *group = ref.group;
    u64 bit = area_bit(ref);
    bool small = (entry & AREA_SMALL) != 0;
    bool present = (group->present & bit) != 0;
    unsigned shelves = 0;
    for (unsigned i = 0; i < NR_SHELVES; i++)
        shelves += (group->shelves[i] & bit) != 0;
    if (shelves > small)
        wrong(ref, "on a shelf, but not in small use, or on two");
    if (small != ((group->small & bit) != 0))
        wrong(ref, "the small mask is wrong");
    if ((entry & AREA_CLOSED_WHOLE) == AREA_CLOSED_WHOLE && !(group->closed & bit))
        wrong(ref, "closed in an open block");
    if ((small && entry & AREA_MOVABLE) != ((group->movable & bit) != 0))
        wrong(ref, "the movable mask is wrong");
    if (((entry & AREA_ODD) != 0) != ((group->odd & bit) != 0))
        wrong(ref, "the odd mask is wrong");
    bool idle = (group_idle(group) & bit) != 0;
    if ((entry == 0 && present) != idle && (idle || !(group->closed & bit)))
        wrong(ref, "the idle mask is wrong");
    if (entry != 0 && (!present || ((entry & AREA_BOOT) != 0) != group->boot))
        wrong(ref, "in use and not present, or of the wrong origin");
}

static void check_area(struct area_ref ref, struct totals *totals)
{
    u32 entry = *area_entry(ref);
    check_masks(ref, entry);
    if (entry & AREA_SMALL) {
        check_small(ref, entry, totals);
    } else if (ref.group->present & area_bit(ref)) {
        bool boot = ref.group->boot;
        totals->present[boot] += AREA_FRAMES;
        if (entry & (AREA_WHOLE | AREA_META))
            totals->used[boot] += AREA_FRAMES;
    }
}

static void check_group(struct group *group, struct totals *totals)
{
    for (unsigned i = 0; i < GROUP_AREAS; i++)
        check_area((struct area_ref){group, i}, totals);
    for (unsigned category = 0; category < NR_CATEGORIES; category++) {
        u64 mask = group_category(group, category);
        totals->areas_in[category] += (unsigned)bitmap_count_range(&mask, 0, 64);
    }
    if (group->present == 0 && !group->boot)
        panic("page_check: group 0x%llx is empty", (unsigned long long)group->base);
    if (!group->boot && (group->bitmap != NULL) > (group->small != 0))
        panic("page_check: group 0x%llx keeps a bitmap", (unsigned long long)group->base);
}

/* Every area that the groups have in a category is found by the index, in order. */
static void check_index(const struct totals *totals)
{
    for (unsigned category = 0; category < NR_CATEGORIES; category++) {
        u64 found = 0;
        struct area_ref ref;
        for (paddr_t at = 0; index_find_from(category, at, &ref); at = area_base(ref) + AREA_BYTES)
            found++;
        if (found != totals->areas_in[category])
            panic("page_check: category %u: the index finds %llu areas of %llu", category,
                  (unsigned long long)found, (unsigned long long)totals->areas_in[category]);
        if (index_find(category, &ref) != (found != 0))
            panic("page_check: category %u: the lowest area is lost", category);
    }
}

void page_check(void)
{
    struct totals totals = {0};
    spin_lock(&page_lock);
    struct group *group = index_next_group(0);
    while (group) {
        check_group(group, &totals);
        group = index_next_group(group->base + GROUP_BYTES);
    }
    check_index(&totals);
    for (unsigned boot = 0; boot < 2; boot++) {
        if (totals.present[boot] != page_total[boot] || totals.used[boot] != page_used(boot))
            panic("page_check: origin %u: %llu frames, %llu used; counted %llu, %llu", boot,
                  (unsigned long long)page_total[boot], (unsigned long long)page_used(boot),
                  (unsigned long long)totals.present[boot], (unsigned long long)totals.used[boot]);
    }
    spin_unlock(&page_lock);
}
