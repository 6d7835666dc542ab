/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one door between a driver of pluggable memory and the page allocator.
 *
 * The driver registers its region once, then brings runs of plugged blocks
 * online and takes idle ones offline. "Plug" and "unplug" are what the device
 * does, "online" and "offline" what mm does. mm knows nothing of virtio.
 *
 * State of a block, seen from here: absent (not ours, not mapped) or online
 * (mapped; idle, or with frames in use). No function here reads or writes a
 * byte of the region itself, but for pages that mm is told to move.
 */
#ifndef TIDE_MM_HOTPLUG_H
#define TIDE_MM_HOTPLUG_H

#include "include/types.h"

#define HOTPLUG_REGIONS_MAX 32

struct hotplug_range {
    paddr_t base;
    u64 bytes;
};

/*
 * Make [base, base + bytes), cut into blocks of block_bytes, known to mm, all
 * absent. Allocates what metadata the absent region needs. E_EXIST if it
 * overlaps boot RAM, a reserved range of the boot map or another region;
 * E_RANGE beyond platform_paddr_limit() or on overflow; E_INVAL if unaligned
 * to a page or to block_bytes; E_NOMEM. node_id is where allocations that ask
 * for a node look. name is kept, not copied.
 */
must_check int hotplug_add_region(paddr_t base, u64 bytes, u64 block_bytes, u32 node_id,
                                  const char *name);

/* Forget a region with every block absent; E_BUSY otherwise. */
must_check int hotplug_remove_region(paddr_t base);

/*
 * Map the run and give its frames to the allocator. All of it must be absent
 * (else E_EXIST, nothing changes); E_NOMEM if a table or metadata cannot be
 * had (nothing changes). Costs O(runs and tables), not O(frames).
 */
must_check int hotplug_online(paddr_t base, u64 bytes);

/*
 * Take the run from the allocator and unmap it: after OK nothing can allocate
 * or touch it. Every frame must be idle (else E_BUSY, nothing changes).
 * E_NOMEM if unmapping needs a table (nothing changes).
 */
must_check int hotplug_offline(paddr_t base, u64 bytes);

/*
 * The first maximal run of whole blocks at or after `from` and below `to`
 * that are online and idle, both ends block aligned in their region. False
 * when there is none. O(areas / 64) for large regions.
 */
bool hotplug_next_idle(paddr_t from, paddr_t to, struct hotplug_range *idle);

/* Frames in use in the range, which lies in one region. */
u64 hotplug_used_frames(paddr_t base, u64 bytes);

/*
 * Empty blocks by moving pages, for an unplug that finds too few idle blocks:
 *
 *     hotplug_evacuate_begin(from, to, nr_blocks);
 *     while (still wanted && hotplug_evacuate_next(&range) != E_AGAIN)
 *         ... if OK: range is offline, unplug it ...
 *     hotplug_evacuate_end();
 *
 * begin chooses those blocks in [from, to), of one region, that hold the fewest
 * used frames, all of them movable, and closes them: until the end nothing is
 * allocated there, so no page is moved twice. At most as many are chosen as
 * give nr_blocks; returns how many that is. O(areas of the range).
 */
u64 hotplug_evacuate_begin(paddr_t from, paddr_t to, u64 nr_blocks);

/*
 * Move the pages of one chosen block (of several, where an area has several)
 * elsewhere and take it offline: OK. E_BUSY if an owner refused, E_NOMEM if
 * there was no room or no table: the block is open again, and *range names it.
 * E_AGAIN when none is left. Costs the copies.
 */
must_check int hotplug_evacuate_next(struct hotplug_range *range);

/* Open what is still closed. Must follow each begin; harmless otherwise. */
void hotplug_evacuate_end(void);

/* Why the blocks of a range cannot be unplugged now: how many are in each case. */
struct hotplug_pinned {
    u64 nr_idle;     /* nothing keeps them */
    u64 nr_movable;  /* in use, and hotplug_evacuate_begin() could choose them */
    u64 nr_fixed;    /* hold pages of the kernel or of PAGE_USER */
    u64 nr_metadata; /* hold mm's own bitmaps, for want of boot RAM */
};

/* Counts online blocks, or areas where a block is smaller. O(areas). */
void hotplug_count_pinned(paddr_t from, paddr_t to, struct hotplug_pinned *pinned);

#endif
