/* SPDX-License-Identifier: BSD-2-Clause */
/* See metadata_pool.h. */
#include "mm/metadata_pool.h"

#include "include/platform.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/account.h"
#include "mm/frame_bits.h"
#include "mm/free_index.h"
#include "mm/page_debug.h"

/* The first frame of the pageblock. */
struct head {
    struct head *next;
    struct head *before;
    u64 free[PAGEBLOCK_WORDS];      /* a set bit is a free frame; the head's own is never set */
    u32 nr_free;                    /* of 511 */
    u32 sections[PAGEBLOCK_FRAMES]; /* whose bitmap the frame is: the base >> SECTION_SHIFT */
};
_Static_assert(sizeof(struct head) <= PAGE_BYTES, "the head is one frame");

#define ALL_FREE (PAGEBLOCK_FRAMES - 1)

/* Each has a frame in use: the pageblock of the last one is given back. */
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
    struct head *head = phys_to_virt(page_debug_taken(pageblock_base(pb), PAGEBLOCK_FRAMES));
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
    struct pageblock pb = pageblock_at(virt_to_phys(head));
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
    section_note_use(pb.section, pageblock_bit(pb));
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
    head->sections[frame] = (u32)(section->base >> SECTION_SHIFT);
    return (u8 *)head + frame * PAGE_BYTES;
}

bool metadata_pool_has(const void *frame)
{
    struct pageblock pb = pageblock_at(virt_to_phys(frame));
    return pb.section && __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED) & PB_METADATA;
}

void metadata_pool_put(const void *frame)
{
    paddr_t paddr = virt_to_phys(frame);
    struct head *head = phys_to_virt(align_down(paddr, PAGEBLOCK_BYTES));
    unsigned index = frame_index(paddr);
    bool was_in_use = frame_bits_give(&head->free[index / 64], index % 64, 0);
    ASSERT(was_in_use);
    if (++head->nr_free == ALL_FREE)
        drop_head(head);
}

void *metadata_pool_first(struct section **section)
{
    if (!first_head)
        return NULL;
    unsigned frame = 1;
    while (first_head->free[frame / 64] >> frame % 64 & 1)
        frame++;
    *section = section_at((paddr_t)first_head->sections[frame] << SECTION_SHIFT);
    return (u8 *)first_head + frame * PAGE_BYTES;
}

u64 metadata_pool_frames(void)
{
    return nr_heads * PAGEBLOCK_FRAMES;
}
