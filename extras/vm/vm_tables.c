/* SPDX-License-Identifier: BSD-2-Clause */
/* See vm_tables.h. */
#include "extras/vm/vm_tables.h"

#include "arch/x86_64/page_tables_internal.h"
#include "lib/string.h"

int page_tables_map_to(struct page_tables *tables, u64 start, paddr_t paddr, u64 bytes, u64 flags,
                       unsigned largest)
{
    return page_tables_map(tables, start, bytes, flags + (paddr - start), largest);
}

/* The entry of the page at the address, and its level; there is one. */
static inline u64 *find_page(struct page_tables *tables, u64 address, unsigned *level)
{
    u64 *entry = &table_at(tables->root)[index_of(address, ROOT_LEVEL)];

#pragma GCC unroll 4
    for (*level = ROOT_LEVEL - 1; *level > 0; --*level) {
        entry = &table_at(*entry)[index_of(address, *level)];
        if (is_page(*entry, *level))
            break;
    }
    return entry;
}

u64 page_tables_hold(struct page_tables *tables, u64 address)
{
    unsigned level;
    u64 *entry = find_page(tables, address, &level);

    /* Not a store: another processor may set WRITTEN at this moment; from then on none can. */
    if (*entry & PRESENT)
        __atomic_fetch_add(entry, HELD - PRESENT, __ATOMIC_RELEASE);
    return page_tables_extent(level);
}

/* Release: what was copied to the frames is there before they can be reached. */
static void resume(u64 *entry, u64 with_frames)
{
    __atomic_store_n(entry, (with_frames & ~HELD) | PRESENT, __ATOMIC_RELEASE);
}

void page_tables_resume(struct page_tables *tables, u64 address)
{
    unsigned level;
    u64 *entry = find_page(tables, address, &level);

    resume(entry, *entry);
}

void page_tables_move(struct page_tables *tables, u64 address, paddr_t paddr)
{
    unsigned level;
    u64 *entry = find_page(tables, address, &level);

    if (*entry & WRITTEN)
        memcpy(phys_to_virt(paddr), phys_to_virt(*entry & ADDRESS_MASK), page_tables_extent(level));
    resume(entry, (*entry & ~ADDRESS_MASK) | paddr);
}
