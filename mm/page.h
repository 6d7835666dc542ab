/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator: frames of 4 KiB from boot RAM and from plugged memory.
 *
 *     paddr_t page = page_alloc(0, PAGE_USER);   // one frame
 *     if (page == PADDR_NONE)
 *         return E_NOMEM;
 *     memset(phys_to_virt(page), 0, PAGE_BYTES);
 *     page_free(page, 0);
 *
 * A page of order n is 2^n contiguous frames, aligned to its own size; the largest
 * is a pageblock of 2 MiB. Longer runs are page_alloc_run()'s. The contents are
 * undefined: the allocator keeps its state elsewhere and neither reads nor writes
 * memory that nobody has allocated.
 *
 * All functions may be called on any processor and with any lock of the caller's,
 * but not from an interrupt. None sleeps.
 */
#ifndef TIDE_MM_PAGE_H
#define TIDE_MM_PAGE_H

#include "include/boot_info.h"
#include "include/types.h"

#define PAGE_ORDER_MAX 9

/* Boot only, once: start with the boot loader's RAM, less the kernel's image and what early_alloc()
 * gave out. */
void page_init(const struct boot_info *boot);

/* ---- pages that stay where they are ---- */

enum page_kind {
    PAGE_KERNEL,     /* boot RAM alone: what must never keep a block plugged, as rings and stacks */
    PAGE_BOOT_FIRST, /* boot RAM above the kernel's reserve, then plugged memory: a user's
                        bookkeeping, freed together with what it describes */
    PAGE_USER,       /* plugged memory, then boot RAM above the reserve */
    PAGE_NR_KINDS,
};

/* PADDR_NONE without such a page. O(1). */
must_check paddr_t page_alloc(unsigned order, enum page_kind kind);

/*
 * Free what page_alloc() gave, with the same order. A page that is not allocated,
 * was freed before or is not the allocator's is a fault of the caller, and panics
 * with its address. O(1).
 */
void page_free(paddr_t paddr, unsigned order);

/*
 * nr_frames contiguous frames, any number above 0, aligned to the largest power of
 * two up to 2 MiB that is not above the size; PADDR_NONE without such a run.
 * O(pageblocks searched), O(1) up to 1 MiB.
 */
must_check paddr_t page_alloc_run(u64 nr_frames, enum page_kind kind);
void page_free_run(paddr_t paddr, u64 nr_frames);

/*
 * One frame of boot RAM for a page table of the identity map, from the kernel's
 * reserve as well: such a table must not lie in memory that could be unplugged. Freed
 * by page_free(). PADDR_NONE when boot RAM is out. O(1).
 */
must_check paddr_t page_alloc_table(void);

/* Asked, if set, where no single frame is left: true if some were freed, to try again. */
extern bool (*page_reclaim)(void);

/* ---- movable pages ---- */

/*
 * An owner of movable pages: mm may ask it to let a page be moved, so its pages
 * never keep a block plugged. All of them have one order, which may change while the
 * owner has none. They share no pageblock with pages of others.
 */
struct page_owner {
    const char *name;
    unsigned order; /* 0 to PAGE_ORDER_MAX */
    /*
     * Copy the page at `from` to `to`, drop every reference to `from`, and return
     * true: mm frees `from`. Or refuse, false: mm frees `to`. An owner that has freed
     * `from` meanwhile must refuse. Called on the processor that unplugs; may allocate and
     * free, but not call mm/hotplug/hotplug.h.
     */
    bool (*move)(struct page_owner *owner, paddr_t from, paddr_t to);
    unsigned number; /* set by page_add_owner() */
    /*
     * Both NULL, or called before and after mm asks for the pages of a pageblock,
     * [base, base + 2 MiB), so that the owner can prepare for all of them at once.
     */
    void (*begin)(struct page_owner *owner, paddr_t base);
    void (*end)(struct page_owner *owner, paddr_t base);
};

#define PAGE_OWNERS_MAX 9

/* Each owner before its first page; it stays, and may be added again. E_INVAL for the order,
 * E_NOMEM if there are too many. */
must_check int page_add_owner(struct page_owner *owner);

/* The name of the owner with this number, counted from 0; NULL past the last. */
const char *page_owner_name(unsigned number);

/* A page of the owner's order, placed as PAGE_USER; page_free() frees it. O(1). */
must_check paddr_t page_alloc_movable(const struct page_owner *owner);

/* ---- nodes ---- */

/*
 * A page of the node, as PAGE_USER: of a hotplug region with this node_id, else of
 * the node's boot RAM. PADDR_NONE if none has room. O(regions).
 */
must_check paddr_t page_alloc_on_node(unsigned order, u32 node_id);

/*
 * Tell which boot RAM is of which node: a function that gives the node's next range
 * at or after *number, which moves on; false at the end. It is called with a lock of
 * mm held. Boot only. Until then all boot RAM is of node 0.
 */
typedef bool (*page_node_ranges_t)(u32 node_id, unsigned *number, paddr_t *base, paddr_t *end);
void page_set_node_ranges(page_node_ranges_t next);

/* ---- figures and tests ---- */

struct page_stats {
    u64 boot_frames;    /* of boot RAM that the allocator manages */
    u64 boot_used;      /* of them allocated */
    u64 plugged_frames; /* online in hotplug regions */
    u64 plugged_used;   /* of them allocated */
    u64 metadata_bytes; /* bookkeeping, which is among the used frames */
};

/* O(processors). */
void page_get_stats(struct page_stats *stats);

/* Count so many frames more, or fewer, as metadata: pages of a user that describe memory. O(1). */
void page_account_metadata(i64 nr_frames);

#endif
