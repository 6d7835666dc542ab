/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processors hold: one area a slot, one whole idle area a spare. See
 * page_internal.h. A hold begins and ends with page_lock held, but for a spare,
 * which begins when an area is freed.
 */
#include "mm/index.h"
#include "mm/page_internal.h"

static struct page_slot slots_of_all[CPUS_MAX * PAGE_SLOTS];
struct page_slot *page_slots = slots_of_all;
struct page_counts page_counts[CPUS_MAX];
u32 page_nothing;
u32 page_unknown;

/* Every processor whose slots are set up has a number below. */
static u32 cpus_limit;

void hold_init(void)
{
    cpus_limit = 0;
    for (u32 cpu = 0; cpu < CPUS_MAX; cpu++) {
        page_counts[cpu] = (struct page_counts){0};
        for (unsigned i = 0; i < NR_SLOTS; i++)
            *page_slot_of(cpu, i) =
                (struct page_slot){&page_unknown, NULL, PADDR_NONE, AREA_HOLDER};
    }
}

void hold_know_cpu(void)
{
    u32 cpu = cpu_id();
    if (page_counts[cpu].known)
        return;
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        *page_slot_of(cpu, i) =
            (struct page_slot){&page_nothing, NULL, PADDR_NONE, page_holder(cpu, i)};
    }
    __atomic_store_n(&page_counts[cpu].known, true, __ATOMIC_RELEASE);
    u32 limit = __atomic_load_n(&cpus_limit, __ATOMIC_RELAXED);
    while (limit <= cpu && !__atomic_compare_exchange_n(&cpus_limit, &limit, cpu + 1, false,
                                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        cpu_relax();
}

void hold(struct area_ref ref, u32 entry, unsigned number)
{
    struct page_slot *slot = page_slot_of(cpu_id(), number);
    page_charge(entry, entry & AREA_FREE);
    page_slot_set(slot, area_entry(ref), area_base(ref));
    slot->words = area_words(ref);
    area_unlock(slot->area, entry | slot->tag);
}

static struct area_ref ref_of(paddr_t base)
{
    return (struct area_ref){index_group(base), area_index(base)};
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
    struct page_slot *slot = page_slot_of(cpu_id(), number);
    u32 entry = area_lock(slot->area);
    if ((entry & AREA_HOLDER) == slot->tag) /* never a spare's: it would have been taken */
        let_go(ref_of(slot->base), entry, order);
    else
        area_unlock(slot->area, entry);
    slot->area = &page_nothing;
}

/*
 * Look at what a slot of any processor holds: true, and the area locked, if it
 * holds something. The base may be stale; the holder in the entry is the proof.
 */
static bool lock_held(u32 cpu, unsigned number, struct area_ref *ref, u32 *entry)
{
    paddr_t base = __atomic_load_n(&page_slot_of(cpu, number)->base, __ATOMIC_RELAXED);
    if (base == PADDR_NONE)
        return false;
    *ref = ref_of(base);
    if (!ref->group)
        return false;
    *entry = area_lock(area_entry(*ref));
    if ((*entry & AREA_HOLDER) == page_holder(cpu, number))
        return true;
    area_unlock(area_entry(*ref), *entry);
    return false;
}

static bool end_any(u32 cpu, unsigned number, bool only_idle)
{
    struct area_ref ref;
    u32 entry;
    if (!lock_held(cpu, number, &ref, &entry))
        return false;
    if (entry & AREA_WHOLE) {
        page_uncharge(entry, AREA_FRAMES);
        area_unlock(area_entry(ref), 0);
        group_add_idle(ref.group, area_bit(ref));
    } else if (only_idle && (entry & AREA_FREE) != AREA_FRAMES) {
        area_unlock(area_entry(ref), entry);
        return false;
    } else {
        let_go(ref, entry, 0);
    }
    return true;
}

/* How many slots of a processor may hold something. */
static unsigned nr_slots_of(u32 cpu)
{
    return __atomic_load_n(&page_counts[cpu].known, __ATOMIC_ACQUIRE) ? NR_SLOTS : 0;
}

bool hold_end_all(bool only_idle)
{
    bool any = false;
    for (u32 cpu = 0; cpu < __atomic_load_n(&cpus_limit, __ATOMIC_ACQUIRE); cpu++) {
        for (unsigned i = 0; i < nr_slots_of(cpu); i++)
            any |= end_any(cpu, i, only_idle);
    }
    return any;
}

u64 hold_free_frames(bool boot)
{
    u64 frames = 0;
    for (u32 cpu = 0; cpu < __atomic_load_n(&cpus_limit, __ATOMIC_ACQUIRE); cpu++) {
        for (unsigned i = 0; i < nr_slots_of(cpu); i++) {
            struct area_ref ref;
            u32 entry;
            if (!lock_held(cpu, i, &ref, &entry))
                continue;
            if (((entry & AREA_BOOT) != 0) == boot)
                frames += entry & AREA_WHOLE ? AREA_FRAMES : entry & AREA_FREE;
            area_unlock(area_entry(ref), entry);
        }
    }
    return frames;
}
