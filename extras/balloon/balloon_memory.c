/* SPDX-License-Identifier: BSD-2-Clause */
/* See balloon_memory.h. */
#include "extras/balloon/balloon_memory.h"

#include "include/units.h"
#include "mm/hotplug/region.h"
#include "mm/page.h"
#include "mm/section.h"

static bool was_given;
static bool may_take_plugged;
static u64 plugged_bytes;

void balloon_allow_plugged(bool is_allowed)
{
    may_take_plugged = is_allowed;
}

u64 balloon_plugged_bytes(void)
{
    return plugged_bytes;
}

static bool is_plugged(paddr_t paddr)
{
    spin_lock(&page_lock);
    bool is_in_region = region_find(paddr, PAGE_BYTES) != NULL;
    spin_unlock(&page_lock);
    return is_in_region;
}

/* Where no boot RAM is free of an order, the allocator gives plugged memory. */
static paddr_t take_page(unsigned order, bool from_plugged)
{
    paddr_t paddr = page_alloc(order, PAGE_BOOT_FIRST);
    if (paddr == PADDR_NONE)
        return PADDR_NONE;
    bool is_wanted = is_plugged(paddr) == from_plugged;
    if (is_wanted && paddr + (PAGE_BYTES << order) <= VMEM_BALLOON_ADDRESS_LIMIT) {
        plugged_bytes += from_plugged ? PAGE_BYTES << order : 0;
        return paddr;
    }
    page_free(paddr, order);
    return PADDR_NONE;
}

static bool take_from(bool from_plugged, u64 max_bytes, struct vmem_range *taken)
{
    for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
        u64 bytes = PAGE_BYTES << order;
        if (bytes > max_bytes)
            continue;
        paddr_t paddr = take_page(order, from_plugged);
        if (paddr != PADDR_NONE) {
            *taken = (struct vmem_range){paddr, bytes};
            return true;
        }
    }
    return false;
}

static bool take(void *context, u64 max_bytes, struct vmem_range *taken)
{
    (void)context;
    return take_from(false, max_bytes, taken) ||
           (may_take_plugged && take_from(true, max_bytes, taken));
}

static void give_back(void *context, u64 base, u64 bytes)
{
    (void)context;
    was_given = true;
    plugged_bytes -= is_plugged(base) ? bytes : 0;
    page_free_run(base, bytes / PAGE_BYTES);
}

/* What is kept of boot RAM for the kernel and for growing is not there for a program. */
static void statistics(void *context, struct vmem_balloon_statistics *statistics)
{
    struct page_stats stats;
    (void)context;
    page_get_stats(&stats);
    u64 boot_free = stats.boot_frames - stats.boot_used;
    u64 kept = page_reserve.split_frames + page_reserve.growth_frames;
    u64 free_frames = boot_free + stats.plugged_frames - stats.plugged_used;
    *statistics = (struct vmem_balloon_statistics){
        .free_bytes = free_frames * PAGE_BYTES,
        .total_bytes = (stats.boot_frames + stats.plugged_frames) * PAGE_BYTES,
        .available_bytes = (free_frames - min_u64(kept, boot_free)) * PAGE_BYTES,
    };
}

static void give_idle(void *context, u64 base, u64 bytes, bool was_told)
{
    was_given = true;
    balloon_give_idle(context, base, bytes, was_told);
}

const struct vmem_balloon_ops balloon_memory_ops = {
    .take = take,
    .give_back = give_back,
    .statistics = statistics,
    .take_idle = balloon_take_idle,
    .give_idle = give_idle,
};

bool balloon_memory_was_given(void)
{
    bool was = was_given;
    was_given = false;
    return was;
}
