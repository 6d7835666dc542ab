/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator's start, and the totals. Boot RAM gets its metadata here,
 * bitmaps included, so that no frame of it ever needs more.
 */
#include "lib/panic.h"
#include "mm/account.h"
#include "mm/early.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug_internal.h"
#include "mm/metadata.h"
#include "mm/page_internal.h"
#include "mm/place.h"
#include "mm/reservation.h"

static u64 other_metadata_frames;

/* ---- where metadata's frames come from: early_alloc(), and then the allocator itself ---- */

static paddr_t alloc_early(void)
{
    return early_alloc(PAGE_BYTES);
}

static bool has_early(u64 nr_frames)
{
    (void)nr_frames;
    return true; /* early_alloc() does not return without memory */
}

static const struct metadata_source early_source = {
    .alloc = alloc_early,
    .has_above_reserve = has_early,
};
static const struct metadata_source own_source = {
    .alloc = place_boot_frame,
    .free = page_free_frame_locked,
    .has_above_reserve = place_above_reserve,
    .is_looked_at = reservation_points_into,
};

/* ---- the start ---- */

static void prepare_range(const struct early_range *range)
{
    paddr_t end = range->base + range->bytes;
    for (paddr_t at = range->base; at < end; at = align_down(at, SECTION_BYTES) + SECTION_BYTES) {
        bool made = metadata_need_sections(at, at + 1) && metadata_need_bitmap(section_lookup(at));
        ASSERT(made);
        section_lookup(at)->boot = true;
    }
    bool prepared = frames_prepare(range->base, range->bytes);
    ASSERT(prepared);
}

/* Each frame of metadata moves the front of a free range, so repeat until none is taken. */
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
    other_metadata_frames = 0;
    account_init();
    reservation_init();
    page_owner_init();
    page_node_init();
    hotplug_init(boot);
    free_index_init();
    metadata_init(&early_source);
    prepare_boot_ram();
    unsigned nr_ranges = early_finish(ranges);
    for (unsigned i = 0; i < nr_ranges; i++)
        frames_add(ranges[i].base, ranges[i].bytes);
    metadata_set_source(&own_source);
}

/* ---- totals ---- */

void page_account_metadata(i64 nr_frames)
{
    __atomic_fetch_add(&other_metadata_frames, (u64)nr_frames, __ATOMIC_RELAXED);
}

void page_get_stats(struct page_stats *stats)
{
    u64 others = __atomic_load_n(&other_metadata_frames, __ATOMIC_RELAXED);
    spin_lock(&page_lock);
    stats->boot_frames = account_managed[true];
    stats->boot_used = page_used(true);
    stats->plugged_frames = account_managed[false];
    stats->plugged_used = page_used(false);
    stats->metadata_bytes = (metadata_frames() + others) * PAGE_BYTES;
    spin_unlock(&page_lock);
}
