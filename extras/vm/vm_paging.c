/* SPDX-License-Identifier: BSD-2-Clause */
/* See vm_paging.h. arch/x86_64/page_tables.c does the work on the structure. */
#include "extras/vm/vm_paging.h"

#include "arch/x86_64/page_tables.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpus.h"
#include "asm/cpu.h"
#include "asm/vm.h"
#include "include/extra.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "mm/page.h"

static u64 nr_waits; /* for held pages */

/* A table for a virtual area: freed with it. */
static paddr_t alloc_table(void)
{
    return page_alloc(0, PAGE_BOOT_FIRST);
}

int platform_vm_map(u64 address, paddr_t paddr, u64 bytes)
{
    unsigned largest = is_aligned(address - paddr, 2 * MIB) ? MAP_LARGEST_2M : MAP_LARGEST_4K;
    struct page_tables *tables = paging_tables();
    paddr_t (*alloc)(void) = tables->alloc;
    tables->alloc = alloc_table;
    int status =
        page_tables_map_to(tables, address, paddr, bytes, MAP_WRITE | MAP_NO_EXEC, largest);
    tables->alloc = alloc;
    if (status != OK) {
        cpus_flush(address, bytes);
        paging_give_back_released();
    }
    return status;
}

static bool is_in_window(u64 address)
{
    return address - VM_BASE < VM_BYTES;
}

void platform_vm_hold(u64 address, u64 bytes)
{
    page_tables_hold(paging_tables(), address, bytes);
}

void platform_vm_flush(u64 address, u64 bytes)
{
    paddr_t paddr;

    /* A page is one translation, whatever its size. */
    cpus_flush(address, platform_vm_page(address, &paddr) == bytes ? PAGE_BYTES : bytes);
}

void platform_vm_resume(u64 address, paddr_t paddr)
{
    page_tables_resume(paging_tables(), address, paddr);
}

u64 platform_vm_page(u64 address, paddr_t *paddr)
{
    struct page_mapping mapping = page_tables_query(paging_tables(), address);

    *paddr = mapping.paddr;
    return mapping.present || mapping.held ? page_tables_extent(mapping.level) : 0;
}

void platform_vm_unmap(u64 address, u64 bytes)
{
    /* Pages are what was mapped: none lies partly in the range, and nothing must be split. */
    int status = page_tables_unmap(paging_tables(), address, bytes);
    ASSERT(status == OK);
    cpus_flush(address, bytes);
    paging_give_back_released();
}

u64 paging_nr_waits(void)
{
    return __atomic_load_n(&nr_waits, __ATOMIC_RELAXED);
}

/* A page was not present. If it is held, wait as long as it is. True if it is present now. */
static bool wait_held(u64 address)
{
    for (bool waited = false; is_in_window(address); waited = true) {
        struct page_mapping mapping = page_tables_query(paging_tables(), address);

        /* Processor 0 holds the pages: it would wait for itself. */
        if (!mapping.held || cpu_id() == 0)
            return mapping.present;
        /* Interrupts are off, and the holder may be waiting for this processor. */
        cpus_poll_flush();
        cpu_relax();
        if (!waited)
            __atomic_fetch_add(&nr_waits, 1, __ATOMIC_RELAXED);
    }
    return false;
}

EXTRA(vm_paging) = {.name = "vm", .wait_for_page = wait_held};
