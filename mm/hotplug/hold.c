/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processors hold: one area a slot. See page_internal.h. A hold begins and
 * ends with page_lock held.
 */
#include "lib/string.h"
#include "mm/index.h"
#include "mm/page_internal.h"

u32 page_nothing;

/* Every processor that may hold something has a number below. page_lock guards it. */
static u32 cpus_limit;

/* The tag of a slot that is not set up is one that no entry has. */
void hold_init(void)
{
    struct page_cpu *first = page_cpu_of(0);
    cpus_limit = 0;
    first->freed[0] = first->freed[1] = 0;
    first->known = false;
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        first->slots[i] = (struct page_slot){
            .area = &page_nothing,
            .base = PADDR_NONE,
            .tag = AREA_HOLDER,
            .whole_entry = page_whole_entry(i, false),
            .group = &index_empty_group,
        };
    }
    for (u32 cpu = 1; cpu < CPUS_MAX; cpu++)
        memcpy(page_cpu_of(cpu), first, sizeof(*first));
}

void hold_know_cpu(void)
{
    u32 cpu = cpu_id();
    struct page_cpu *own = page_cpu_of(cpu);
    if (own->known)
        return;
    for (unsigned i = 0; i < NR_SLOTS; i++)
        own->slots[i].tag = page_holder(cpu, i);
    own->known = true;
    if (cpus_limit <= cpu)
        cpus_limit = cpu + 1;
}

void hold(struct area_ref ref, u32 entry, unsigned number)
{
    struct page_slot *slot = page_slot(number);
    page_charge(entry, entry & AREA_FREE);
    slot->area = area_entry(ref);
    slot->word = area_words(ref);
    __atomic_store_n(&slot->base, area_base(ref), __ATOMIC_RELAXED);
    area_unlock(slot->area, (entry & ~AREA_SETTLED) | slot->tag);
}

void hold_follow(u32 cpu, unsigned number, u64 *words)
{
    struct page_slot *slot = page_slot_of(cpu, number);
    slot->word = words + (slot->word - page_slot_words(slot));
}

/* The locked area is held; it goes to the shelf that the failed search for `order` has shown. */
static void let_go(struct area_ref ref, u32 entry, unsigned order)
{
    unsigned shelf = SHELF_UNKNOWN;
    if (order > 0 && area_bits_find(area_words(ref), order) == AREA_BITS_NONE)
        shelf = order - 1;
    page_uncharge(entry, entry & AREA_FREE);
    area_file(ref, entry & ~AREA_HOLDER, shelf);
}

void hold_end(unsigned number, unsigned order)
{
    struct page_slot *slot = page_slot(number);
    if (slot->base == PADDR_NONE)
        return;
    u32 entry = area_lock(slot->area);
    if ((entry & AREA_HOLDER) == slot->tag)
        let_go(index_area(page_slot_base(slot)), entry, order);
    else
        area_unlock(slot->area, entry);
    slot->area = &page_nothing;
    __atomic_store_n(&slot->base, PADDR_NONE, __ATOMIC_RELAXED);
}

/*
 * Look at what a slot of any processor holds: true, and the area locked, if it
 * holds something. The base may be of an area whose hold another processor has
 * ended; the holder in the entry is the proof.
 */
static bool lock_held(u32 cpu, unsigned number, struct area_ref *ref, u32 *entry)
{
    paddr_t base = __atomic_load_n(&page_slot_of(cpu, number)->base, __ATOMIC_RELAXED);
    if (base == PADDR_NONE)
        return false;
    *ref = index_area(base);
    if (!ref->group)
        return false;
    *entry = area_lock(area_entry(*ref));
    if ((*entry & AREA_HOLDER) == page_holder(cpu, number))
        return true;
    area_unlock(area_entry(*ref), *entry);
    return false;
}

static bool is_meant(u32 entry, enum hold_filter filter)
{
    if (filter == HOLD_IDLE)
        return (entry & AREA_FREE) == AREA_FRAMES;
    return filter == HOLD_ANY || (entry & AREA_BOOT) != 0;
}

static bool end_any(u32 cpu, unsigned number, enum hold_filter filter)
{
    struct area_ref ref;
    u32 entry;
    if (!lock_held(cpu, number, &ref, &entry))
        return false;
    if (!is_meant(entry, filter)) {
        area_unlock(area_entry(ref), entry);
        return false;
    }
    let_go(ref, entry, 0);
    return true;
}

bool hold_end_all(enum hold_filter filter)
{
    bool any = false;
    for (u32 cpu = 0; cpu < cpus_limit; cpu++) {
        for (unsigned i = 0; i < NR_SLOTS; i++)
            any |= end_any(cpu, i, filter);
    }
    return any;
}

/* Frames free in the held areas of one origin. */
static u64 held_free(u32 cpu, bool boot)
{
    u64 frames = 0;
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        struct area_ref ref;
        u32 entry;
        if (!lock_held(cpu, i, &ref, &entry))
            continue;
        if (((entry & AREA_BOOT) != 0) == boot)
            frames += entry & AREA_FREE;
        area_unlock(area_entry(ref), entry);
    }
    return frames;
}

/* Frames that the processor claimed as whole areas; of boot RAM none, see place_whole(). */
static u64 taken(u32 cpu, bool boot)
{
    u64 frames = 0;
    for (unsigned i = 0; i < NR_SLOTS && !boot; i++)
        frames += __atomic_load_n(&page_slot_of(cpu, i)->taken, __ATOMIC_RELAXED);
    return frames;
}

/* Take what was freed off what is charged. */
static void settle_charged(bool boot)
{
    for (u32 cpu = 0; cpu < CPUS_MAX; cpu++) {
        u64 *freed = &page_cpu_of(cpu)->freed[boot];
        if (__atomic_load_n(freed, __ATOMIC_RELAXED) != 0)
            page_charged[boot] -= __atomic_exchange_n(freed, 0, __ATOMIC_RELAXED);
    }
}

u64 page_used(bool boot)
{
    settle_charged(boot);
    u64 used = page_charged[boot];
    for (u32 cpu = 0; cpu < cpus_limit; cpu++)
        used += taken(cpu, boot) - held_free(cpu, boot);
    return used;
}

u64 page_boot_unheld(void)
{
    settle_charged(true);
    return page_total[true] - min_u64(page_total[true], page_charged[true]);
}
