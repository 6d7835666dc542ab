/* SPDX-License-Identifier: BSD-2-Clause */
/* See metadata_pool.h. */
#include "mm/metadata_pool.h"

#include "extras/check/poison.h"
#include "include/platform.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/free_index.h"
#include "mm/page_internal.h"

/* The first frame of the pageblock. */
struct head {
    struct head *next;
    struct head *before;
    u64 free[PAGEBLOCK_WORDS];    /* a set bit is a frame to give; never the head's own */
    u32 nr_free;                  /* of 511 */
    u32 owners[PAGEBLOCK_FRAMES]; /* whose bitmap the frame is: the section's base >> SECTION_SHIFT
                                   */
};
_Static_assert(sizeof(struct head) <= PAGE_BYTES, "the head is one frame");

#define ALL_FREE (PAGEBLOCK_FRAMES - 1)

static struct head *first_head;
static u64 nr_heads;

void metadata_pool_init(void)
{
    first_head = NULL;
    nr_heads = 0;
}

static struct head *new_head(void)
{
    struct pageblock pb;
    do {
        if (!free_index_find(FREE_IDLE_PLUGGED, &pb))
            return NULL;
    } while (!section_claim(pb.section, pageblock_bit(pb)));
    pageblock_lock(pageblock_entry(pb));
    pageblock_unlock(pageblock_entry(pb), PB_METADATA);
    account_alloc(PB_METADATA, PAGEBLOCK_FRAMES);
    struct head *head = phys_to_virt(poison_taken(pageblock_base(pb), PAGEBLOCK_FRAMES));
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
    struct pageblock pb = {section_at(base), pageblock_index(base)};
    if (head->next)
        head->next->before = head->before;
    if (head->before)
        head->before->next = head->next;
    else
        first_head = head->next;
    nr_heads--;
    account_free(PB_METADATA, PAGEBLOCK_FRAMES);
    pageblock_lock(pageblock_entry(pb));
    pageblock_unlock(pageblock_entry(pb), 0);
    section_add_idle(pb.section, pageblock_bit(pb));
}

void *metadata_pool_get(const struct section *section)
{
    struct head *head = first_head;
    while (head && head->nr_free == 0)
        head = head->next;
    if (!head)
        head = new_head();
    if (!head)
        return NULL;
    unsigned frame = frame_bits_find(head->free, 0);
    frame_bits_clear(&head->free[frame / 64], frame % 64, 0);
    head->nr_free--;
    head->owners[frame] = (u32)(section->base >> SECTION_SHIFT);
    return (u8 *)head + frame * PAGE_BYTES;
}

bool metadata_pool_has(const void *frame)
{
    paddr_t paddr = virt_to_phys(frame);
    const struct section *section = section_at(paddr);
    return section && __atomic_load_n(&section->entries[pageblock_index(paddr)], __ATOMIC_RELAXED) &
                          PB_METADATA;
}

void metadata_pool_put(const void *frame)
{
    paddr_t paddr = virt_to_phys(frame);
    struct head *head = phys_to_virt(align_down(paddr, PAGEBLOCK_BYTES));
    unsigned index = frame_index(paddr);
    bool taken = frame_bits_give(&head->free[index / 64], index % 64, 0);
    ASSERT(taken);
    if (++head->nr_free == ALL_FREE)
        drop_head(head);
}

/* ---- home again ---- */

/* Keep every processor out of the section's bits, or let them in. */
static void lock_split(struct section *section)
{
    for (u64 pageblocks = section->split; pageblocks != 0; pageblocks &= pageblocks - 1)
        pageblock_lock(&section->entries[__builtin_ctzll(pageblocks)]);
}

/* The bits have moved: a pageblock's holder has a pointer of its own to them. */
static void unlock_split(struct section *section)
{
    for (u64 pageblocks = section->split; pageblocks != 0; pageblocks &= pageblocks - 1) {
        struct pageblock pb = {section, (unsigned)__builtin_ctzll(pageblocks)};
        u32 entry = __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED) - PB_LOCK;
        u32 reservation = (entry & PB_RESERVATION) >> PB_RESERVATION_SHIFT;
        if (reservation != 0)
            reservation_follow((entry & PB_CPU) >> PB_CPU_SHIFT, reservation - 1,
                               pageblock_free_bits(pb));
        pageblock_unlock(pageblock_entry(pb), entry);
    }
}

/*
 * Bitmaps leave the reserve to page tables, but not when nothing else is left in
 * plugged memory: then they are of partial pageblocks, and go with their blocks, which
 * nothing but they would keep.
 */
static bool may_go_home(void)
{
    return place_above_reserve(1) || page_used(false) == nr_heads * PAGEBLOCK_FRAMES;
}

static bool move_home(struct section *section, void *frame)
{
    if (!may_go_home())
        return false;
    paddr_t home = place_boot_frame();
    if (home == PADDR_NONE)
        return false;
    lock_split(section);
    memcpy(phys_to_virt(home), frame, PAGE_BYTES);
    if (section->bitmap == frame)
        section->bitmap = phys_to_virt(home);
    else
        section->present_bitmap = phys_to_virt(home);
    unlock_split(section);
    return true;
}

/* False when boot RAM is out. The head may be gone afterwards. */
static bool empty_head(struct head *head)
{
    for (unsigned frame = 1; frame < PAGEBLOCK_FRAMES; frame++) {
        if (head->free[frame / 64] >> frame % 64 & 1)
            continue;
        u8 *bitmap = (u8 *)head + frame * PAGE_BYTES;
        bool last = head->nr_free == ALL_FREE - 1;
        if (!move_home(section_at((paddr_t)head->owners[frame] << SECTION_SHIFT), bitmap))
            return false;
        metadata_pool_put(bitmap);
        if (last)
            break;
    }
    return true;
}

void metadata_migrate_home(void)
{
    struct head *next;
    for (struct head *head = first_head; head; head = next) {
        next = head->next;
        if (!empty_head(head))
            return;
    }
}
