/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc(), by the path that nearly every call takes: the lock of the area
 * that this processor holds, and a few words. All else is in place.c.
 */
#include "mm/page.h"

#include "extras/check/poison.h"
#include "lib/panic.h"
#include "mm/node.h"
#include "mm/page_internal.h"

/* The slot's area, which is locked, has nothing for us, or is not ours any more. */
static never_inline paddr_t alloc_slowly(unsigned order, struct page_slot *slot)
{
    unsigned number = (unsigned)(slot - page_slot(0));
    area_unlock(slot->area, __atomic_load_n(slot->area, __ATOMIC_RELAXED) - AREA_LOCK);
    spin_lock(&page_lock);
    paddr_t paddr = place(order, number);
    if (paddr == PADDR_NONE && hold_end_all(HOLD_ANY))
        paddr = place(order, number);
    spin_unlock(&page_lock);
    return paddr;
}

/* The next frames come from this word of the area. */
static inline void set_word(struct page_slot *slot, u64 *words, u64 number)
{
    paddr_t base = page_slot_base(slot) + (number * 64 << PAGE_SHIFT);
    slot->word = words + number;
    __atomic_store_n(&slot->base, base, __ATOMIC_RELAXED);
}

/* The lowest free frame of the slot's word, whose bits are not 0; unlocks the area. */
static always_inline paddr_t take_one(const struct page_slot *slot, u32 *area, u32 entry, u64 bits)
{
    *slot->word = bits & (bits - 1);
    area_unlock(area, entry - 1);
    return slot->base + ((u64)(unsigned)__builtin_ctzll(bits) << PAGE_SHIFT);
}

/* The slot's word, whose area is locked and held, is used up: on with the lowest that is not. */
static never_inline paddr_t alloc_next_word(struct page_slot *slot)
{
    u64 *words = page_slot_words(slot);
    u64 *word = area_bits_first_word(words);
    if (!word)
        return alloc_slowly(0, slot);
    set_word(slot, words, (u64)(word - words));
    u32 entry = __atomic_load_n(slot->area, __ATOMIC_RELAXED) - AREA_LOCK;
    return take_one(slot, slot->area, entry, *word);
}

/* One frame of the area that the slot holds. */
static always_inline paddr_t alloc_one(struct page_slot *slot)
{
    u32 *area = slot->area;
    u32 entry = area_lock(area);
    if (unlikely((entry & AREA_HOLDER) != slot->tag))
        return alloc_slowly(0, slot);
    u64 bits = *slot->word;
    if (unlikely(bits == 0))
        return alloc_next_word(slot);
    return take_one(slot, area, entry, bits);
}

/* The slot's word has no run of this order, or the run is longer: any of the area, locked and held.
 */
static never_inline paddr_t alloc_other_run(unsigned order, struct page_slot *slot)
{
    u64 *words = page_slot_words(slot);
    unsigned bit = area_bits_find(words, order);
    if (bit == AREA_BITS_NONE)
        return alloc_slowly(order, slot);
    area_bits_clear(words + bit / 64, bit % 64, order);
    paddr_t base = page_slot_base(slot);
    if (order < AREA_WORD_ORDER)
        set_word(slot, words, bit / 64);
    u32 entry = __atomic_load_n(slot->area, __ATOMIC_RELAXED) - AREA_LOCK;
    area_unlock(slot->area, entry - (1u << order));
    return base + ((paddr_t)bit << PAGE_SHIFT);
}

/* A run of order 1 to 8. */
static never_inline paddr_t alloc_run(unsigned order, struct page_slot *slot)
{
    u32 *area = slot->area;
    u32 entry = area_lock(area);
    if (unlikely((entry & AREA_HOLDER) != slot->tag))
        return alloc_slowly(order, slot);
    if (order >= AREA_WORD_ORDER)
        return alloc_other_run(order, slot);
    u64 starts = area_bits_run_starts(*slot->word, order);
    if (unlikely(starts == 0))
        return alloc_other_run(order, slot);
    u64 bit = (unsigned)__builtin_ctzll(starts);
    *slot->word -= area_bits_mask(order) << bit;
    area_unlock(area, entry - (1u << order));
    return slot->base + (bit << PAGE_SHIFT);
}

static never_inline paddr_t alloc_whole_slowly(const struct page_slot *slot)
{
    unsigned number = (unsigned)(slot - page_slot(0));
    spin_lock(&page_lock);
    paddr_t paddr = place(PAGE_ORDER_MAX, number);
    if (paddr == PADDR_NONE && hold_end_all(HOLD_ANY))
        paddr = place(PAGE_ORDER_MAX, number);
    spin_unlock(&page_lock);
    return paddr;
}

/* A whole area of the group in which this processor found one before. */
static always_inline paddr_t alloc_whole(struct page_slot *slot)
{
    struct group *group = slot->group;
    u64 idle = group_idle(group);
    if (unlikely(idle == 0))
        return alloc_whole_slowly(slot);
    u64 index = (unsigned)__builtin_ctzll(idle);
    if (unlikely(!group_claim_one(group, index)))
        return alloc_whole_slowly(slot);
    /* 0, but for a moment in which a processor that held the area once looks at it. */
    while (unlikely(!area_change(&group->areas[index], 0, slot->whole_entry)))
        cpu_relax();
    __atomic_fetch_add(&slot->taken, AREA_FRAMES, __ATOMIC_RELAXED);
    return group->base + (index << AREA_SHIFT);
}

static never_inline paddr_t bad_order(unsigned order)
{
    panic("page_alloc: order %u, the largest is %u", order, PAGE_ORDER_MAX);
}

static always_inline paddr_t alloc(unsigned order, unsigned number)
{
    struct page_slot *slot = page_slot(number);
    if (likely(order == 0))
        return alloc_one(slot);
    if (order == PAGE_ORDER_MAX)
        return alloc_whole(slot);
    if (likely(order < PAGE_ORDER_MAX))
        return alloc_run(order, slot);
    return bad_order(order);
}

paddr_t page_alloc(unsigned order, enum page_kind kind)
{
    return poison_taken(alloc(order, kind), (u64)1 << order);
}

paddr_t page_alloc_table(void)
{
    paddr_t paddr = page_alloc(0, PAGE_KERNEL);
    if (paddr != PADDR_NONE)
        return paddr;
    spin_lock(&page_lock);
    paddr = place_boot_frame();
    spin_unlock(&page_lock);
    return paddr;
}

paddr_t page_alloc_slot(unsigned order, unsigned slot)
{
    return alloc(order, slot);
}

paddr_t page_alloc_on_node(unsigned order, u32 node_id)
{
    paddr_t paddr = PADDR_NONE;
    paddr_t base, end;
    unsigned region = 0;
    unsigned range = 0;
    if (order > PAGE_ORDER_MAX)
        return bad_order(order);
    spin_lock(&page_lock);
    while (paddr == PADDR_NONE && hotplug_next_on_node(node_id, &region, &base, &end))
        paddr = place_between(order, base, end, false);
    while (paddr == PADDR_NONE && node_next_range(node_id, &range, &base, &end))
        paddr = place_between(order, base, end, true);
    spin_unlock(&page_lock);
    return poison_taken(paddr, (u64)1 << order);
}
