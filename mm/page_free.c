/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_free(): one pageblock's lock and a few words, as page_alloc(). The address
 * alone leads to the pageblock. A caller that frees what it does not have is the end
 * of the kernel, as memory would be used twice.
 *
 * Rare cases get the address and the order alone and look the rest up again, so
 * that the common path carries nothing along for them.
 */
#include "lib/panic.h"
#include "mm/free_index.h"
#include "mm/free_list.h"
#include "mm/page_debug.h"
#include "mm/page_internal.h"
#include "mm/reservation.h"

/* The entry of a pageblock that the caller has locked. */
static u32 locked_entry(struct pageblock pb)
{
    return __atomic_load_n(pageblock_entry(pb), __ATOMIC_RELAXED) - PB_LOCK;
}

static struct pageblock lookup(paddr_t paddr)
{
    return (struct pageblock){section_lookup(paddr), pageblock_index(paddr)};
}

/* ---- faults of the caller ---- */

_Noreturn static void bad_free(paddr_t paddr, unsigned order, const char *what)
{
    panic("page_free: 0x%llx order %u: %s", (unsigned long long)paddr, order, what);
}

/* No page of this order can be at such an address. */
static never_inline void bad_address(paddr_t paddr, unsigned order)
{
    if (order > PAGE_ORDER_MAX)
        bad_free(paddr, order, "no such order");
    if (!is_aligned(paddr, PAGE_BYTES << order))
        bad_free(paddr, order, "not aligned to its size");
    bad_free(paddr, order, "not memory of ours");
}

/* One mask tests that it is aligned and below the limit. */
static always_inline bool may_be_page(paddr_t paddr, unsigned order)
{
    return (paddr & (~(FREE_INDEX_LIMIT - 1) | ((PAGE_BYTES << order) - 1))) == 0;
}

/* All frames of the page are there. For a partial pageblock. */
static bool is_present(struct pageblock pb, paddr_t paddr, unsigned order)
{
    unsigned frame = frame_index(paddr);
    return frame_bits_are_set(pageblock_present_bits(pb) + frame / 64, frame % 64, order);
}

static const char *fault_of(struct pageblock pb, u32 entry, paddr_t paddr, unsigned order)
{
    if (entry & PB_HUGE)
        return "allocated with order 9";
    if (!(entry & PB_SPLIT))
        return section_idle(pb.section) & pageblock_bit(pb) ? "already free" : "not memory of ours";
    if (order == PAGE_ORDER_MAX)
        return "allocated with a smaller order";
    if (entry & PB_PARTIAL && !is_present(pb, paddr, order))
        return "not memory of ours";
    if (frame_bits_are_set(section_word(pb.section, paddr), frame_bit(paddr), order))
        return "already free";
    return "partly free already";
}

static never_inline void bad_state(paddr_t paddr, unsigned order)
{
    struct pageblock pb = lookup(paddr);
    u32 entry = locked_entry(pb);
    const char *fault = fault_of(pb, entry, paddr, order);
    pageblock_unlock(pageblock_entry(pb), entry);
    bad_free(paddr, order, fault);
}

/* ---- orders 0 to 8 ---- */

/*
 * Frames of a pageblock that is not reserved were freed. True if it must move to
 * another free list: it was full, or is idle now, or has a longer run than its list says.
 */
static bool must_requeue(const u64 *words, u32 entry, unsigned frame, unsigned order)
{
    u32 frames = entry & PB_FREE;
    if (unlikely(frames == PAGEBLOCK_FRAMES || frames == 1u << order))
        return true;
    unsigned list = entry_list(entry);
    if (likely(list >= FREE_LIST_TOP || entry & PB_MOVABLE))
        return false;
    unsigned joined = list + 1;
    frame &= ~((1u << joined) - 1);
    return order > list || frame_bits_are_set(words + frame / 64, frame % 64, joined);
}

/* The bits are set already, of a locked pageblock that is not reserved; do the rest. */
static never_inline void free_unreserved(paddr_t paddr, unsigned order)
{
    struct pageblock pb = lookup(paddr);
    u32 entry = locked_entry(pb) + (1u << order);
    bool changed = must_requeue(pageblock_free_bits(pb), entry, frame_index(paddr), order);
    pageblock_unlock(pageblock_entry(pb), entry);
    page_count_freed(entry, 1 << order);
    if (likely(!changed))
        return;
    spin_lock(&page_lock);
    pageblock_requeue(pb, FREE_LIST_TOP);
    spin_unlock(&page_lock);
}

/* The locked pageblock is partial, or not split at all. */
static never_inline void free_unusual(paddr_t paddr, unsigned order)
{
    struct pageblock pb = lookup(paddr);
    u32 entry = locked_entry(pb);
    if (!(entry & PB_PARTIAL) || !is_present(pb, paddr, order) ||
        !frame_bits_give(section_word(pb.section, paddr), frame_bit(paddr), order))
        bad_state(paddr, order);
    else if (entry & PB_RESERVED)
        pageblock_unlock(pageblock_entry(pb), entry + (1u << order));
    else
        free_unreserved(paddr, order);
}

/* free_unreserved(), if the pageblock stays on its free list. False if it may not. */
static always_inline bool free_settled(u32 *pageblock, u32 entry, unsigned order)
{
    if (!(entry & PB_SETTLED) || (entry & PB_FREE) + (1u << order) == PAGEBLOCK_FRAMES)
        return false;
    pageblock_unlock(pageblock, entry + (1u << order));
    page_count_freed(entry, 1 << order);
    return true;
}

static always_inline void free_split(paddr_t paddr, unsigned order)
{
    if (unlikely(!may_be_page(paddr, order))) {
        bad_address(paddr, order);
        return;
    }
    struct section *section = section_lookup(paddr);
    u32 *pageblock = &section->entries[pageblock_index(paddr)];
    u32 entry = pageblock_lock(pageblock);
    if (unlikely(!(entry & PB_COMPLETE)))
        free_unusual(paddr, order);
    else if (unlikely(!frame_bits_give(section_word(section, paddr), frame_bit(paddr), order)))
        bad_state(paddr, order);
    else if (entry & PB_RESERVED)
        pageblock_unlock(pageblock, entry + (1u << order));
    else if (unlikely(!free_settled(pageblock, entry, order)))
        free_unreserved(paddr, order);
}

/* Whole words, each order by itself, so that its words are told by a constant. */
static never_inline void free_words(paddr_t paddr, unsigned order)
{
    if (order == 6)
        free_split(paddr, 6);
    else if (order == 7)
        free_split(paddr, 7);
    else
        free_split(paddr, 8);
}

static never_inline void free_run(paddr_t paddr, unsigned order)
{
    if (order < FRAME_WORD_ORDER)
        free_split(paddr, order);
    else
        free_words(paddr, order);
}

/* ---- order 9 ---- */

/* The section, if it still exists, has an idle pageblock again: tell the free index. */
static never_inline void tell_free_index(paddr_t paddr)
{
    spin_lock(&page_lock);
    struct section *section = section_at(paddr);
    if (section && section_idle(section) != 0)
        free_index_add(section->base, section->boot ? FREE_IDLE_BOOT : FREE_IDLE_PLUGGED);
    spin_unlock(&page_lock);
}

static always_inline void return_huge(struct section *section, paddr_t paddr)
{
    if (unlikely(section_return_one(section, pageblock_index(paddr)) == 0))
        tell_free_index(paddr);
}

/* Another processor looks at the pageblock, or it is isolated, or is no huge page. */
static never_inline void free_huge_slowly(paddr_t paddr)
{
    struct pageblock pb = lookup(paddr);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    bool isolated = is_isolated_huge(entry);
    if (!(entry & PB_HUGE) && !isolated) {
        bad_state(paddr, PAGE_ORDER_MAX);
        return;
    }
    pageblock_unlock(pageblock_entry(pb), 0);
    page_count_freed(entry, PAGEBLOCK_FRAMES);
    if (!isolated)
        return_huge(pb.section, paddr);
}

static always_inline void free_huge(paddr_t paddr)
{
    if (unlikely(!may_be_page(paddr, PAGE_ORDER_MAX))) {
        bad_address(paddr, PAGE_ORDER_MAX);
        return;
    }
    struct section *section = section_lookup(paddr);
    unsigned index = pageblock_index(paddr);
    u32 entry = __atomic_load_n(&section->entries[index], __ATOMIC_RELAXED);
    /* The change fails if another processor has locked the entry. */
    if (unlikely(!(entry & PB_HUGE) ||
                 !pageblock_try_change(&section->entries[index], entry & ~PB_LOCK, 0))) {
        free_huge_slowly(paddr);
        return;
    }
    page_count_freed(entry, PAGEBLOCK_FRAMES);
    return_huge(section, paddr);
}

static inline void tell_debug(paddr_t paddr, unsigned order)
{
#ifdef TIDE_DEBUG
    if (order > PAGE_ORDER_MAX || !is_aligned(paddr, PAGE_BYTES << order))
        return;
    spin_lock(&page_lock);
    page_debug_freed(paddr, (u64)1 << order);
    spin_unlock(&page_lock);
#else
    (void)paddr;
    (void)order;
#endif
}

static always_inline void free_page(paddr_t paddr, unsigned order)
{
    if (likely(order == 0))
        free_split(paddr, 0);
    else if (order == PAGE_ORDER_MAX)
        free_huge(paddr);
    else if (likely(order < PAGE_ORDER_MAX))
        free_run(paddr, order);
    else
        bad_address(paddr, order);
}

void page_free(paddr_t paddr, unsigned order)
{
    tell_debug(paddr, order);
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
    page_debug_freed(paddr, 1);
    struct pageblock pb = lookup(paddr);
    u32 entry = pageblock_lock(pageblock_entry(pb));
    if (!(entry & PB_SPLIT) ||
        !frame_bits_give(section_word(pb.section, paddr), frame_bit(paddr), 0))
        bad_state(paddr, 0);
    if (!(entry & PB_RESERVED))
        account_free(entry, 1);
    pageblock_enqueue(pb, entry + 1, FREE_LIST_TOP);
}
