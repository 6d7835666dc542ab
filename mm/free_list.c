/* SPDX-License-Identifier: BSD-2-Clause */
/* See free_list.h. */
#include "mm/free_list.h"

#include "mm/free_index.h"
#include "mm/metadata.h"
#include "mm/pageblock_place.h"

static unsigned list_class(struct pageblock pb, unsigned list)
{
    if (pb.section->movable & pageblock_bit(pb))
        return FREE_MOVABLE + list;
    if (pb.section->boot)
        return FREE_UNMOVABLE_BOOT + list;
    if (list < FREE_LIST_TOP)
        return FREE_BOUNDED_PLUGGED + list;
    return FREE_ORDER_PLUGGED + pageblock_free_quarters(pb) * NR_ORDERS + pageblock_order(pb);
}

static u64 *listed(unsigned class)
{
    if (class >= FREE_UNMOVABLE_BOOT)
        return &account_listed[LISTED_OTHER];
    return &account_listed[class < FREE_ORDER_PLUGGED + NR_ORDERS ? LISTED_FULL : LISTED_EMPTIED];
}

static void enqueue(struct pageblock pb, unsigned list)
{
    unsigned class = list_class(pb, list);
    ++*listed(class);
    free_index_add(pb.section->base, class);
    section_set_number(pb.section->free_lists, LIST_BITS, pb.index, list);
    pb.section->listed |= pageblock_bit(pb);
}

void pageblock_dequeue(struct pageblock pb, u32 entry)
{
    if (pb.section->listed & pageblock_bit(pb))
        pageblock_dequeue_from(pb, list_class(pb, entry_list(entry)));
}

void pageblock_dequeue_from(struct pageblock pb, unsigned class)
{
    --*listed(class);
    pb.section->listed &= ~pageblock_bit(pb);
    pageblock_set_free_quarters(pb, 0);
    if (pb.section->listed == 0 || section_in_class(pb.section, class) == 0)
        free_index_remove(pb.section->base, class);
}

/* All 512 frames are free: the section needs no bits for it. */
static void become_idle(struct pageblock pb)
{
    struct section *section = pb.section;
    section->split &= ~pageblock_bit(pb);
    section->movable &= ~pageblock_bit(pb);
    pageblock_set_order(pb, 0);
    pageblock_set_free_quarters(pb, 0);
    section_note_use(section, pageblock_bit(pb));
    pageblock_unlock(pageblock_entry(pb), 0);
    if (!(section->isolated & pageblock_bit(pb)))
        section_add_idle(section, pageblock_bit(pb));
    if (section->split == 0)
        metadata_drop_bitmaps(section);
}

void pageblock_enqueue(struct pageblock pb, u32 entry, unsigned list)
{
    u32 frames = entry & PB_FREE;
    if (!(entry & PB_SPLIT) || entry & PB_RESERVED) {
        pageblock_unlock(pageblock_entry(pb), entry);
        return;
    }
    if (entry & PB_MOVABLE)
        list = entry_list(entry);
    pageblock_dequeue(pb, entry);
    if (frames == PAGEBLOCK_FRAMES) {
        become_idle(pb);
        return;
    }
    entry = entry_with_list(entry, list) & ~PB_SETTLED;
    if (frames != 0 && !(pb.section->isolated & pageblock_bit(pb))) {
        enqueue(pb, list);
        if (entry & PB_MOVABLE || list == FREE_LIST_TOP)
            entry |= PB_SETTLED;
    }
    pageblock_unlock(pageblock_entry(pb), entry);
}

void pageblock_requeue_emptier(struct pageblock pb, u32 entry, unsigned class)
{
    pageblock_dequeue_from(pb, class);
    pageblock_set_free_quarters(pb, entry_quarters_to_find(entry));
    pageblock_enqueue(pb, entry, FREE_LIST_TOP);
}

void pageblock_requeue(struct pageblock pb, unsigned list)
{
    pageblock_enqueue(pb, pageblock_lock(pageblock_entry(pb)), list);
}
