/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See page_tables.h. The root is of level 4, the last tables are of level 1. The recursion is
 * three calls deep. When a GiB is plugged, the loop that fills runs of entries takes the most time.
 */
#include "arch/x86_64/page_tables_internal.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"

#define COUNT_SHIFT 52 /* bits 52 to 61 of an entry that points at a table are ignored */
#define COUNT_ONE   ((u64)1 << COUNT_SHIFT)
#define COUNT_MASK  ((u64)0x3ff << COUNT_SHIFT)

static u64 page_bits(u64 flags, unsigned level)
{
    return flags | PRESENT | (level == 1 ? 0 : LARGE);
}

static u64 count_of(u64 entry)
{
    return (entry & COUNT_MASK) >> COUNT_SHIFT;
}

/*
 * A new table as the entry that points at it, or 0. Its entries hold `first`
 * and what follows in steps of `step`; none counts as used yet.
 */
static one_copy u64 make_table(struct page_tables *tables, u64 first, u64 step)
{
    paddr_t page = tables->alloc();

    if (page == PADDR_NONE)
        return 0;
    u64 *table = phys_to_virt(page);
#pragma GCC unroll 16
    for (unsigned i = 0; i < PAGE_TABLE_ENTRIES; i++) {
        table[i] = first;
        first += step;
    }
    return page | PRESENT | MAP_WRITE | (tables->keep_new_tables ? KEPT : 0);
}

static u64 make_empty_table(struct page_tables *tables)
{
    return make_table(tables, 0, 0);
}

/* A table of pages that map the whole extent of an entry at `level`, from paddr on. */
static u64 make_full_table(struct page_tables *tables, paddr_t paddr, unsigned level, u64 flags)
{
    u64 entry =
        make_table(tables, paddr + page_bits(flags, level - 1), page_tables_extent(level - 1));

    return entry == 0 ? 0 : entry + COUNT_ONE * PAGE_TABLE_ENTRIES;
}

/* If the table is empty and may go, put it on the released list and clear its entry. */
static bool drop_if_empty(struct page_tables *tables, u64 *entry)
{
    if (count_of(*entry) != 0 || (*entry & KEPT) != 0)
        return false;
    u64 *table = table_at(*entry);

    /* Bit 0 of the link is clear: a processor that still looks here finds nothing present. */
    table[0] = tables->released;
    tables->released = virt_to_phys(table);
    *entry = 0;
    return true;
}

int page_tables_init(struct page_tables *tables)
{
    tables->root = make_empty_table(tables);
    return tables->root == 0 ? E_NOMEM : OK;
}

/* ---- map ---- */

/* Fill absent entries from *start on, up to `end`, as long as whole ones fit. Returns how many. */
static u64 fill_pages(u64 *entry, unsigned room, unsigned level, paddr_t *start, paddr_t end,
                      u64 flags)
{
    u64 extent = page_tables_extent(level);
    u64 nr = min_u64(room, (end - *start) / extent);
    u64 value = *start + page_bits(flags, level);
    u64 *first = entry;
    u64 *last = entry + nr;

    while (entry != last && *entry == 0) {
        *entry++ = value;
        value += extent;
    }
    nr = (u64)(entry - first);
    *start += nr * extent;
    return nr;
}

/*
 * Map [*start, end) below the table that *parent points at. *start follows
 * what has been mapped, also on failure. Above their lowest 12 bits, flags carry
 * the distance from an address to its frame.
 */
static int map_level(struct page_tables *tables, u64 *parent, unsigned level, paddr_t *start,
                     paddr_t end, u64 flags, unsigned largest)
{
    u64 extent = page_tables_extent(level);
    u64 *table = table_at(*parent);

    while (*start < end) {
        unsigned index = index_of(*start, level);
        u64 *entry = &table[index];

        if (*entry == 0 && level <= largest && is_aligned(*start, extent) &&
            end - *start >= extent) {
            *parent +=
                COUNT_ONE * fill_pages(entry, PAGE_TABLE_ENTRIES - index, level, start, end, flags);
            continue;
        }
        if (is_page(*entry, level))
            return E_EXIST;
        if (*entry == 0) {
            bool whole =
                level - 1 <= largest && is_aligned(*start, extent) && end - *start >= extent;

            *entry =
                whole ? make_full_table(tables, *start, level, flags) : make_empty_table(tables);
            if (*entry == 0)
                return E_NOMEM;
            *parent = (*parent + COUNT_ONE) | HAS_TABLES;
            if (whole) {
                *start += extent;
                continue;
            }
        }
        int status = map_level(tables, entry, level - 1, start, entry_end(*start, level, end),
                               flags, largest);
        if (status != OK) {
            if (drop_if_empty(tables, entry))
                *parent -= COUNT_ONE;
            return status;
        }
    }
    return OK;
}

u64 page_tables_most(u64 bytes, unsigned largest)
{
    u64 nr_tables = 0;

    /* All tables that the run meets whose entries are larger than the pages; of the other levels,
     * and of the pages' own, those at its ends. */
    for (unsigned level = 1; level < ROOT_LEVEL; level++)
        nr_tables += 2 + (level >= largest ? bytes / (page_tables_extent(level + 1)) : 0);
    return nr_tables;
}

/* ---- unmap ---- */

/* Turn the page at *entry of the table that *parent points at into a table of smaller pages. */
static int split_page(struct page_tables *tables, u64 *parent, u64 *entry, unsigned level)
{
    u64 flags = *entry & (MAP_WRITE | MAP_UNCACHED | MAP_NO_EXEC);
    u64 replacement = make_full_table(tables, *entry & ADDRESS_MASK, level, flags);

    if (replacement == 0)
        return E_NOMEM;
    *entry = replacement;
    *parent |= HAS_TABLES;
    return OK;
}

/* Make sure that no page reaches across the address. */
static int split_at(struct page_tables *tables, paddr_t paddr)
{
    u64 *parent = &tables->root;

    for (unsigned level = ROOT_LEVEL; level >= 1; level--) {
        u64 *entry = &table_at(*parent)[index_of(paddr, level)];

        if (*entry == 0 || is_aligned(paddr, page_tables_extent(level)))
            return OK;
        if (is_page(*entry, level) && split_page(tables, parent, entry, level) != OK)
            return E_NOMEM;
        parent = entry;
    }
    return OK;
}

static void unmap_level(struct page_tables *tables, u64 *parent, unsigned level, paddr_t start,
                        paddr_t end)
{
    u64 *table = table_at(*parent);

    /* A table of pages that goes whole is dropped as it is. */
    if (end - start == page_tables_extent(level) * PAGE_TABLE_ENTRIES &&
        (*parent & (KEPT | HAS_TABLES)) == 0) {
        *parent &= ~COUNT_MASK;
        return;
    }
    while (start < end) {
        u64 *entry = &table[index_of(start, level)];
        paddr_t next = entry_end(start, level, end);

        if (*entry == 0) {
            start = next;
            continue;
        }
        if (is_page(*entry, level)) {
            *entry = 0;
            *parent -= COUNT_ONE;
        } else {
            unmap_level(tables, entry, level - 1, start, next);
            if (drop_if_empty(tables, entry))
                *parent -= COUNT_ONE;
        }
        start = next;
    }
}

int page_tables_unmap(struct page_tables *tables, paddr_t start, u64 bytes)
{
    if (split_at(tables, start) != OK || split_at(tables, start + bytes) != OK)
        return E_NOMEM;
    unmap_level(tables, &tables->root, ROOT_LEVEL, start, start + bytes);
    return OK;
}

int page_tables_map(struct page_tables *tables, paddr_t start, u64 bytes, u64 flags,
                    unsigned largest)
{
    paddr_t mapped_to = start;
    int status =
        map_level(tables, &tables->root, ROOT_LEVEL, &mapped_to, start + bytes, flags, largest);

    /* The mapped part ends at the end of a page, so nothing must be split. */
    if (status != OK)
        unmap_level(tables, &tables->root, ROOT_LEVEL, start, mapped_to);
    return status;
}

/* ---- look ---- */

paddr_t page_tables_root(const struct page_tables *tables)
{
    return tables->root & ADDRESS_MASK;
}

struct page_mapping page_tables_query(const struct page_tables *tables, u64 address)
{
    u64 entry = tables->root;
    unsigned level = ROOT_LEVEL;

    /* Stop at an absent entry, as the processor does: the link in a released table is one. */
    for (; level >= 1; level--) {
        entry = __atomic_load_n(&table_at(entry)[index_of(address, level)], __ATOMIC_ACQUIRE);
        if ((entry & PRESENT) == 0 || is_page(entry, level))
            break;
    }
    return (struct page_mapping){
        .present = (entry & PRESENT) != 0,
        .held = (entry & HELD) != 0,
        .paddr = entry & ADDRESS_MASK,
        .flags = entry & (MAP_WRITE | MAP_UNCACHED | MAP_NO_EXEC),
        .level = level,
    };
}

paddr_t page_tables_take_released(struct page_tables *tables)
{
    paddr_t page = tables->released;

    if (page == 0)
        return PADDR_NONE;
    tables->released = *(const u64 *)phys_to_virt(page);
    return page;
}
