/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index: from an address to its group, and from a category to its lowest
 * area. A radix tree over the physical address space, 2^47 bytes:
 *
 *     root 4096 leaves -> leaf 256 groups (32 GiB) -> group 64 areas -> area 512 frames
 *
 * with a mask on each level for each category, so that a search reads one word
 * or four a level however much memory there is. A leaf is at most a frame, made
 * when the first group under it is, and stays.
 */
#ifndef TIDE_MM_INDEX_H
#define TIDE_MM_INDEX_H

#include "mm/group.h"

#define LEAF_GROUPS      256u
#define LEAF_SHIFT       35
#define ROOT_LEAVES      4096u
#define INDEX_LIMIT      ((paddr_t)ROOT_LEAVES << LEAF_SHIFT)
#define LEAF_GROUP_WORDS (LEAF_GROUPS / 64)
#define ROOT_LEAF_WORDS  (ROOT_LEAVES / 64)

struct leaf {
    struct group *groups[LEAF_GROUPS];
    u64 groups_with[NR_CATEGORIES][LEAF_GROUP_WORDS];
};
_Static_assert(sizeof(struct leaf) <= PAGE_BYTES, "a leaf is one frame");

extern struct leaf *index_root[ROOT_LEAVES];

/*
 * What stands where there is nothing, so that a lookup need not ask on the way:
 * a leaf of nothing but the empty group, whose entries are all 0.
 */
extern struct leaf index_empty_leaf;
extern struct group index_empty_group;

/* The group at paddr below INDEX_LIMIT, or the empty one. Any context. */
static inline struct group *index_lookup(paddr_t paddr)
{
    const struct leaf *leaf = __atomic_load_n(&index_root[paddr >> LEAF_SHIFT], __ATOMIC_ACQUIRE);
    return __atomic_load_n(&leaf->groups[(paddr >> GROUP_SHIFT) % LEAF_GROUPS], __ATOMIC_ACQUIRE);
}

/* NULL where no memory is. Any context; a caller that frees holds the group in place. */
static inline struct group *index_group(paddr_t paddr)
{
    struct group *group = paddr < INDEX_LIMIT ? index_lookup(paddr) : &index_empty_group;
    return group != &index_empty_group ? group : NULL;
}

/* The area at paddr; its group is NULL where no memory is. As index_group(). */
static inline struct area_ref index_area(paddr_t paddr)
{
    return (struct area_ref){index_group(paddr), area_index(paddr)};
}

/* ---- all below with page_lock held ---- */

/* Forget everything. Boot only. */
void index_init(void);

/* True if there is a leaf over paddr; and give it a frame, contents undefined, to be one. */
bool index_has_leaf(paddr_t paddr);
void index_add_leaf(paddr_t paddr, struct leaf *leaf);

/* The group at paddr appears, or goes (NULL). It is in no category then. */
void index_set_group(paddr_t paddr, struct group *group);

/* The group has its first area in the category, or no more. */
void index_add(paddr_t group_base, unsigned category);
void index_remove(paddr_t group_base, unsigned category);

/* The first category from `first` to `last` that may have an area, or NR_CATEGORIES. */
unsigned index_first_category(unsigned first, unsigned last);

/* The lowest area in the category; false if there is none. */
bool index_find(unsigned category, struct area_ref *found);

/* The lowest area in the category at or after `from`, an area's base. */
bool index_find_from(unsigned category, paddr_t from, struct area_ref *found);

/* The lowest group at or after the one of `from`; NULL if there is none. For walks. */
struct group *index_next_group(paddr_t from);

#endif
