/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See early.h. An allocation is cut from the front of the first free range that is
 * large enough, so that early memory stays together.
 */
#include "mm/early.h"

#include "include/low_memory.h"
#include "include/platform.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"

#define BOOT_LIMIT (4 * GIB) /* the boot page tables reach so far */

static struct early_range free_ranges[EARLY_RANGES_MAX];
static unsigned nr_free_ranges;
static bool finished;

/* Add the whole pages of [base, end). */
static void add_range(paddr_t base, paddr_t end)
{
    base = align_up(base, PAGE_BYTES);
    end = align_down(end, PAGE_BYTES);
    if (base >= end)
        return;
    ASSERT(nr_free_ranges < EARLY_RANGES_MAX);
    ASSERT(base >= LOW_PAGES_END); /* a processor may begin there at any time, and runs it */
    free_ranges[nr_free_ranges++] = (struct early_range){base, end - base};
}

/* The pages that a file of the loader's takes up. */
static struct early_range pages_of(paddr_t base, u64 bytes)
{
    paddr_t first = align_down(base, PAGE_BYTES);
    return (struct early_range){first, align_up(base + bytes, PAGE_BYTES) - first};
}

/* The pages of [base, end) in which neither the kernel nor the module lies. */
static void add_beside(const struct boot_info *boot, paddr_t base, paddr_t end)
{
    struct early_range first = pages_of(boot->kernel_base, boot->kernel_bytes);
    struct early_range second = pages_of(boot->module.base, boot->module.bytes);
    if (second.base < first.base) {
        struct early_range kernel = first;
        first = second;
        second = kernel;
    }
    add_range(base, min_u64(end, first.base));
    base = max_u64(base, first.base + first.bytes);
    add_range(base, min_u64(end, second.base));
    add_range(max_u64(base, second.base + second.bytes), end);
}

void early_init(const struct boot_info *boot)
{
    nr_free_ranges = 0;
    finished = false;
    for (u32 i = 0; i < boot->nr_ranges; i++) {
        const struct boot_memory_range *range = &boot->ranges[i];
        if (range->type != BOOT_MEMORY_RAM || range->bytes == 0)
            continue;
        if (range_overflows(range->base, range->bytes)) {
            log_error(LOG_MM, NULL, "RAM at 0x%llx of 0x%llx bytes runs past 2^64: left alone",
                      (unsigned long long)range->base, (unsigned long long)range->bytes);
            continue;
        }
        paddr_t limit = align_down(platform_paddr_limit(), PAGE_BYTES);
        paddr_t base = max_u64(range->base, LOW_PAGES_END);
        add_beside(boot, base, min_u64(range->base + (range->bytes - 1), limit - 1) + 1);
    }
}

paddr_t early_alloc(u64 bytes)
{
    if (finished)
        panic("early_alloc: 0x%llx bytes wanted after page_init", (unsigned long long)bytes);
    u64 wanted = align_up(bytes, PAGE_BYTES);
    for (unsigned i = 0; i < nr_free_ranges; i++) {
        struct early_range *range = &free_ranges[i];
        if (range->bytes < wanted || range->base + wanted > BOOT_LIMIT)
            continue;
        paddr_t paddr = range->base;
        range->base += wanted;
        range->bytes -= wanted;
        memset(phys_to_virt(paddr), 0, wanted);
        return paddr;
    }
    log_error(LOG_MM, NULL, "boot RAM is out: 0x%llx bytes more are needed below 4 GiB",
              (unsigned long long)wanted);
    platform_exit(EXIT_BOOT);
}

const struct early_range *early_ranges(unsigned *nr_ranges)
{
    *nr_ranges = nr_free_ranges;
    return free_ranges;
}

unsigned early_finish(struct early_range ranges[EARLY_RANGES_MAX])
{
    unsigned nr_ranges = 0;
    ASSERT(!finished);
    finished = true;
    for (unsigned i = 0; i < nr_free_ranges; i++) {
        if (free_ranges[i].bytes != 0)
            ranges[nr_ranges++] = free_ranges[i];
    }
    return nr_ranges;
}
