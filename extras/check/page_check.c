/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_check(): every counter, mask and list of the allocator recomputed from
 * the entries and the bits, and compared. For tests, while nobody allocates.
 */
#include "extras/check/page_check.h"

#include "include/extra.h"
#include "lib/bitmap.h"
#include "lib/panic.h"
#include "mm/free_index.h"
#include "mm/page.h"
#include "mm/pageblock_place.h"
#include "mm/reservation.h"

struct totals {
    u64 present[2];
    u64 used[2];
    u64 pageblocks_in[NR_FREE_CLASSES];
};

_Noreturn static void wrong(struct pageblock pb, const char *what)
{
    panic("page_check: pageblock 0x%llx entry 0x%x: %s", (unsigned long long)pageblock_base(pb),
          *pageblock_entry(pb), what);
}

static void check_split(struct pageblock pb, u32 entry, struct totals *totals)
{
    bool boot = (entry & PB_BOOT) != 0;
    u32 frames = entry & PB_FREE;
    u64 there = PAGEBLOCK_FRAMES;
    if (bitmap_count_range(pageblock_free_bits(pb), 0, PAGEBLOCK_FRAMES) != frames)
        wrong(pb, "the count of free frames is not that of the bits");
    if (entry & PB_PARTIAL) {
        there = bitmap_count_range(pageblock_present_bits(pb), 0, PAGEBLOCK_FRAMES);
        for (unsigned i = 0; i < PAGEBLOCK_WORDS; i++) {
            if (pageblock_free_bits(pb)[i] & ~pageblock_present_bits(pb)[i])
                wrong(pb, "an absent frame is free");
        }
    }
    totals->present[boot] += there;
    totals->used[boot] += there - frames;
    unsigned list = entry_list(entry);
    bool is_listed = (pb.section->listed & pageblock_bit(pb)) != 0;
    bool isolated = (pb.section->isolated & pageblock_bit(pb)) != 0;
    if (is_listed != (frames != 0 && !(entry & PB_RESERVED) && !isolated))
        wrong(pb, "on a free list and should not be, or the reverse");
    if (is_listed && !(section_on_list(pb.section, list) & pageblock_bit(pb)))
        wrong(pb, "on another free list than it says");
    if (pageblock_free_quarters(pb) > (is_listed ? entry_free_quarters(entry) : 0))
        wrong(pb, "fuller than its class");
    if (frames == PAGEBLOCK_FRAMES && !(entry & PB_RESERVED))
        wrong(pb, "idle, but kept as used");
    /* While the pageblock is reserved its list is old: it gets one at the end of the reservation.
     */
    if (!(entry & (PB_MOVABLE | PB_RESERVED)) && list < FREE_LIST_TOP &&
        frame_bits_find(pageblock_free_bits(pb), list + 1) != FRAME_BITS_NONE)
        wrong(pb, "a larger run is free than its free list says");
}

static void check_masks(struct pageblock pb, u32 entry)
{
    const struct section *section = pb.section;
    u64 bit = pageblock_bit(pb);
    bool split = (entry & PB_SPLIT) != 0;
    bool present = (section->present & bit) != 0;
    if (section->listed & bit && !split)
        wrong(pb, "on a free list, but not split");
    if (pageblock_order(pb) >= NR_ORDERS ||
        (pageblock_order(pb) != 0 && (!split || section->boot || entry & PB_MOVABLE)))
        wrong(pb, "for an order that it cannot be for");
    if (split != ((section->split & bit) != 0))
        wrong(pb, "the split mask is wrong");
    if (is_isolated_huge(entry) && !(section->isolated & bit))
        wrong(pb, "isolated as a huge page, in a block that is not");
    if ((split && entry & PB_MOVABLE) != ((section->movable & bit) != 0))
        wrong(pb, "the movable mask is wrong");
    if (((entry & PB_PARTIAL) != 0) != ((section->partial & bit) != 0))
        wrong(pb, "the partial mask is wrong");
    bool idle = (section_idle(section) & bit) != 0;
    if ((entry == 0 && present) != idle && (idle || !(section->isolated & bit)))
        wrong(pb, "the idle mask is wrong");
    if (entry != 0 && (!present || ((entry & PB_BOOT) != 0) != section->boot))
        wrong(pb, "in use and not present, or of the wrong origin");
}

static void check_pageblock(struct pageblock pb, struct totals *totals)
{
    u32 entry = *pageblock_entry(pb);
    check_masks(pb, entry);
    if (entry & PB_SPLIT) {
        check_split(pb, entry, totals);
    } else if (pb.section->present & pageblock_bit(pb)) {
        bool boot = pb.section->boot;
        totals->present[boot] += PAGEBLOCK_FRAMES;
        if (entry & (PB_HUGE | PB_METADATA))
            totals->used[boot] += PAGEBLOCK_FRAMES;
    }
}

static void check_section(struct section *section, struct totals *totals)
{
    for (unsigned i = 0; i < SECTION_PAGEBLOCKS; i++)
        check_pageblock((struct pageblock){section, i}, totals);
    for (unsigned class = 0; class < NR_FREE_CLASSES; class ++) {
        u64 mask = section_in_class(section, class);
        totals->pageblocks_in[class] += (unsigned)bitmap_count_range(&mask, 0, 64);
    }
    if (section->present == 0 && !section->boot)
        panic("page_check: section 0x%llx is empty", (unsigned long long)section->base);
    if (!section->boot && (section->bitmap != NULL) > (section->split != 0))
        panic("page_check: section 0x%llx keeps a bitmap", (unsigned long long)section->base);
}

/* Every pageblock that the sections have in a class is found by the index, in order. */
static void check_index(const struct totals *totals)
{
    for (unsigned class = 0; class < NR_FREE_CLASSES; class ++) {
        u64 found = 0;
        struct pageblock pb;
        for (paddr_t at = 0; free_index_find_from(class, at, &pb);
             at = pageblock_base(pb) + PAGEBLOCK_BYTES)
            found++;
        if (found != totals->pageblocks_in[class])
            panic("page_check: class %u: the index finds %llu pageblocks of %llu", class,
                  (unsigned long long)found, (unsigned long long)totals->pageblocks_in[class]);
        if (free_index_find(class, &pb) != (found != 0))
            panic("page_check: class %u: the lowest pageblock is lost", class);
    }
}

/* As many unmovable pageblocks of plugged memory on free lists as are counted, of either kind. */
static void check_listed(const struct totals *totals)
{
    u64 listed[2] = {0};
    for (unsigned class = FREE_BOUNDED_PLUGGED; class < FREE_UNMOVABLE_BOOT; class ++)
        listed[class < FREE_ORDER_PLUGGED + NR_ORDERS ? LISTED_FULL : LISTED_EMPTIED] +=
            totals->pageblocks_in[class];
    if (listed[LISTED_FULL] != account_listed[LISTED_FULL] ||
        listed[LISTED_EMPTIED] != account_listed[LISTED_EMPTIED])
        panic("page_check: %llu nearly full pageblocks listed, %llu emptied; counted %llu, %llu",
              (unsigned long long)account_listed[LISTED_FULL],
              (unsigned long long)account_listed[LISTED_EMPTIED],
              (unsigned long long)listed[LISTED_FULL], (unsigned long long)listed[LISTED_EMPTIED]);
}

void page_check(void)
{
    struct totals totals = {0};
    spin_lock(&page_lock);
    struct section *section = free_index_next_section(0);
    while (section) {
        check_section(section, &totals);
        section = free_index_next_section(section->base + SECTION_BYTES);
    }
    check_index(&totals);
    check_listed(&totals);
    for (unsigned boot = 0; boot < 2; boot++) {
        if (totals.present[boot] != account_managed[boot] || totals.used[boot] != page_used(boot))
            panic("page_check: origin %u: %llu frames, %llu used; counted %llu, %llu", boot,
                  (unsigned long long)account_managed[boot], (unsigned long long)page_used(boot),
                  (unsigned long long)totals.present[boot], (unsigned long long)totals.used[boot]);
    }
    spin_unlock(&page_lock);
}

EXTRA(page_check) = {.name = "check", .check = page_check};
