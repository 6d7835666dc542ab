/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which chunk of a workload is at an address: mm names the page that it wants
 * to move by its address alone. A hash of the chunks' places, at most half
 * full, in memory of the caller. Pure.
 */
#ifndef TIDE_EXTRAS_WORKLOAD_WORKLOAD_PLACES_H
#define TIDE_EXTRAS_WORKLOAD_WORKLOAD_PLACES_H

#include "extras/workload/workload_plan.h"

struct workload_places {
    u32 *slots; /* a chunk's index + 1, or 0 */
    u64 nr_slots;
    const struct workload_chunk *chunks;
};

/* The memory that so many chunks need, below 2^31 of them. */
u64 workload_places_bytes(u64 nr_chunks);

/* An empty one, in that memory, for the table of chunks whose places are looked up. */
void workload_places_init(struct workload_places *places, void *memory, u64 nr_chunks,
                          const struct workload_chunk *chunks);

/* The chunk at `index` of the table, whose place is set and not yet known. O(1). */
void workload_places_add(struct workload_places *places, u64 index);

/* Forget the chunk at `index`, whose place is still what it was when added. O(1). */
void workload_places_remove(struct workload_places *places, u64 index);

/* The slot of the chunk at that place; false if there is none. O(1). */
bool workload_places_find(const struct workload_places *places, u64 place, u64 *slot);

/* The index of the chunk whose slot was found. */
static inline u64 workload_places_index(const struct workload_places *places, u64 slot)
{
    return (u64)places->slots[slot] - 1;
}

/* The chunk whose slot was found has another place now: know it by that one. Slots have changed
 * then. O(1). */
void workload_places_move(struct workload_places *places, u64 slot);

#endif
