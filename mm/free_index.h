/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The free index: a radix tree over the physical address space, 2^47 bytes. It
 * leads from an address to its section, and from a class to its lowest pageblock:
 *
 *     root, 4096 nodes -> node, 256 sections (32 GiB) -> section, 64 pageblocks
 *
 * Each level has a mask for each class, so a search reads one to four words a
 * level however much memory there is. A node is a frame at most; it is made with
 * the first section under it, and stays.
 */
#ifndef TIDE_MM_FREE_INDEX_H
#define TIDE_MM_FREE_INDEX_H

#include "mm/section.h"

#define NODE_SECTIONS      256u
#define NODE_SHIFT         35
#define ROOT_NODES         4096u
#define FREE_INDEX_LIMIT   ((paddr_t)ROOT_NODES << NODE_SHIFT)
#define NODE_SECTION_WORDS (NODE_SECTIONS / 64)
#define ROOT_NODE_WORDS    (ROOT_NODES / 64)

struct radix_node {
    struct section *sections[NODE_SECTIONS];
    u64 sections_in[NR_FREE_CLASSES][NODE_SECTION_WORDS];
};
_Static_assert(sizeof(struct radix_node) <= PAGE_BYTES, "a node is one frame");

extern struct radix_node *free_index_root[ROOT_NODES];

/*
 * They stand where there is no memory, so that a lookup needs no test on the way:
 * a node of empty sections, and a section whose entries are all 0.
 */
extern struct radix_node free_index_empty_node;
extern struct section free_index_empty_section;

/* The section at paddr below FREE_INDEX_LIMIT, or the empty one. Any context. */
static inline struct section *section_lookup(paddr_t paddr)
{
    const struct radix_node *node =
        __atomic_load_n(&free_index_root[paddr >> NODE_SHIFT], __ATOMIC_ACQUIRE);
    return __atomic_load_n(&node->sections[(paddr >> SECTION_SHIFT) % NODE_SECTIONS],
                           __ATOMIC_ACQUIRE);
}

/* NULL where no memory is. Any context. */
static inline struct section *section_at(paddr_t paddr)
{
    struct section *section =
        paddr < FREE_INDEX_LIMIT ? section_lookup(paddr) : &free_index_empty_section;
    return section != &free_index_empty_section ? section : NULL;
}

/* The pageblock at paddr; its section is NULL where no memory is. As section_at(). */
static inline struct pageblock pageblock_at(paddr_t paddr)
{
    return (struct pageblock){section_at(paddr), pageblock_index(paddr)};
}

/* ---- page_lock held ---- */

/* Forget everything. Boot only. */
void free_index_init(void);

/* True if there is a node for paddr; and make one of a frame, contents undefined. */
static inline bool free_index_has_node(paddr_t paddr)
{
    return free_index_root[paddr >> NODE_SHIFT] != &free_index_empty_node;
}
void free_index_add_node(paddr_t paddr, struct radix_node *node);

/* The node of paddr, no longer in the tree, if it holds no section; else NULL. */
struct radix_node *free_index_take_empty_node(paddr_t paddr);

/* Set the section at paddr, which is in no class; the empty one: none. */
static inline void free_index_set_section(paddr_t paddr, struct section *section)
{
    struct radix_node *node = free_index_root[paddr >> NODE_SHIFT];
    __atomic_store_n(&node->sections[(paddr >> SECTION_SHIFT) % NODE_SECTIONS], section,
                     __ATOMIC_RELEASE);
}

/* The section got its first pageblock in the class, or lost its last. */
void free_index_add(paddr_t section_base, unsigned class);
void free_index_remove(paddr_t section_base, unsigned class);

/* Make the pageblocks in `mask` idle. */
void section_add_idle(struct section *section, u64 mask);

/* The pageblocks of the section that are in the class. */
u64 section_in_class(const struct section *section, unsigned class);

/* The first class of the mask that may have a pageblock, or NR_FREE_CLASSES. */
unsigned free_index_first_class(u64 classes);

/* The lowest pageblock in the class; false if there is none. */
bool free_index_find(unsigned class, struct pageblock *found);

/* The same at or after `from`, a pageblock's base. */
bool free_index_find_from(unsigned class, paddr_t from, struct pageblock *found);

/* The lowest section at or after the one of `from`; NULL if there is none. */
struct section *free_index_next_section(paddr_t from);

#endif
