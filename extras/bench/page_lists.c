/* SPDX-License-Identifier: BSD-2-Clause */
/* See page_lists.h. A processor without a list has NULL in its place. */
#include "extras/bench/page_lists.h"

#include "include/platform.h"
#include "mm/page.h"

bool page_lists_open(struct page_lists *lists, u64 processors)
{
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        if ((processors >> cpu & 1) == 0)
            continue;
        paddr_t memory = page_alloc(lists->order, PAGE_BOOT_FIRST);
        if (memory == PADDR_NONE) {
            page_lists_close(lists);
            return false;
        }
        lists->of[cpu] = phys_to_virt(memory);
    }
    return true;
}

void page_lists_close(struct page_lists *lists)
{
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (lists->of[cpu])
            page_free(virt_to_phys(lists->of[cpu]), lists->order);
        lists->of[cpu] = NULL;
    }
}
