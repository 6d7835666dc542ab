/* SPDX-License-Identifier: BSD-2-Clause */
/* See page_rights.h. */
#include "extras/page_rights/page_rights.h"

#include "arch/x86_64/image.h"
#include "arch/x86_64/page_tables.h"
#include "arch/x86_64/paging.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"

static int change_pages(paddr_t paddr, u64 bytes, u64 flags)
{
    paddr_t start = align_down(paddr, PAGE_BYTES);
    paddr_t end = align_up(paddr + bytes, PAGE_BYTES);

    if (ranges_overlap(start, end - start, virt_to_phys(image_start),
                       (u64)(image_end - image_start)))
        return E_INVAL;
    int status = platform_unmap_ram(start, end - start);
    if (status != OK)
        return status;
    return page_tables_map(paging_tables(), start, end - start, flags, MAP_LARGEST_4K);
}

int paging_make_writable(paddr_t paddr, u64 bytes)
{
    return change_pages(paddr, bytes, MAP_WRITE | MAP_NO_EXEC);
}

int paging_make_executable(paddr_t paddr, u64 bytes)
{
    return change_pages(paddr, bytes, 0);
}
