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
#ifndef TIDE_MM_HOTPLUG_HOTPLUG_H
#define TIDE_MM_HOTPLUG_HOTPLUG_H

#include "include/types.h"
#include "mm/page.h"

#define HOTPLUG_REGIONS_MAX 32

struct hotplug_range {
    paddr_t base;
    u64 bytes;
};

/*
 * Make [base, base + bytes), cut into blocks of block_bytes, known to mm, all
 * absent. Allocates what metadata the absent region needs. E_EXIST if it
 * overlaps boot RAM, a reserved range of the boot map or another region;
 * E_RANGE beyond platform_paddr_limit() or on overflow; E_INVAL if it is not
 * whole blocks, counted from base, of whole pages; E_NOMEM. node_id is where allocations that ask
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
 * How much of `bytes` of absent memory, in one run of the region at `base`, boot RAM has room for:
 * for page tables and for what mm notes of it, both of which lie in boot RAM alone. A lower bound,
 * which leaves some boot RAM for taking memory offline. It grows when boot RAM is freed, as when
 * memory goes offline. O(processors + region / 32 GiB).
 */
u64 hotplug_room(paddr_t base, u64 bytes);

/*
 * Take the run from the allocator and unmap it: after OK nothing can allocate
 * or touch it. Every frame must be idle (else E_BUSY, nothing changes).
 * E_NOMEM if unmapping needs a table, or metadata cannot be had (nothing changes). Neither is
 * needed where the run ends at absent memory on both sides.
 */
must_check int hotplug_offline(paddr_t base, u64 bytes);

/*
 * The first maximal run of whole blocks at or after `from` and below `to`
 * that are online and idle, blocks being counted from their region's base. False
 * when there is none. O(pageblocks / 64) for large regions.
 */
bool hotplug_next_idle(paddr_t from, paddr_t to, struct hotplug_range *idle);

/* Frames in use in the range, which lies in one region. */
u64 hotplug_used_frames(paddr_t base, u64 bytes);

/*
 * Empty blocks by moving pages, for an unplug that finds too few idle blocks.
 * A session is its caller's: several, of different regions, go on side by side.
 *
 *     hotplug_migrate_begin(&session, from, to, nr_blocks, HOTPLUG_FIRST_TRY);
 *     while (still wanted && hotplug_migrate_step(&session, &range) != E_NODEV)
 *         ... look at the host's wish ...
 *     while (hotplug_migrate_take(&session, bytes, &range) == OK)
 *         ... range is offline: unplug it ...
 *     hotplug_migrate_end(&session);
 */
struct hotplug_migration {
    paddr_t from, to; /* granules in [from, to) may be closed; from == to: no session */
    paddr_t granule; /* granules at or above have been worked on: still closed are the empty ones */
    paddr_t at;      /* and of the one below, pageblocks at or above */
    paddr_t taken;   /* no granule at or above is closed */
    u64 granule_bytes; /* a block, or the fewest that are whole pageblocks of 2 MiB together */
    u64 blocks_per_granule;
};

enum hotplug_try {
    HOTPLUG_FIRST_TRY, /* a new resize: any page may be moved */
    HOTPLUG_NEXT_TRY,  /* what was moved in this resize is not moved again */
    HOTPLUG_SAME_TRY,  /* nor is what an owner refused asked for again */
};

/*
 * Choose those blocks in [from, to), of one region, that hold the fewest used
 * frames, all of them movable, and close them: until the end nothing is
 * allocated there, so no page is moved twice. As many as give nr_blocks, but no more
 * than can be emptied with the memory that is free elsewhere; returns how many. Ends
 * the session that the struct held. O(pageblocks of all memory).
 */
u64 hotplug_migrate_begin(struct hotplug_migration *session, paddr_t from, paddr_t to,
                          u64 nr_blocks, enum hotplug_try attempt);

/*
 * Move the pages of at most one pageblock of 2 MiB of one chosen block, which *range
 * names. OK: the block (or several, where one is not whole pageblocks) is empty now, and stays
 * closed. E_AGAIN: there is more to move in it. E_BUSY if the owner refused, E_NOMEM if
 * there was no room: the block is open again. E_NODEV when none is left. Costs the copies.
 */
must_check int hotplug_migrate_step(struct hotplug_migration *session, struct hotplug_range *range);

/*
 * Take the highest emptied blocks offline that lie together, at most max_bytes of
 * them: OK, and *range names them. E_NODEV when there is none (or none so small), and
 * always where a block is not whole pageblocks: after the end they are idle as any other.
 * E_BUSY and E_NOMEM as hotplug_offline(): then they are open again.
 */
must_check int hotplug_migrate_take(struct hotplug_migration *session, u64 max_bytes,
                                    struct hotplug_range *range);

/* Open what is still closed. Harmless without a session. */
void hotplug_migrate_end(struct hotplug_migration *session);

/* What keeps the blocks of a range from being unplugged: in how many is what. */
struct hotplug_pinned {
    u64 granule_bytes; /* of what is counted: a block, or a pageblock where a block is not whole
                          pageblocks */
    u64 nr_idle;       /* nothing keeps them */
    u64 nr_movable;    /* movable pages only, of which none was refused */
    u64 nr_failed;     /* the same, and the owner of one refused to let it be moved */
    u64 nr_user;       /* pages that stay where they are */
    u64 nr_metadata;   /* mm's own bitmaps, for want of boot RAM */
    u64 nr_failed_by[PAGE_OWNERS_MAX]; /* nr_failed, by the owner's number */
};

/* Each granule counts once, for the last of these that it holds. O(pageblocks). */
void hotplug_count_pinned(paddr_t from, paddr_t to, struct hotplug_pinned *pinned);

#endif
