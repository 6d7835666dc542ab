/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_free(): as page_alloc(), one area's lock and a few words, wherever the
 * area stands. The address alone leads to the area; a caller that frees what it
 * does not have would have memory used twice, and is the end of the kernel.
 *
 * What is rare takes the address and the order alone and finds the rest again,
 * so that the common path carries nothing along for it.
 */
#include "extras/check/poison.h"
#include "lib/panic.h"
#include "mm/index.h"
#include "mm/page_internal.h"

/* The entry of an area that is locked here already. */
static u32 locked_entry(struct area_ref ref)
{
    return __atomic_load_n(area_entry(ref), __ATOMIC_RELAXED) - AREA_LOCK;
}

static struct area_ref lookup(paddr_t paddr)
{
    return (struct area_ref){index_lookup(paddr), area_index(paddr)};
}

/* ---- faults of the caller ---- */

_Noreturn static void bad_free(paddr_t paddr, unsigned order, const char *what)
{
    panic("page_free: 0x%llx order %u: %s", (unsigned long long)paddr, order, what);
}

/* No page of this order is at such an address. */
static never_inline void bad_address(paddr_t paddr, unsigned order)
{
    if (order > PAGE_ORDER_MAX)
        bad_free(paddr, order, "no such order");
    if (!is_aligned(paddr, PAGE_BYTES << order))
        bad_free(paddr, order, "not aligned to its size");
    bad_free(paddr, order, "not memory of ours");
}

/* Aligned, and below the limit: one mask has both. */
static always_inline bool may_be_page(paddr_t paddr, unsigned order)
{
    return (paddr & (~(INDEX_LIMIT - 1) | ((PAGE_BYTES << order) - 1))) == 0;
}

/* In an odd area some of the 512 frames are not ours. */
static bool is_present(struct area_ref ref, paddr_t paddr, unsigned order)
{
    unsigned frame = frame_index(paddr);
    return area_bits_are_set(area_present_words(ref) + frame / 64, frame % 64, order);
}

static const char *fault_of(struct area_ref ref, u32 entry, paddr_t paddr, unsigned order)
{
    if (entry & AREA_WHOLE)
        return "allocated with order 9";
    if (!(entry & AREA_SMALL))
        return group_idle(ref.group) & area_bit(ref) ? "already free" : "not memory of ours";
    if (order == PAGE_ORDER_MAX)
        return "allocated with a smaller order";
    if (entry & AREA_ODD && !is_present(ref, paddr, order))
        return "not memory of ours";
    if (area_bits_are_set(group_word(ref.group, paddr), frame_bit(paddr), order))
        return "already free";
    return "partly free already";
}

/* The area, which is locked, has no such page in use. */
static never_inline void bad_state(paddr_t paddr, unsigned order)
{
    struct area_ref ref = lookup(paddr);
    u32 entry = locked_entry(ref);
    const char *fault = fault_of(ref, entry, paddr, order);
    area_unlock(area_entry(ref), entry);
    bad_free(paddr, order, fault);
}

/* ---- orders 0 to 8 ---- */

/*
 * Frames came back to an area that nobody holds. True if that changes where it
 * stands: it was full, or is idle now, or has a larger run than its shelf says.
 */
static bool must_refile(const u64 *words, u32 entry, unsigned frame, unsigned order)
{
    u32 frames = entry & AREA_FREE;
    if (unlikely(frames == AREA_FRAMES || frames == 1u << order))
        return true;
    unsigned shelf = area_shelf(entry);
    if (likely(shelf >= SHELF_UNKNOWN || entry & AREA_MOVABLE))
        return false;
    unsigned joined = shelf + 1;
    frame &= ~((1u << joined) - 1);
    return order > shelf || area_bits_are_set(words + frame / 64, frame % 64, joined);
}

/* The bits of a locked area that nobody holds are set; do the rest. */
static never_inline void free_unheld(paddr_t paddr, unsigned order)
{
    struct area_ref ref = lookup(paddr);
    u32 entry = locked_entry(ref) + (1u << order);
    bool changed = must_refile(area_words(ref), entry, frame_index(paddr), order);
    area_unlock(area_entry(ref), entry);
    page_count_freed(entry, 1 << order);
    if (likely(!changed))
        return;
    spin_lock(&page_lock);
    area_refile(ref, SHELF_UNKNOWN);
    spin_unlock(&page_lock);
}

/* The locked area is odd, or not in small use at all. */
static never_inline void free_unusual(paddr_t paddr, unsigned order)
{
    struct area_ref ref = lookup(paddr);
    u32 entry = locked_entry(ref);
    if (!(entry & AREA_ODD) || !is_present(ref, paddr, order) ||
        !area_bits_give(group_word(ref.group, paddr), frame_bit(paddr), order))
        bad_state(paddr, order);
    else if (entry & AREA_HOLDER)
        area_unlock(area_entry(ref), entry + (1u << order));
    else
        free_unheld(paddr, order);
}

/* The same, if that changes nothing about where the area stands. */
static always_inline bool free_settled(u32 *area, u32 entry, unsigned order)
{
    if (!(entry & AREA_SETTLED) || (entry & AREA_FREE) + (1u << order) == AREA_FRAMES)
        return false;
    area_unlock(area, entry + (1u << order));
    page_count_freed(entry, 1 << order);
    return true;
}

static always_inline void free_small(paddr_t paddr, unsigned order)
{
    if (unlikely(!may_be_page(paddr, order))) {
        bad_address(paddr, order);
        return;
    }
    struct group *group = index_lookup(paddr);
    u32 *area = &group->areas[area_index(paddr)];
    u32 entry = area_lock(area);
    if (unlikely(!(entry & AREA_PLAIN)))
        free_unusual(paddr, order);
    else if (unlikely(!area_bits_give(group_word(group, paddr), frame_bit(paddr), order)))
        bad_state(paddr, order);
    else if (entry & AREA_HOLDER)
        area_unlock(area, entry + (1u << order));
    else if (unlikely(!free_settled(area, entry, order)))
        free_unheld(paddr, order);
}

/* Orders 6 to 8, whole words; apart, so that shorter runs need no stack frame. */
static never_inline void free_long_run(paddr_t paddr, unsigned order)
{
    free_small(paddr, order);
}

static never_inline void free_run(paddr_t paddr, unsigned order)
{
    if (order < AREA_WORD_ORDER)
        free_small(paddr, order);
    else
        free_long_run(paddr, order);
}

/* ---- order 9 ---- */

/* The group had no idle area: the index must know of it again, if it is still there. */
static never_inline void tell_index(paddr_t paddr)
{
    spin_lock(&page_lock);
    struct group *group = index_group(paddr);
    if (group && group_idle(group) != 0)
        index_add(group->base, group->boot ? CATEGORY_IDLE_BOOT : CATEGORY_IDLE_PLUGGED);
    spin_unlock(&page_lock);
}

static always_inline void give_whole(struct group *group, paddr_t paddr)
{
    if (unlikely(group_give(group, area_index(paddr)) == 0))
        tell_index(paddr);
}

/* The area is being looked at by another processor, or emptied; or it is not in use as a whole. */
static never_inline void free_whole_slowly(paddr_t paddr)
{
    struct area_ref ref = lookup(paddr);
    u32 entry = area_lock(area_entry(ref));
    bool closed = (entry & AREA_CLOSED_WHOLE) == AREA_CLOSED_WHOLE;
    if (!(entry & AREA_WHOLE) && !closed) {
        bad_state(paddr, PAGE_ORDER_MAX);
        return;
    }
    area_unlock(area_entry(ref), 0);
    page_count_freed(entry, AREA_FRAMES);
    if (!closed)
        give_whole(ref.group, paddr);
}

static always_inline void free_whole(paddr_t paddr)
{
    if (unlikely(!may_be_page(paddr, PAGE_ORDER_MAX))) {
        bad_address(paddr, PAGE_ORDER_MAX);
        return;
    }
    struct group *group = index_lookup(paddr);
    unsigned index = area_index(paddr);
    u32 entry = __atomic_load_n(&group->areas[index], __ATOMIC_RELAXED);
    /* Locked, it is the other processor's to write: the change must fail. */
    if (unlikely(!(entry & AREA_WHOLE) ||
                 !area_change(&group->areas[index], entry & ~AREA_LOCK, 0))) {
        free_whole_slowly(paddr);
        return;
    }
    page_count_freed(entry, AREA_FRAMES);
    give_whole(group, paddr);
}

static always_inline void free_page(paddr_t paddr, unsigned order)
{
    if (likely(order == 0))
        free_small(paddr, 0);
    else if (order == PAGE_ORDER_MAX)
        free_whole(paddr);
    else if (likely(order < PAGE_ORDER_MAX))
        free_run(paddr, order);
    else
        bad_address(paddr, order);
}

void page_free(paddr_t paddr, unsigned order)
{
    poison_freed(paddr, order);
    free_page(paddr, order);
}

#ifdef TIDE_DEBUG
void page_free_untouched(paddr_t paddr, unsigned order)
{
    free_page(paddr, order);
}
#endif

void page_free_frame_locked(paddr_t paddr)
{
    poison_freed_locked(paddr, 1);
    struct area_ref ref = lookup(paddr);
    u32 entry = area_lock(area_entry(ref));
    if (!(entry & AREA_SMALL) || !area_bits_give(group_word(ref.group, paddr), frame_bit(paddr), 0))
        bad_state(paddr, 0);
    if (!(entry & AREA_HOLDER))
        page_uncharge(entry, 1);
    area_file(ref, entry + 1, SHELF_UNKNOWN);
}
