/* SPDX-License-Identifier: BSD-2-Clause */
/* See books.h. A processor without a book has NULL in its place. */
#include "extras/bench/books.h"

#include "include/platform.h"
#include "mm/page.h"

bool books_open(struct books *books, u64 processors)
{
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        if ((processors >> cpu & 1) == 0)
            continue;
        paddr_t memory = page_alloc(books->order, PAGE_BOOT_FIRST);
        if (memory == PADDR_NONE) {
            books_close(books);
            return false;
        }
        books->of[cpu] = phys_to_virt(memory);
    }
    return true;
}

void books_close(struct books *books)
{
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (books->of[cpu])
            page_free(virt_to_phys(books->of[cpu]), books->order);
        books->of[cpu] = NULL;
    }
}
