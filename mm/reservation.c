/* SPDX-License-Identifier: BSD-2-Clause */
/* See reservation.h. */
#include "mm/reservation.h"

#include "lib/string.h"
#include "mm/free_index.h"
#include "mm/free_list.h"

u32 reservation_nothing;

/* Every processor with reservations has a number below this. */
static u32 cpus_limit;

/* Until reservation_know_cpu() the tag is one that no entry has. */
void reservation_init(void)
{
    struct page_cpu *first = page_cpu_of(0);
    cpus_limit = 0;
    memset(first, 0, sizeof(*first));
    for (unsigned i = 0; i < NR_RESERVATIONS; i++) {
        first->reservations[i] = (struct reservation){
            .pageblock = &reservation_nothing,
            .base = PADDR_NONE,
            .tag = PB_RESERVED,
            .orders = ~0u,
            .huge_entry = entry_of_huge(i, false),
            .section = &free_index_empty_section,
        };
    }
    for (u32 cpu = 1; cpu < CPUS_MAX; cpu++)
        memcpy(page_cpu_of(cpu), first, sizeof(*first));
}

void reservation_know_cpu(void)
{
    u32 cpu = cpu_id();
    struct page_cpu *own = page_cpu_of(cpu);
    if (own->known)
        return;
    for (unsigned i = 0; i < NR_RESERVATIONS; i++)
        own->reservations[i].tag = reservation_tag(cpu, i);
    own->known = true;
    if (cpus_limit <= cpu)
        cpus_limit = cpu + 1;
}

void reservation_begin(struct pageblock pb, u32 entry, unsigned number, u32 orders)
{
    struct reservation *reservation = own_reservation(number);
    account_alloc(entry, entry & PB_FREE);
    page_cpu_of(cpu_id())->reserved |= 1u << number;
    reservation->pageblock = pageblock_entry(pb);
    reservation->word = pageblock_free_bits(pb);
    reservation->orders = orders;
    __atomic_store_n(&reservation->base, pageblock_base(pb), __ATOMIC_RELAXED);
    pageblock_unlock(reservation->pageblock, (entry & ~PB_SETTLED) | reservation->tag);
}

void reservation_follow(u32 entry, u64 *words)
{
    u32 number = (entry & PB_RESERVATION) >> PB_RESERVATION_SHIFT;
    if (number == 0)
        return;
    struct reservation *reservation = reservation_of((entry & PB_CPU) >> PB_CPU_SHIFT, number - 1);
    reservation->word = words + (reservation->word - reservation_words(reservation));
}

/* End the reservation of the locked pageblock; a search for `order` in it was in vain, or 0. */
static void let_go(struct pageblock pb, u32 entry, unsigned order)
{
    unsigned list = FREE_LIST_TOP;
    if (order > 0 && frame_bits_find(pageblock_free_bits(pb), order) == FRAME_BITS_NONE)
        list = order - 1;
    account_free(entry, entry & PB_FREE);
    pageblock_enqueue(pb, entry & ~PB_RESERVED, list);
}

void reservation_end(unsigned number, unsigned order)
{
    struct reservation *reservation = own_reservation(number);
    if (reservation->base == PADDR_NONE)
        return;
    u32 entry = pageblock_lock(reservation->pageblock);
    if ((entry & PB_RESERVED) == reservation->tag)
        let_go(pageblock_at(reservation_base(reservation)), entry,
               reservation->orders >> order & 1 ? order : 0);
    else
        pageblock_unlock(reservation->pageblock, entry);
    page_cpu_of(cpu_id())->reserved &= ~(1u << number);
    reservation->pageblock = &reservation_nothing;
    __atomic_store_n(&reservation->base, PADDR_NONE, __ATOMIC_RELAXED);
}

/*
 * True, with the pageblock locked, if the reservation has one. Another processor
 * may have ended it, so the base alone proves nothing; the entry does.
 */
static bool lock_reserved(u32 cpu, unsigned number, struct pageblock *pb, u32 *entry)
{
    *pb = pageblock_at(__atomic_load_n(&reservation_of(cpu, number)->base, __ATOMIC_RELAXED));
    if (!pb->section)
        return false;
    *entry = pageblock_lock(pageblock_entry(*pb));
    if ((*entry & PB_RESERVED) == reservation_tag(cpu, number))
        return true;
    pageblock_unlock(pageblock_entry(*pb), *entry);
    return false;
}

static bool is_meant(u32 entry, enum reservation_filter filter)
{
    if (filter == RESERVED_IDLE)
        return (entry & PB_FREE) == PAGEBLOCK_FRAMES;
    return filter == RESERVED_ANY || (entry & PB_BOOT) != 0;
}

static bool end_any(u32 cpu, unsigned number, enum reservation_filter filter)
{
    struct pageblock pb;
    u32 entry;
    if (!lock_reserved(cpu, number, &pb, &entry))
        return false;
    if (!is_meant(entry, filter)) {
        pageblock_unlock(pageblock_entry(pb), entry);
        return false;
    }
    let_go(pb, entry, 0);
    return true;
}

bool reservation_end_all(enum reservation_filter filter)
{
    bool any = false;
    for (u32 cpu = 0; cpu < cpus_limit; cpu++) {
        for (u32 left = page_cpu_of(cpu)->reserved; left != 0; left &= left - 1)
            any |= end_any(cpu, (unsigned)__builtin_ctz(left), filter);
    }
    return any;
}

bool reservation_points_into(const void *frame)
{
    uintptr_t first = (uintptr_t)frame;
    for (u32 cpu = 0; cpu < cpus_limit; cpu++) {
        for (unsigned i = 0; i < NR_RESERVATIONS; i++) {
            const struct reservation *reservation = reservation_of(cpu, i);
            if ((uintptr_t)reservation->pageblock - first < PAGE_BYTES ||
                (uintptr_t)reservation->section - first < PAGE_BYTES)
                return true;
        }
    }
    return false;
}

/* Free frames in the pageblocks that the processor has reserved. */
static u64 reserved_free(u32 cpu, bool boot)
{
    u64 frames = 0;
    for (u32 left = page_cpu_of(cpu)->reserved; left != 0; left &= left - 1) {
        struct pageblock pb;
        u32 entry;
        if (!lock_reserved(cpu, (unsigned)__builtin_ctz(left), &pb, &entry))
            continue;
        if (((entry & PB_BOOT) != 0) == boot)
            frames += entry & PB_FREE;
        pageblock_unlock(pageblock_entry(pb), entry);
    }
    return frames;
}

/* Frames of huge pages that the processor claimed by itself; none of boot RAM, see place_huge(). */
static u64 taken(u32 cpu, bool boot)
{
    u64 frames = 0;
    for (unsigned i = 0; i < NR_RESERVATIONS && !boot; i++)
        frames += __atomic_load_n(&reservation_of(cpu, i)->taken, __ATOMIC_RELAXED);
    return frames;
}

/* Take what was freed since the last time off what is used. */
static void settle_account(bool boot)
{
    for (u32 cpu = 0; cpu < CPUS_MAX; cpu++) {
        u64 *freed = &page_cpu_of(cpu)->freed[boot];
        if (__atomic_load_n(freed, __ATOMIC_RELAXED) != 0)
            account_used[boot] -= __atomic_exchange_n(freed, 0, __ATOMIC_RELAXED);
    }
}

u64 page_used(bool boot)
{
    settle_account(boot);
    u64 used = account_used[boot];
    for (u32 cpu = 0; cpu < cpus_limit; cpu++)
        used += taken(cpu, boot) - reserved_free(cpu, boot);
    return used;
}

u64 page_boot_unreserved(void)
{
    settle_account(true);
    return account_managed[true] - min_u64(account_managed[true], account_used[true]);
}
