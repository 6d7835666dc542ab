/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator's start, and the totals. Boot RAM gets its metadata here,
 * bitmaps included, so that what comes later can be had from boot RAM without
 * needing more.
 */
#include "extras/numa/node.h"
#include "extras/vm/heap.h"
#include "extras/vm/vm.h"
#include "lib/panic.h"
#include "mm/early.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/metadata.h"
#include "mm/page_internal.h"
#include "mm/watermark.h"

const struct boot_info *page_boot;

u64 account_managed[2];
u64 account_used[2];

/* early_alloc() does not return without memory, and then there is metadata. */
static void prepare_range(const struct early_range *range)
{
    paddr_t end = range->base + range->bytes;
    for (paddr_t at = range->base; at < end; at = align_down(at, SECTION_BYTES) + SECTION_BYTES) {
        struct section *section = metadata_get_section(at);
        bool made = section && metadata_need_bitmap(section);
        ASSERT(made);
        section->boot = true;
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
        frames_before = metadata_frames();
        for (unsigned i = 0; i < nr_ranges; i++) {
            if (ranges[i].bytes != 0)
                prepare_range(&ranges[i]);
        }
    } while (metadata_frames() != frames_before);
}

void page_init(const struct boot_info *boot)
{
    struct early_range ranges[EARLY_RANGES_MAX];
    page_boot = boot;
    account_managed[false] = account_managed[true] = 0;
    account_used[false] = account_used[true] = 0;
    reservation_init();
    node_init();
    page_owner_init();
    watermark_init();
    heap_init();
    hotplug_init();
    free_index_init();
    metadata_init();
    prepare_boot_ram();
    unsigned nr_ranges = early_finish(ranges);
    for (unsigned i = 0; i < nr_ranges; i++)
        frames_add(ranges[i].base, ranges[i].bytes);
    metadata_end_early();
}

void page_get_stats(struct page_stats *stats)
{
    spin_lock(&page_lock);
    stats->boot_frames = account_managed[true];
    stats->boot_used = page_used(true);
    stats->plugged_frames = account_managed[false];
    stats->plugged_used = page_used(false);
    stats->metadata_bytes = metadata_frames() * PAGE_BYTES + vm_metadata_bytes();
    spin_unlock(&page_lock);
}
