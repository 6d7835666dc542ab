/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See heap.h. A frame of small objects begins with a head that has one bit for
 * each of its places; frames with a free place are linked by their heads. The
 * size that the caller gives back tells small from large, so objects carry
 * nothing.
 */
#include "extras/vm/heap.h"

#include "include/platform.h"
#include "include/units.h"
#include "lib/panic.h"
#include "mm/page.h"
#include "mm/spinlock.h"

#define CLASS_SHIFT_MIN 5  /* 32 bytes: 126 places, two words of bits */
#define CLASS_SHIFT_MAX 10 /* 1 KiB: 3 places */
#define NR_CLASSES      (CLASS_SHIFT_MAX - CLASS_SHIFT_MIN + 1)

struct head {
    struct head *next; /* of the frames with a free place */
    struct head *before;
    u64 free[2]; /* a set bit is a free place; those under the head are never set */
    u16 nr_free; /* of nr_places */
    u16 nr_places;
    u16 shift; /* of the class */
    u16 magic;
};
_Static_assert(sizeof(struct head) <= 64, "the head is two places of the smallest class");

#define HEAD_MAGIC 0x4845

static struct spinlock heap_lock;
static struct head *with_room[NR_CLASSES];

void heap_init(void)
{
    for (unsigned i = 0; i < NR_CLASSES; i++)
        with_room[i] = NULL;
}

static unsigned shift_of(size_t bytes)
{
    unsigned shift = CLASS_SHIFT_MIN;
    while ((size_t)1 << shift < bytes)
        shift++;
    return shift;
}

static void link_head(struct head *head)
{
    struct head **list = &with_room[head->shift - CLASS_SHIFT_MIN];
    head->before = NULL;
    head->next = *list;
    if (*list)
        (*list)->before = head;
    *list = head;
}

static void unlink_head(struct head *head)
{
    if (head->next)
        head->next->before = head->before;
    if (head->before)
        head->before->next = head->next;
    else
        with_room[head->shift - CLASS_SHIFT_MIN] = head->next;
}

/* A frame with nothing but free places, on no list yet; NULL without memory. */
static struct head *new_frame(unsigned shift)
{
    paddr_t frame = page_alloc(0, PAGE_KERNEL);
    if (frame == PADDR_NONE)
        return NULL;
    struct head *head = phys_to_virt(frame);
    unsigned places = (unsigned)(PAGE_BYTES >> shift);
    unsigned first = (unsigned)((sizeof(struct head) + ((size_t)1 << shift) - 1) >> shift);
    *head = (struct head){.shift = (u16)shift, .magic = HEAD_MAGIC};
    for (unsigned i = first; i < places; i++)
        head->free[i / 64] |= (u64)1 << i % 64;
    head->nr_places = head->nr_free = (u16)(places - first);
    return head;
}

static void *take_place(struct head *head)
{
    unsigned word = head->free[0] ? 0 : 1;
    unsigned place = word * 64 + (unsigned)__builtin_ctzll(head->free[word]);
    head->free[word] &= head->free[word] - 1;
    if (--head->nr_free == 0)
        unlink_head(head);
    return (u8 *)head + ((size_t)place << head->shift);
}

static void *alloc_small(unsigned shift)
{
    struct head **list = &with_room[shift - CLASS_SHIFT_MIN];
    spin_lock(&heap_lock);
    if (!*list) {
        struct head *head = new_frame(shift);

        if (head)
            link_head(head);
    }
    void *object = *list ? take_place(*list) : NULL;
    spin_unlock(&heap_lock);
    return object;
}

void *heap_alloc(size_t bytes)
{
    if (bytes == 0 || bytes > HEAP_BYTES_MAX)
        return NULL;
    unsigned shift = shift_of(bytes);
    if (shift <= CLASS_SHIFT_MAX)
        return alloc_small(shift);
    paddr_t run = page_alloc_run(align_up(bytes, PAGE_BYTES) / PAGE_BYTES, PAGE_KERNEL);
    return run == PADDR_NONE ? NULL : phys_to_virt(run);
}

/* What is wrong with such a free; NULL if all is well and done. */
static const char *free_small(void *object, unsigned shift)
{
    paddr_t offset = virt_to_phys(object) % PAGE_BYTES;
    struct head *head = phys_to_virt(virt_to_phys(object) - offset);
    unsigned place = (unsigned)(offset >> shift);
    if (head->magic != HEAD_MAGIC || head->shift != shift || offset < sizeof(*head) ||
        !is_aligned(offset, (u64)1 << shift))
        return "no such object";
    if (head->free[place / 64] >> place % 64 & 1)
        return "already free";
    head->free[place / 64] |= (u64)1 << place % 64;
    if (head->nr_free++ == 0)
        link_head(head);
    if (head->nr_free < head->nr_places)
        return NULL;
    unlink_head(head);
    head->magic = 0;
    page_free(virt_to_phys(head), 0);
    return NULL;
}

void heap_free(void *object, size_t bytes)
{
    if (!object)
        return;
    unsigned shift = shift_of(bytes);
    if (shift > CLASS_SHIFT_MAX) {
        page_free_run(virt_to_phys(object), align_up(bytes, PAGE_BYTES) / PAGE_BYTES);
        return;
    }
    spin_lock(&heap_lock);
    const char *fault = free_small(object, shift);
    spin_unlock(&heap_lock);
    if (fault)
        panic("heap_free: 0x%llx of %llu bytes: %s", (unsigned long long)(uintptr_t)object,
              (unsigned long long)bytes, fault);
}
