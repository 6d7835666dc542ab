/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_tide [MIB]: the checker on Tide's own memory operations and host functions, over the real
 * mm/ and the fake platform, with blocks of 2 MiB or so many. That the main loop loses no wake is
 * for tests/unit/kernel, which run it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "include/status.h"
#include "include/units.h"
#include "kernel/device_memory.h"
#include "lib/string.h"
#include "mm/page.h"
#include "tests/contract/contract.h"
#include "tests/fakes/fake_mm.h"

#define NR_BLOCKS 16

static struct device_memory device_memory;

static uint64_t alloc_page(void *context)
{
    (void)context;
    u64 paddr = page_alloc(0, PAGE_USER);
    return paddr == PADDR_NONE ? VMEM_CONTRACT_NO_PAGE : paddr;
}

static void free_page(void *context, uint64_t address)
{
    (void)context;
    page_free(address, 0);
}

static void *page_at(void *context, uint64_t address)
{
    (void)context;
    return phys_to_virt(address);
}

/* The second word of a movable page says where its address is kept. */
static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    (void)owner;
    u64 *words = memcpy(phys_to_virt(to), phys_to_virt(from), PAGE_BYTES);
    *(uint64_t *)words[1] = to;
    return true;
}

static struct page_owner owner = {.name = "contract", .order = 0, .move = move};

static bool alloc_movable(void *context, uint64_t *address)
{
    (void)context;
    *address = page_alloc_movable(&owner);
    if (*address == PADDR_NONE)
        return false;
    u64 *words = phys_to_virt(*address);
    words[1] = (u64)address;
    return true;
}

static void free_movable(void *context, uint64_t *address)
{
    free_page(context, *address);
}

static void *dma_at(uint64_t device_address)
{
    return phys_to_virt(device_address);
}

static void pass_time(void)
{
    fake_advance_ms(1);
}

int main(int argc, char **argv)
{
    u64 block_bytes = (argc > 1 ? strtoull(argv[1], NULL, 0) : 2) * MIB;
    struct boot_info boot;
    struct vmem_contract contract = {
        .output = stdout,
        .memory = &device_memory_ops,
        .memory_context = &device_memory,
        .region = {.base = FAKE_REGION_BASE,
                   .bytes = NR_BLOCKS * block_bytes,
                   .block_bytes = block_bytes,
                   .name = "contract"},
        .page_alloc = alloc_page,
        .page_free = free_page,
        .movable_alloc = alloc_movable,
        .movable_free = free_movable,
        .page_at = page_at,
        .dma_at = dma_at,
        .pass_time = pass_time,
    };
    fake_mm_start(&boot, 16 * MIB);
    fake_back(contract.region.base, contract.region.bytes);
    if (page_add_owner(&owner) != OK)
        return 2;
    int nr_failed = vmem_contract_check(&contract);
    page_check();
    fake_shutdown();
    return nr_failed != 0;
}
