/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator's start, and the totals. Boot RAM gets its metadata here,
 * bitmaps included, so that what comes later can be had from boot RAM without
 * needing more.
 */
#include "extras/vm/heap.h"
#include "extras/vm/vm.h"
#include "include/extra.h"
#include "lib/panic.h"
#include "mm/early.h"
#include "mm/frames.h"
#include "mm/index.h"
#include "mm/meta.h"
#include "mm/page_internal.h"

const struct boot_info *page_boot;

u64 page_total[2];
u64 page_charged[2];

/* early_alloc() does not return without memory, and then there is metadata. */
static void prepare_range(const struct early_range *range)
{
    paddr_t end = range->base + range->bytes;
    for (paddr_t at = range->base; at < end; at = align_down(at, GROUP_BYTES) + GROUP_BYTES) {
        struct group *group = meta_get_group(at);
        bool made = group && meta_need_bitmap(group);
        ASSERT(made);
        group->boot = true;
    }
    bool prepared = frames_prepare(range->base, range->bytes);
    ASSERT(prepared);
}

/* Taking the metadata moves the front of a free range: again until it stays. */
static void prepare_boot_ram(void)
{
    u64 frames_before;
    do {
        unsigned nr_ranges;
        const struct early_range *ranges = early_ranges(&nr_ranges);
        frames_before = meta_frames();
        for (unsigned i = 0; i < nr_ranges; i++) {
            if (ranges[i].bytes != 0)
                prepare_range(&ranges[i]);
        }
    } while (meta_frames() != frames_before);
}

void page_init(const struct boot_info *boot)
{
    struct early_range ranges[EARLY_RANGES_MAX];
    page_boot = boot;
    page_total[false] = page_total[true] = 0;
    page_charged[false] = page_charged[true] = 0;
    hold_init();
    EXTRAS_CALL(page_init);
    movable_init();
    heap_init();
    hotplug_init();
    index_init();
    meta_init();
    prepare_boot_ram();
    unsigned nr_ranges = early_finish(ranges);
    for (unsigned i = 0; i < nr_ranges; i++)
        frames_add(ranges[i].base, ranges[i].bytes);
    meta_end_early();
}

void page_get_stats(struct page_stats *stats)
{
    spin_lock(&page_lock);
    stats->boot_frames = page_total[true];
    stats->boot_used = page_used(true);
    stats->plugged_frames = page_total[false];
    stats->plugged_used = page_used(false);
    stats->metadata_bytes = meta_frames() * PAGE_BYTES + vm_metadata_bytes();
    spin_unlock(&page_lock);
}
