/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interface between a driver of pluggable memory and the page allocator.
 *
 * A driver adds its region once, brings blocks online that the device has plugged,
 * and takes idle blocks offline before the device unplugs them. mm knows nothing of
 * virtio, and neither reads nor writes the memory of a region, except for pages that
 * it is told to move.
 *
 * A block is absent (not mapped) or online (mapped; idle, or with frames in use).
 * All functions may be called on any processor, but not from an interrupt.
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

/* ---- regions ---- */

/*
 * Make [base, base + bytes) known to mm, all absent, cut into blocks of block_bytes.
 * `node_id` is for page_alloc_on_node(); `name` is for messages, and kept, not copied.
 *
 * E_INVAL if it is not whole blocks of whole pages; E_RANGE beyond
 * platform_paddr_limit() or 2^64; E_EXIST if it overlaps the boot map or another
 * region; E_NOMEM if there are too many. O(regions).
 */
must_check int hotplug_add_region(paddr_t base, u64 bytes, u64 block_bytes, u32 node_id,
                                  const char *name);

/* Forget the region; E_BUSY unless all of it is absent. O(regions). */
must_check int hotplug_remove_region(paddr_t base);

/* ---- coming and going; all of the range, or nothing has changed ---- */

/*
 * Map the blocks and give their frames to the allocator. E_RANGE if they are not
 * blocks of one region; E_EXIST if one is not absent; E_NOMEM without boot RAM for
 * page tables and metadata. O(page tables + sections), whatever the number of frames.
 */
must_check int hotplug_online(paddr_t base, u64 bytes);

/*
 * Take the blocks from the allocator and unmap them: after OK nothing can allocate
 * or touch them. E_RANGE as above; E_BUSY if a frame is in use; E_NOMEM if a page
 * table must be split or a pageblock becomes partial, and boot RAM has no frame for
 * that. Costs as hotplug_online().
 */
must_check int hotplug_offline(paddr_t base, u64 bytes);

/*
 * How many of `bytes` could come online in one run of the region at `base`, by the
 * boot RAM that is free for page tables and metadata. A lower bound; it leaves some
 * boot RAM for going offline. O(processors + region / 32 GiB).
 */
u64 hotplug_room(paddr_t base, u64 bytes);

/* ---- questions ---- */

/*
 * The first run of whole blocks in [from, to) that are online and idle, as long as
 * it goes; false if there is none. Blocks are counted from their region's base.
 * O(pageblocks / 64) for blocks of 2 MiB and more.
 */
bool hotplug_next_idle(paddr_t from, paddr_t to, struct hotplug_range *idle);

/* Frames in use in the range, which lies in one region, once mm's own bitmaps have left it if they
 * can. O(pageblocks). */
u64 hotplug_used_frames(paddr_t base, u64 bytes);

/* ---- migration ---- */

/* Granules by what they hold; each counts once, for the last of these. */
struct hotplug_pinned {
    u64 granule_bytes; /* a block, or the fewest that are whole pageblocks of 2 MiB together */
    u64 nr_idle;
    u64 nr_movable;  /* movable pages */
    u64 nr_failed;   /* movable pages, and the owner of one refused to let it be moved */
    u64 nr_user;     /* pages that cannot be moved */
    u64 nr_metadata; /* mm's own bitmaps, for want of boot RAM */
    u64 nr_failed_by[PAGE_OWNERS_MAX]; /* nr_failed, by the owner's number */
};

enum hotplug_try {
    HOTPLUG_FIRST_TRY, /* a new resize, or nothing else is left: any page may be moved */
    HOTPLUG_NEXT_TRY,  /* the same resize: a page that was moved in it is not moved again */
    HOTPLUG_SAME_TRY,  /* and an owner that refused is not asked for that pageblock again */
};

enum hotplug_phase {
    HOTPLUG_NO_SESSION,
    HOTPLUG_BEGUN,
    HOTPLUG_COUNTING_ROOM, /* the frames that are free for what is moved */
    HOTPLUG_COUNTING,      /* what the granules hold */
    HOTPLUG_CHOOSING,      /* isolating those with the fewest frames in use */
    HOTPLUG_MOVING,
};

#define HOTPLUG_NR_BUCKETS 256

/*
 * Empty blocks by moving their pages, for an unplug that finds too few idle blocks.
 * The session is its caller's: several, of different regions, go on side by side.
 *
 *     hotplug_migrate_begin(&session, from, to, nr_blocks, HOTPLUG_FIRST_TRY);
 *     while (still wanted && hotplug_migrate_step(&session, &range) != E_NODEV)
 *         ... look whether the requested size has changed ...
 *     while (hotplug_migrate_take(&session, bytes, &range) == OK)
 *         ... range is offline: unplug it ...
 *     hotplug_migrate_end(&session);
 *
 * Where a block is not a multiple of 2 MiB, blocks are emptied a granule at a time:
 * the fewest blocks that are whole pageblocks of 2 MiB together.
 */
struct hotplug_migration {
    enum hotplug_phase phase;
    paddr_t from, to; /* granules in [from, to) may be isolated; from == to: none is */
    u64 granule_bytes;
    u64 blocks_per_granule; /* 0: the blocks do not form granules, and none is chosen */
    paddr_t at;             /* choosing: the next one; moving: pageblocks of the granule from here
                               on have been worked on */
    /* Moving. */
    paddr_t granule; /* from here on all have been worked on: the isolated ones are empty */
    paddr_t taken;   /* no granule from here on is isolated */
    /* Choosing. */
    enum hotplug_try attempt;
    u64 nr_wanted;                    /* granules */
    u64 nr_chosen;                    /* granules; known when moving begins */
    u64 room_frames[2];               /* [1] boot RAM, [0] plugged */
    u32 nr_using[HOTPLUG_NR_BUCKETS]; /* how many can be emptied, by their frames in use */
    unsigned limit;                   /* of the buckets below all are chosen, */
    u64 nr_at_limit;                  /* and so many of this one */
    struct hotplug_pinned counted;
    struct hotplug_pinned pinned; /* as it was counted last; outlives the session */
};

/*
 * Begin to choose blocks in [from, to), of one region, in which all pages are movable: those with
 * the fewest frames in use, nr_blocks, but no more than can be emptied with the memory that is free
 * elsewhere. They are isolated: until the end nothing is allocated there, so no page is moved
 * twice. Ends the session that the struct held.
 */
void hotplug_migrate_begin(struct hotplug_migration *session, paddr_t from, paddr_t to,
                           u64 nr_blocks, enum hotplug_try attempt);

/*
 * One step: look at 4 GiB of those to choose from, or move the pages of at most one pageblock of a
 * chosen granule. OK: the granule *range is empty, and stays isolated. E_AGAIN: there is more to
 * do. E_BUSY: the owner refused, or E_NOMEM: there was no room; *range is isolated no more.
 * E_NODEV: none is left. Costs the copies.
 */
must_check int hotplug_migrate_step(struct hotplug_migration *session, struct hotplug_range *range);

/*
 * Take the highest run of emptied blocks offline, at most max_bytes of it; *range
 * names it. E_NODEV if there is none, or none so small, and always where a granule
 * is several blocks: those are idle after the end, as any other. E_BUSY and E_NOMEM
 * as hotplug_offline(); then they are isolated no more.
 */
must_check int hotplug_migrate_take(struct hotplug_migration *session, u64 max_bytes,
                                    struct hotplug_range *range);

/* Isolate nothing any more; session->pinned stays. Harmless without a session. */
void hotplug_migrate_end(struct hotplug_migration *session);

#endif
