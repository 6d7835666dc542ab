/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four-level page tables as a data structure: mappings of 4 KiB, 2 MiB and
 * 1 GiB, identical or not. No privileged instruction, no policy, no global state,
 * so that tests/unit runs it as a host program. paging.c owns the kernel's tables.
 *
 * An entry that points at a table also counts, in bits the processor ignores, the
 * entries in use there: a table that becomes empty is found without a search.
 * Addresses and sizes are page aligned, and a range lies in one half of the
 * address space; the callers check.
 */
#ifndef TIDE_ARCH_PAGE_TABLES_H
#define TIDE_ARCH_PAGE_TABLES_H

#include "include/types.h"

#define PAGE_TABLE_ENTRIES 512

/* Flags of a mapping, as the processor has them in the lowest level. */
#define MAP_WRITE    ((u64)1 << 1)
#define MAP_UNCACHED ((u64)3 << 3)
#define MAP_NO_EXEC  ((u64)1 << 63)

/* The largest page allowed, as a level: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB. */
#define MAP_LARGEST_4K 1
#define MAP_LARGEST_2M 2
#define MAP_LARGEST_1G 3

struct page_tables {
    u64 root; /* an entry that points at the table of level 4, with its count */

    /* A page for a table, whatever its contents; PADDR_NONE if there is none. */
    paddr_t (*alloc)(void);

    /* Tables made while this is set are never released: alloc's pages cannot be given back. */
    bool keep_new_tables;

    paddr_t released; /* tables taken out, linked by their first word; 0 ends the list */
};

/* The entry that decides about an address. */
struct page_mapping {
    bool present;
    bool held;      /* by an extra: not present, but a page is there */
    paddr_t paddr;  /* where the page begins, if present or held */
    u64 flags;      /* MAP_ bits, likewise */
    unsigned level; /* of the entry: 1, 2, 3; the extent is page_tables_extent(level) */
};

/* Bytes that an entry of a level stands for. */
static inline u64 page_tables_extent(unsigned level)
{
    return (u64)1 << (12 + 9 * (level - 1));
}

/* Start empty. E_NOMEM. */
must_check int page_tables_init(struct page_tables *tables);

/*
 * Map a range in the largest pages that fit, up to `largest`. E_EXIST if a
 * part is mapped, E_NOMEM if a table cannot be had; then nothing has changed,
 * but tables may be on the released list.
 */
must_check int page_tables_map(struct page_tables *tables, paddr_t start, u64 bytes, u64 flags,
                               unsigned largest);

/* The most tables that mapping one run of so many bytes can need. */
u64 page_tables_most(u64 bytes, unsigned largest);

/*
 * Make absent whatever of a range is mapped. A large page that lies partly in it is
 * split first: E_NOMEM if that fails, and nothing is unmapped. Tables that become empty go to the
 * released list: the caller flushes the processors' caches before it reuses them.
 */
must_check int page_tables_unmap(struct page_tables *tables, paddr_t start, u64 bytes);

/* The address of the table of level 4, as cr3 wants it. */
paddr_t page_tables_root(const struct page_tables *tables);

/*
 * Any processor may ask while another one changes the tables, if that one frees what
 * is on the released list only after the asker has answered.
 */
struct page_mapping page_tables_query(const struct page_tables *tables, u64 address);

/* Take one table off the released list; PADDR_NONE when it is empty. */
paddr_t page_tables_take_released(struct page_tables *tables);

#endif
