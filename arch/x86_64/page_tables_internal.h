/* SPDX-License-Identifier: BSD-2-Clause */
/* What page_tables.c and an extra that changes entries share: their bits, and the way to one. */
#ifndef TIDE_ARCH_PAGE_TABLES_INTERNAL_H
#define TIDE_ARCH_PAGE_TABLES_INTERNAL_H

#include "arch/x86_64/page_tables.h"
#include "include/platform.h"
#include "include/units.h"

#define PRESENT      ((u64)1 << 0)
#define WRITTEN      ((u64)1 << 6)  /* the processor sets it, at the first write to a page */
#define LARGE        ((u64)1 << 7)  /* at levels 2 and 3: a page, not a table */
#define KEPT         ((u64)1 << 9)  /* ignored by the processor: a table that is not released */
#define HELD         ((u64)1 << 10) /* the same: a page without PRESENT, but with all else */
#define HAS_TABLES   ((u64)1 << 11) /* the same: a table in which not all entries were pages */
#define ADDRESS_MASK ((u64)0x000ffffffffff000)

#define ROOT_LEVEL 4

static inline u64 *table_at(u64 entry)
{
    return phys_to_virt(entry & ADDRESS_MASK);
}

static inline unsigned index_of(paddr_t paddr, unsigned level)
{
    return (unsigned)(paddr >> (12 + 9 * (level - 1))) % PAGE_TABLE_ENTRIES;
}

static inline bool is_page(u64 entry, unsigned level)
{
    return level == 1 ? (entry & (PRESENT | HELD)) != 0 : (entry & LARGE) != 0;
}

/* The first byte after the entry that holds paddr, or `end` if that comes first. */
static inline paddr_t entry_end(paddr_t paddr, unsigned level, paddr_t end)
{
    u64 extent = page_tables_extent(level);

    return min_u64(align_down(paddr, extent) + extent, end);
}

#endif
