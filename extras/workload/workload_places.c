/* SPDX-License-Identifier: BSD-2-Clause */
/* See workload_places.h. Linear probing; a removal closes the gap and leaves no mark. */
#include "extras/workload/workload_places.h"

#include "include/units.h"
#include "lib/string.h"

static u64 slots_for(u64 nr_chunks)
{
    u64 nr_slots = 2;
    while (nr_slots < 2 * nr_chunks)
        nr_slots *= 2;
    return nr_slots;
}

u64 workload_places_bytes(u64 nr_chunks)
{
    return slots_for(nr_chunks) * sizeof(u32);
}

void workload_places_init(struct workload_places *places, void *memory, u64 nr_chunks,
                          const struct workload_chunk *chunks)
{
    *places = (struct workload_places){memory, slots_for(nr_chunks), chunks};
    memset(memory, 0, workload_places_bytes(nr_chunks));
}

/* Where a place's search begins: Fibonacci hashing of the page's number. */
static u64 home(const struct workload_places *places, u64 place)
{
    return ((place >> PAGE_SHIFT) * 0x9e3779b97f4a7c15 >> 20) & (places->nr_slots - 1);
}

/* The slot that holds the place, or the free one at which the search for it ends. */
static u64 slot_of(const struct workload_places *places, u64 place)
{
    u64 slot = home(places, place);
    while (places->slots[slot] != 0 && places->chunks[places->slots[slot] - 1].place != place)
        slot = (slot + 1) & (places->nr_slots - 1);
    return slot;
}

void workload_places_add(struct workload_places *places, u64 index)
{
    places->slots[slot_of(places, places->chunks[index].place)] = (u32)index + 1;
}

bool workload_places_find(const struct workload_places *places, u64 place, u64 *index)
{
    u64 slot = slot_of(places, place);
    *index = (u64)places->slots[slot] - 1;
    return places->slots[slot] != 0;
}

void workload_places_remove(struct workload_places *places, u64 index)
{
    u64 mask = places->nr_slots - 1;
    u64 gap = slot_of(places, places->chunks[index].place);
    /* Each later one of the cluster whose search passes the gap moves into it. */
    for (u64 slot = (gap + 1) & mask; places->slots[slot] != 0; slot = (slot + 1) & mask) {
        u64 from_home = (slot - home(places, places->chunks[places->slots[slot] - 1].place)) & mask;
        if (from_home < ((slot - gap) & mask))
            continue;
        places->slots[gap] = places->slots[slot];
        gap = slot;
    }
    places->slots[gap] = 0;
}
