/* SPDX-License-Identifier: BSD-2-Clause */
/* See vm_tables.h. */
#include "extras/vm/vm_tables.h"

#include "arch/x86_64/page_tables_internal.h"

int page_tables_map_to(struct page_tables *tables, u64 start, paddr_t paddr, u64 bytes, u64 flags,
                       unsigned largest)
{
    return page_tables_map(tables, start, bytes, flags + (paddr - start), largest);
}

static void hold_level(const u64 *parent, unsigned level, u64 start, u64 end)
{
    u64 *table = table_at(*parent);

    for (; start < end; start = entry_end(start, level, end)) {
        u64 *entry = &table[index_of(start, level)];

        if (is_page(*entry, level))
            __atomic_store_n(entry, (*entry & ~PRESENT) | HELD, __ATOMIC_RELEASE);
        else if (*entry != 0)
            hold_level(entry, level - 1, start, entry_end(start, level, end));
    }
}

void page_tables_hold(struct page_tables *tables, u64 start, u64 bytes)
{
    hold_level(&tables->root, ROOT_LEVEL, start, start + bytes);
}

void page_tables_resume(struct page_tables *tables, u64 address, paddr_t paddr)
{
    u64 *entry = &tables->root;
    unsigned level = ROOT_LEVEL + 1;

    do
        entry = &table_at(*entry)[index_of(address, --level)];
    while (!is_page(*entry, level));
    /* Release: what was copied to the frames is there before they can be reached. */
    __atomic_store_n(entry, (*entry & ~(ADDRESS_MASK | HELD)) | paddr | PRESENT, __ATOMIC_RELEASE);
}
