/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator's two calls, and the path that nearly every call takes:
 * one area's lock and a few words. What needs page_lock is in place.c.
 */
#include "mm/page.h"

#include "lib/panic.h"
#include "mm/index.h"
#include "mm/page_internal.h"

struct page_cpu page_cpus[CPUS_MAX];

/* A caller that frees what it does not have would have memory used twice: the end. */
_Noreturn static void bad_free(paddr_t paddr, unsigned order, const char *what)
{
    panic("page_free: 0x%llx order %u: %s", (unsigned long long)paddr, order, what);
}

/* ---- allocation ---- */

static inline paddr_t take_from_slot(struct page_cpu *cpu, unsigned number, unsigned order)
{
    struct page_slot *slot = &cpu->slots[number];
    u32 *area = slot->area;
    if (unlikely(!area))
        return PADDR_NONE;
    u32 frames = 1u << order;
    u32 entry = area_lock(area);
    unsigned bit = AREA_BITS_NONE;
    if (likely((entry & PAGE_TAG) == slot->tag && (entry & AREA_FREE) >= frames)) {
        bit = area_bits_find(slot->words, order);
        if (bit != AREA_BITS_NONE) {
            area_bits_clear(slot->words, bit, order);
            entry -= frames;
        }
    }
    area_unlock(area, entry);
    if (unlikely(bit == AREA_BITS_NONE))
        return PADDR_NONE;
    page_count_used(cpu, slot->boot, frames);
    return slot->base + ((paddr_t)bit << PAGE_SHIFT);
}

/* The whole area that this processor kept when it was freed. */
static inline paddr_t take_spare(struct page_cpu *cpu, unsigned number)
{
    struct page_slot *spare = &cpu->spares[number];
    u32 *area = spare->area;
    if (!area)
        return PADDR_NONE;
    spare->area = NULL;
    u32 entry = area_lock(area);
    if (unlikely((entry & PAGE_TAG) != spare->tag)) {
        area_unlock(area, entry);
        return PADDR_NONE;
    }
    area_unlock(area, entry & ~AREA_HOLDER);
    page_count_used(cpu, spare->boot, AREA_FRAMES);
    return spare->base;
}

static paddr_t alloc_slowly(unsigned order, unsigned slot)
{
    if (order > PAGE_ORDER_MAX)
        panic("page_alloc: order %u, the largest is %u", order, PAGE_ORDER_MAX);
    spin_lock(&page_lock);
    paddr_t paddr = place(order, slot);
    if (paddr == PADDR_NONE && place_release_all(false))
        paddr = place(order, slot);
    spin_unlock(&page_lock);
    return paddr;
}

static inline paddr_t alloc(unsigned order, unsigned slot)
{
    struct page_cpu *cpu = this_cpu();
    paddr_t paddr = PADDR_NONE;
    if (order < PAGE_ORDER_MAX)
        paddr = take_from_slot(cpu, slot, order);
    else if (order == PAGE_ORDER_MAX)
        paddr = take_spare(cpu, slot);
    if (likely(paddr != PADDR_NONE))
        return paddr;
    return alloc_slowly(order, slot);
}

paddr_t page_alloc(unsigned order, enum page_kind kind)
{
    return alloc(order, kind);
}

/* ---- freeing ---- */

/* What the caller of free_small() must still do about the area, with page_lock held. */
static inline bool must_refile(struct area_ref ref, u32 entry, unsigned bit, unsigned order)
{
    u32 frames = entry & AREA_FREE;
    if (entry & AREA_HOLDER)
        return false;
    if (frames == AREA_FRAMES || frames == 1u << order)
        return true;
    unsigned shelf = area_shelf(entry);
    if (likely(shelf >= SHELF_UNKNOWN || entry & AREA_MOVABLE))
        return false;
    unsigned joined = shelf + 1;
    return order > shelf || area_bits_are_set(area_words(ref), bit & ~((1u << joined) - 1), joined);
}

static const char *unused_fault(struct area_ref ref)
{
    return ref.group->idle & area_bit(ref) ? "already free" : "not memory of ours";
}

static const char *whole_fault(struct area_ref ref, u32 entry)
{
    if (entry & AREA_SMALL)
        return "allocated with a smaller order";
    return entry & AREA_WHOLE ? "already free" : unused_fault(ref);
}

/* Why these frames of a locked area cannot be freed; NULL if they can. */
static const char *small_fault(struct area_ref ref, u32 entry, unsigned bit, unsigned order)
{
    if (entry & AREA_WHOLE)
        return entry & AREA_HOLDER ? "already free" : "allocated with order 9";
    if (!(entry & AREA_SMALL))
        return unused_fault(ref);
    if (entry & AREA_ODD) {
        for (unsigned i = bit; i < bit + (1u << order); i++) {
            if (!(area_present_words(ref)[i / 64] >> i % 64 & 1))
                return "not memory of ours";
        }
    }
    if (area_bits_are_set(area_words(ref), bit, order))
        return "already free";
    return area_bits_are_clear(area_words(ref), bit, order) ? NULL : "partly free already";
}

/* True if the area must be refiled. */
static inline bool free_small(struct area_ref ref, paddr_t paddr, unsigned order)
{
    u32 *area = area_entry(ref);
    unsigned bit = frame_index(paddr);
    u32 entry = area_lock(area);
    if (unlikely((entry & (AREA_SMALL | AREA_ODD)) != AREA_SMALL ||
                 !area_bits_are_clear(area_words(ref), bit, order))) {
        const char *fault = small_fault(ref, entry, bit, order);
        if (fault) {
            area_unlock(area, entry);
            bad_free(paddr, order, fault);
        }
    }
    area_bits_set(area_words(ref), bit, order);
    entry += 1u << order;
    bool refile = must_refile(ref, entry, bit, order);
    area_unlock(area, entry);
    page_count_used(this_cpu(), (entry & AREA_BOOT) != 0, -(1 << order));
    return refile;
}

/* Keep the area as this processor's spare, or return true: it must be made idle. */
static inline bool free_whole(struct area_ref ref, paddr_t paddr)
{
    struct page_cpu *cpu = this_cpu();
    u32 *area = area_entry(ref);
    u32 entry = area_lock(area);
    if (unlikely((entry & PAGE_TAG) != AREA_WHOLE)) {
        area_unlock(area, entry);
        bad_free(paddr, PAGE_ORDER_MAX, whole_fault(ref, entry));
    }
    bool boot = (entry & AREA_BOOT) != 0;
    unsigned slot = area_shelf(entry);
    struct page_slot *spare = &cpu->spares[slot];
    page_count_used(cpu, boot, -(i64)AREA_FRAMES);
    if (spare->area || unlikely(!cpu->known)) {
        area_unlock(area, 0);
        return true;
    }
    entry |= page_holder(cpu_id(), slot, true);
    spare->area = area;
    spare->tag = entry & PAGE_TAG;
    spare->boot = boot;
    page_slot_set_base(spare, paddr);
    area_unlock(area, entry);
    return false;
}

static inline struct area_ref check_ref(paddr_t paddr, unsigned order)
{
    if (unlikely(order > PAGE_ORDER_MAX))
        bad_free(paddr, order, "no such order");
    if (unlikely(!is_aligned(paddr, PAGE_BYTES << order)))
        bad_free(paddr, order, "not aligned to its size");
    struct group *group = index_group(paddr);
    if (unlikely(!group))
        bad_free(paddr, order, "not memory of ours");
    return (struct area_ref){group, area_index(paddr)};
}

void page_free(paddr_t paddr, unsigned order)
{
    struct area_ref ref = check_ref(paddr, order);
    bool whole = order == PAGE_ORDER_MAX;
    if (likely(!(whole ? free_whole(ref, paddr) : free_small(ref, paddr, order))))
        return;
    spin_lock(&page_lock);
    if (whole)
        group_add_idle(ref.group, area_bit(ref));
    else
        area_refile(ref, SHELF_UNKNOWN);
    spin_unlock(&page_lock);
}

void page_free_locked(paddr_t paddr, unsigned order)
{
    struct area_ref ref = check_ref(paddr, order);
    if (free_small(ref, paddr, order))
        area_refile(ref, SHELF_UNKNOWN);
}
