/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_alloc(), by the path that nearly every call takes: the lock of the pageblock
 * that this processor has reserved, and a few words. place.c has the rest.
 */
#include "mm/page.h"

#include "lib/panic.h"
#include "mm/page_debug.h"
#include "mm/page_internal.h"
#include "mm/place.h"
#include "mm/reservation.h"

bool (*page_reclaim)(void);

static never_inline paddr_t place_anywhere(unsigned order, const struct reservation *reservation)
{
    unsigned number = (unsigned)(reservation - own_reservation(0));
    paddr_t paddr;
    do {
        spin_lock(&page_lock);
        paddr = place(order, number);
        if (paddr == PADDR_NONE && reservation_end_all(RESERVED_ANY))
            paddr = place(order, number);
        spin_unlock(&page_lock);
    } while (paddr == PADDR_NONE && order == 0 && page_reclaim && page_reclaim());
    return paddr;
}

/* The locked pageblock has no such run, or is no longer reserved. */
static never_inline paddr_t alloc_slowly(unsigned order, struct reservation *reservation)
{
    pageblock_unlock(reservation->pageblock,
                     __atomic_load_n(reservation->pageblock, __ATOMIC_RELAXED) - PB_LOCK);
    return place_anywhere(order, reservation);
}

static inline void set_word(struct reservation *reservation, u64 *words, u64 number)
{
    paddr_t base = reservation_base(reservation) + (number * 64 << PAGE_SHIFT);
    reservation->word = words + number;
    __atomic_store_n(&reservation->base, base, __ATOMIC_RELAXED);
}

/* The lowest free frame of the word, which is not 0; unlocks the pageblock. */
static always_inline paddr_t take_one(const struct reservation *reservation, u32 *pageblock,
                                      u32 entry, u64 bits)
{
    *reservation->word = bits & (bits - 1);
    pageblock_unlock(pageblock, entry - 1);
    return reservation->base + ((u64)(unsigned)__builtin_ctzll(bits) << PAGE_SHIFT);
}

/* The word of the locked pageblock is used up: go on with the lowest that is not. */
static never_inline paddr_t alloc_next_word(struct reservation *reservation)
{
    u32 entry = __atomic_load_n(reservation->pageblock, __ATOMIC_RELAXED) - PB_LOCK;
    if ((entry & PB_FREE) == 0)
        return alloc_slowly(0, reservation);
    u64 *words = reservation_words(reservation);
    u64 *word = frame_bits_first_word(words);
    set_word(reservation, words, (u64)(word - words));
    return take_one(reservation, reservation->pageblock, entry, *word);
}

static always_inline paddr_t alloc_one(struct reservation *reservation)
{
    u32 *pageblock = reservation->pageblock;
    u32 entry = pageblock_lock(pageblock);
    if (unlikely((entry & PB_RESERVED) != reservation->tag))
        return alloc_slowly(0, reservation);
    u64 bits = *reservation->word;
    if (unlikely(bits == 0))
        return alloc_next_word(reservation);
    return take_one(reservation, pageblock, entry, bits);
}

/* The word begins with no run of this order: the lowest of the locked pageblock. Order 1 to 5. */
static never_inline paddr_t alloc_other_run(unsigned order, struct reservation *reservation)
{
    u64 *words = reservation_words(reservation);
    unsigned bit = frame_bits_find(words, order);
    if (bit == FRAME_BITS_NONE)
        return alloc_slowly(order, reservation);
    frame_bits_clear(words + bit / 64, bit % 64, order);
    paddr_t base = reservation_base(reservation);
    set_word(reservation, words, bit / 64);
    u32 entry = __atomic_load_n(reservation->pageblock, __ATOMIC_RELAXED) - PB_LOCK;
    pageblock_unlock(reservation->pageblock, entry - (1u << order));
    return base + ((paddr_t)bit << PAGE_SHIFT);
}

/* `order` is a constant: then this is a few words without a loop over them. */
static always_inline paddr_t alloc_words_of(unsigned order, struct reservation *reservation)
{
    u64 *words = reservation_words(reservation);
    u64 *word = words;
    while (!frame_words_are_set(word, order)) {
        word += 1u << (order - FRAME_WORD_ORDER);
        if (word == words + PAGEBLOCK_WORDS)
            return alloc_slowly(order, reservation);
    }
    frame_words_fill(word, order, 0);
    u32 entry = __atomic_load_n(reservation->pageblock, __ATOMIC_RELAXED) - PB_LOCK;
    pageblock_unlock(reservation->pageblock, entry - (1u << order));
    return reservation_base(reservation) + ((u64)(word - words) * 64 << PAGE_SHIFT);
}

/* Runs of whole words: the lowest of the locked pageblock. */
static never_inline paddr_t alloc_words(unsigned order, struct reservation *reservation)
{
    if (order == 6)
        return alloc_words_of(6, reservation);
    return order == 7 ? alloc_words_of(7, reservation) : alloc_words_of(8, reservation);
}

static never_inline paddr_t alloc_run(unsigned order, unsigned number)
{
    struct reservation *reservation = own_reservation(number + reservation_of_run(number, order));
    u32 *pageblock = reservation->pageblock;
    u32 entry = pageblock_lock(pageblock);
    if (unlikely((entry & PB_RESERVED) != reservation->tag || !(reservation->orders >> order & 1)))
        return alloc_slowly(order, reservation);
    if (order >= FRAME_WORD_ORDER)
        return alloc_words(order, reservation);
    /* Where all runs have this order, the lowest free frame begins one. */
    u64 bits = *reservation->word;
    u64 bit = bits != 0 ? (unsigned)__builtin_ctzll(bits) : 0;
    u64 run = frame_bits_mask(order) << bit;
    if (unlikely((bits & run) != run || bit & ((1u << order) - 1)))
        return alloc_other_run(order, reservation);
    *reservation->word = bits - run;
    pageblock_unlock(pageblock, entry - (1u << order));
    return reservation->base + (bit << PAGE_SHIFT);
}

/* A pageblock of the section in which this processor found an idle one before. */
static always_inline paddr_t alloc_huge(struct reservation *reservation)
{
    struct section *section = reservation->section;
    u64 idle = section_idle(section);
    if (unlikely(idle == 0))
        return place_anywhere(PAGE_ORDER_MAX, reservation);
    u64 index = (unsigned)__builtin_ctzll(idle);
    if (unlikely(!section_claim_one(section, index)))
        return place_anywhere(PAGE_ORDER_MAX, reservation);
    /* The entry is 0, unless a processor that had once reserved the pageblock looks at it now. */
    while (unlikely(!pageblock_try_change(&section->entries[index], 0, reservation->huge_entry)))
        cpu_relax();
    __atomic_fetch_add(&reservation->taken, PAGEBLOCK_FRAMES, __ATOMIC_RELAXED);
    return section->base + (index << PAGEBLOCK_SHIFT);
}

static never_inline paddr_t bad_order(unsigned order)
{
    panic("page_alloc: order %u, the largest is %u", order, PAGE_ORDER_MAX);
}

static always_inline paddr_t alloc(unsigned order, unsigned number)
{
    struct reservation *reservation = own_reservation(number);
    if (likely(order == 0))
        return alloc_one(reservation);
    if (order == PAGE_ORDER_MAX)
        return alloc_huge(reservation);
    if (likely(order < PAGE_ORDER_MAX))
        return alloc_run(order, number);
    return bad_order(order);
}

paddr_t page_alloc(unsigned order, enum page_kind kind)
{
    return page_debug_taken(alloc(order, kind), (u64)1 << order);
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

paddr_t page_alloc_reserved(unsigned order, unsigned number)
{
    return alloc(order, number);
}
