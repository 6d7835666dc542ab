/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 512 bits of an area, in 8 words; a set bit is a free frame. A run of
 * order n is 2^n bits, aligned to its own size, orders 0 to 8. All of it is
 * pure: the caller holds the area's lock.
 */
#ifndef TIDE_MM_AREA_BITS_H
#define TIDE_MM_AREA_BITS_H

#include "mm/area.h"

#define AREA_BITS_NONE AREA_FRAMES

/* The run of order 0 to 5 at bit 0 of a word. */
static inline u64 area_bits_mask(unsigned order)
{
    return ((u64)1 << (1u << order)) - 1;
}

/* The first bit of the lowest free run, or AREA_BITS_NONE. At most 8 words are read. */
unsigned area_bits_find(const u64 *words, unsigned order);

/* True if every bit of the run is set. */
bool area_bits_are_set(const u64 *words, unsigned first, unsigned order);

/* True if no bit of the run is set. */
bool area_bits_are_clear(const u64 *words, unsigned first, unsigned order);

void area_bits_set(u64 *words, unsigned first, unsigned order);
void area_bits_clear(u64 *words, unsigned first, unsigned order);

#endif
