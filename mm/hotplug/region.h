/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The regions of pluggable memory: where they are, how they are cut into blocks,
 * and what is kept of boot RAM for them. Both hotplug_lock and page_lock are held
 * to change a region; either one is enough to read.
 */
#ifndef TIDE_MM_HOTPLUG_REGION_H
#define TIDE_MM_HOTPLUG_REGION_H

#include "mm/spinlock.h"

struct region {
    paddr_t base;
    u64 bytes; /* 0: unused */
    u64 block_bytes;
    u64 online_bytes;
    u32 node_id;
    const char *name;
};

/* One change of what is online at a time. Taken before page_lock. */
extern struct spinlock hotplug_lock;

/*
 * What is kept free of boot RAM, and for whom. Page tables of the identity map
 * and mm's own frames may take all of it.
 */
struct page_reserve {
    u64 split_frames;  /* PAGE_KERNEL leaves them, for tables that unmapping needs */
    u64 growth_frames; /* users leave them, and a pageblock more for the kernel: for the tables and
                          sections of memory that is still absent */
};
extern struct page_reserve page_reserve;

/* Frames of boot RAM that unmapping may need for page tables, while there is a region. */
#define SPLIT_FRAMES 32

/* No region. Boot only. */
void region_init(void);

/* Remember the region; E_NOMEM if there are too many. */
int region_add(const struct region *wanted);

/* Forget it. */
void region_remove(struct region *region);

/* What is online of the region has changed by so much. */
void region_count_online(struct region *region, u64 change);

/* The region that holds all of the range, or NULL. */
struct region *region_find(paddr_t base, u64 bytes);

/* The name of a region that shares a byte with the range, or NULL. */
const char *region_overlap(paddr_t base, u64 bytes);

/* The range of the node's next region at or after *number, which moves on; false at the end. */
bool region_next_on_node(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end);

/* ---- offline granules ---- */

/*
 * An offline granule is what is emptied at once: the fewest blocks that together
 * are whole pageblocks, counted from a pageblock's base. That is one block where a
 * block is a multiple of 2 MiB.
 */
struct granules {
    paddr_t from, to;
    u64 granule_bytes;
    u64 blocks_per_granule;
};

/* The granules within [from, to) of from's region; false if there is none. */
bool region_find_granules(paddr_t from, paddr_t to, struct granules *granules);

/* The granule that paddr lies in, [*from, *to); false if in none. */
bool region_find_granule(paddr_t paddr, paddr_t *from, paddr_t *to);

/* A region has granules of several pageblocks: then placement keeps movable and unmovable pages
 * apart by granule, not only by pageblock. */
extern bool region_has_large_granules;

#endif
