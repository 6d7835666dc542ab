/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator: frames of 4 KiB from boot RAM and from plugged memory.
 *
 * An allocation is a run of 2^order frames, aligned to its own size, orders 0
 * to PAGE_ORDER_MAX (2 MiB, an "area"), or a longer run of whole frames. Its
 * state lies outside the frames: memory that nobody allocated is never read
 * or written. A page comes with undefined contents.
 */
#ifndef TIDE_MM_PAGE_H
#define TIDE_MM_PAGE_H

#include "include/boot_info.h"
#include "include/types.h"

#define PAGE_ORDER_MAX 9

/* Where an allocation is placed, and so what it may keep from being unplugged. */
enum page_kind {
    PAGE_KERNEL, /* boot RAM alone, so that it never keeps a block plugged: rings, stacks, heap */
    PAGE_BOOT_FIRST, /* what a user of memory notes about it, and frees with it: boot RAM above the
                        kernel's reserve first, plugged memory when that is out */
    PAGE_USER,       /* plugged memory first, boot RAM above the reserve when that is out */
    PAGE_NR_KINDS,
};

struct page_stats {
    u64 boot_frames;    /* managed in boot RAM */
    u64 boot_used;      /* of them allocated */
    u64 plugged_frames; /* online in hotplug regions */
    u64 plugged_used;   /* of them allocated */
    u64 metadata_bytes; /* what the allocator itself has of the used frames */
};

/*
 * Start with the boot loader's RAM, less the kernel's image and what
 * early_alloc() gave out. Boot only, once.
 */
void page_init(const struct boot_info *boot);

/* PADDR_NONE if there is no such run. Never sleeps; any processor, not from an interrupt. O(1). */
must_check paddr_t page_alloc(unsigned order, enum page_kind kind);

/*
 * One frame of boot RAM for a page table that maps memory where it is. Such a table lies in no
 * memory that could be unplugged, least of all in what it maps; the reserve is kept for it.
 * PADDR_NONE when boot RAM is out. Freed as any other. O(1).
 */
must_check paddr_t page_alloc_table(void);

/*
 * Return what page_alloc() gave, with the same order. A frame that is not
 * allocated, was freed before, or is not ours, panics with its address: that
 * is a fault of the caller, and memory would be used twice.
 */
void page_free(paddr_t paddr, unsigned order);

/*
 * nr_frames contiguous frames, any number above 0, aligned to the largest
 * power of two up to 2 MiB that is not above the size. O(areas searched).
 */
must_check paddr_t page_alloc_run(u64 nr_frames, enum page_kind kind);
void page_free_run(paddr_t paddr, u64 nr_frames);

/*
 * Movable pages: memory that mm may ask to be moved, so that it never keeps a
 * block from being unplugged. All pages of an owner have one order, which may
 * change while it has none, and areas of 2 MiB to themselves.
 */
struct page_owner {
    const char *name;
    unsigned order; /* 0 to PAGE_ORDER_MAX */
    /*
     * Copy the page at `from` to `to` and let go of every reference to `from`:
     * true, and mm frees `from`. Or refuse: false, and mm frees `to`. Called
     * from the processor that unplugs; may allocate and free, but not call
     * mm/hotplug/hotplug.h. The owner may have freed `from` meanwhile, and must refuse.
     */
    bool (*move)(struct page_owner *owner, paddr_t from, paddr_t to);
    unsigned number; /* mm's */
    /*
     * NULL, or told before and after mm asks for the pages of [area, area + 2 MiB), so that the
     * owner can prepare them all at once.
     */
    void (*begin)(struct page_owner *owner, paddr_t area);
    void (*end)(struct page_owner *owner, paddr_t area);
};

#define PAGE_OWNERS_MAX 9

/* Each owner before its first page; it stays, and may be added again. E_INVAL for the order,
 * E_NOMEM when there are too many. */
must_check int page_add_owner(struct page_owner *owner);

/* What the owner with this number is called; NULL past the last. Owners are numbered from 0. */
const char *page_owner_name(unsigned number);

/* As page_alloc(); freed by page_free() with the owner's order. */
must_check paddr_t page_alloc_movable(const struct page_owner *owner);

/*
 * A page of this node, as PAGE_USER: of a hotplug region with this node_id, else of the boot RAM
 * that firmware says is the node's, above the kernel's reserve. PADDR_NONE if none has room. Freed
 * as any other. Takes the common lock. O(regions).
 */
must_check paddr_t page_alloc_on_node(unsigned order, u32 node_id);

/* Totals at this moment. O(1) or O(regions). */
void page_get_stats(struct page_stats *stats);

/* Recompute every counter from scratch and panic at the first that is wrong. O(areas). For tests.
 */
void page_check(void);

#endif
