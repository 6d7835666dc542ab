/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index: from an address to its section, and from a class to its lowest
 * pageblock. A radix tree over the physical address space, 2^47 bytes:
 *
 *     root 4096 leaves -> node 256 sections (32 GiB) -> section 64 pageblocks -> pageblock 512
 * frames
 *
 * with a mask on each level for each class, so that a search reads one word
 * or four a level however much memory there is. A node is at most a frame, made
 * when the first section under it is, and stays.
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
 * What stands where there is nothing, so that a lookup need not ask on the way:
 * a node of nothing but the empty section, whose entries are all 0.
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

/* NULL where no memory is. Any context; a caller that frees holds the section in place. */
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

/* ---- all below with page_lock held ---- */

/* Forget everything. Boot only. */
void free_index_init(void);

/* True if there is a node over paddr; and give it a frame, contents undefined, to be one. */
bool free_index_has_node(paddr_t paddr);
void free_index_add_node(paddr_t paddr, struct radix_node *node);

/* The section at paddr appears, or goes (NULL). It is in no class then. */
void free_index_set_section(paddr_t paddr, struct section *section);

/* The section has its first pageblock in the class, or no more. */
void free_index_add(paddr_t section_base, unsigned class);
void free_index_remove(paddr_t section_base, unsigned class);

/* The first class from `first` to `last` that may have a pageblock, or NR_FREE_CLASSES. */
unsigned free_index_first_class(unsigned first, unsigned last);

/* The lowest pageblock in the class; false if there is none. */
bool free_index_find(unsigned class, struct pageblock *found);

/* The lowest pageblock in the class at or after `from`, a pageblock's base. */
bool free_index_find_from(unsigned class, paddr_t from, struct pageblock *found);

/* The lowest section at or after the one of `from`; NULL if there is none. For walks. */
struct section *free_index_next_section(paddr_t from);

#endif
