/* SPDX-License-Identifier: BSD-2-Clause */
/* See index.h. */
#include "mm/index.h"

#include "lib/bitmap.h"
#include "lib/string.h"

struct leaf *index_root[ROOT_LEAVES];
struct leaf index_empty_leaf;
struct group index_empty_group;

/* Bit i of a word: leaf (word, i) has a group in the category. */
static u64 leaves_with[NR_CATEGORIES][ROOT_LEAF_WORDS];

/* Bit i: leaves_with[category][i] is not 0. */
static u64 root_with[NR_CATEGORIES];

/* Bit i: root_with[i] is not 0. */
static u32 categories_with;
_Static_assert(NR_CATEGORIES <= 32, "the categories are one word");
_Static_assert(ROOT_LEAF_WORDS <= 64, "the top of the index is one word");

static void fill_leaf(struct leaf *leaf)
{
    memset(leaf->groups_with, 0, sizeof(leaf->groups_with));
    for (unsigned i = 0; i < LEAF_GROUPS; i++)
        leaf->groups[i] = &index_empty_group;
}

void index_init(void)
{
    fill_leaf(&index_empty_leaf);
    for (unsigned i = 0; i < ROOT_LEAVES; i++)
        index_root[i] = &index_empty_leaf;
    memset(leaves_with, 0, sizeof(leaves_with));
    memset(root_with, 0, sizeof(root_with));
    categories_with = 0;
}

bool index_has_leaf(paddr_t paddr)
{
    return index_root[paddr >> LEAF_SHIFT] != &index_empty_leaf;
}

void index_add_leaf(paddr_t paddr, struct leaf *leaf)
{
    fill_leaf(leaf);
    __atomic_store_n(&index_root[paddr >> LEAF_SHIFT], leaf, __ATOMIC_RELEASE);
}

void index_set_group(paddr_t paddr, struct group *group)
{
    struct group **place =
        &index_root[paddr >> LEAF_SHIFT]->groups[(paddr >> GROUP_SHIFT) % LEAF_GROUPS];
    __atomic_store_n(place, group ? group : &index_empty_group, __ATOMIC_RELEASE);
}

void index_add(paddr_t group_base, unsigned category)
{
    u64 leaf = group_base >> LEAF_SHIFT;
    u64 group = (group_base >> GROUP_SHIFT) % LEAF_GROUPS;
    index_root[leaf]->groups_with[category][group / 64] |= (u64)1 << group % 64;
    leaves_with[category][leaf / 64] |= (u64)1 << leaf % 64;
    root_with[category] |= (u64)1 << leaf / 64;
    categories_with |= 1u << category;
}

void index_remove(paddr_t group_base, unsigned category)
{
    u64 leaf = group_base >> LEAF_SHIFT;
    u64 group = (group_base >> GROUP_SHIFT) % LEAF_GROUPS;
    u64 *words = index_root[leaf]->groups_with[category];
    words[group / 64] &= ~((u64)1 << group % 64);
    if ((words[0] | words[1] | words[2] | words[3]) != 0)
        return;
    leaves_with[category][leaf / 64] &= ~((u64)1 << leaf % 64);
    if (leaves_with[category][leaf / 64] == 0)
        root_with[category] &= ~((u64)1 << leaf / 64);
    if (root_with[category] == 0)
        categories_with &= ~(1u << category);
}
_Static_assert(LEAF_GROUP_WORDS == 4, "index_remove() and index_find() read four words");

/*
 * The lowest area of a group that the index names. None, if it was the idle
 * areas and all have been claimed: then the index forgets the group. Who gives
 * the first one back tells the index again, after us.
 */
static bool lowest_in(unsigned category, u64 leaf, u64 number, struct area_ref *found)
{
    struct group *group = index_root[leaf]->groups[number];
    u64 areas = group_category(group, category);
    if (unlikely(areas == 0)) {
        index_remove(group->base, category);
        return false;
    }
    *found = (struct area_ref){group, (unsigned)__builtin_ctzll(areas)};
    return true;
}

unsigned index_first_category(unsigned first, unsigned last)
{
    u32 categories = categories_with & ~0u << first & ((2u << last) - 1);
    return categories ? (unsigned)__builtin_ctz(categories) : NR_CATEGORIES;
}

bool index_find(unsigned category, struct area_ref *found)
{
    for (u64 top; (top = root_with[category]) != 0;) {
        u64 word = (u64)__builtin_ctzll(top);
        u64 leaf = word * 64 + (u64)__builtin_ctzll(leaves_with[category][word]);
        const u64 *groups = index_root[leaf]->groups_with[category];
        u64 group = 0;
        while (*groups == 0) {
            groups++;
            group += 64;
        }
        if (lowest_in(category, leaf, group + (u64)__builtin_ctzll(*groups), found))
            return true;
    }
    return false;
}

bool index_find_from(unsigned category, paddr_t from, struct area_ref *found)
{
    struct group *first = index_group(from);
    u64 areas = first ? group_category(first, category) >> area_index(from) : 0;
    if (areas != 0) {
        *found = (struct area_ref){first, area_index(from) + (unsigned)__builtin_ctzll(areas)};
        return true;
    }
    u64 leaf = from >> LEAF_SHIFT;
    u64 group = (from >> GROUP_SHIFT) % LEAF_GROUPS + 1;
    while ((leaf = bitmap_find_set(leaves_with[category], ROOT_LEAVES, leaf)) < ROOT_LEAVES) {
        if (leaf != from >> LEAF_SHIFT)
            group = 0;
        const u64 *groups = index_root[leaf]->groups_with[category];
        while ((group = bitmap_find_set(groups, LEAF_GROUPS, group)) < LEAF_GROUPS) {
            if (lowest_in(category, leaf, group, found))
                return true;
            group++;
        }
        leaf++;
        from = 0;
    }
    return false;
}

struct group *index_next_group(paddr_t from)
{
    for (u64 leaf = from >> LEAF_SHIFT; leaf < ROOT_LEAVES; leaf++) {
        if (index_root[leaf] == &index_empty_leaf)
            continue;
        u64 group = leaf == from >> LEAF_SHIFT ? (from >> GROUP_SHIFT) % LEAF_GROUPS : 0;
        for (; group < LEAF_GROUPS; group++) {
            if (index_root[leaf]->groups[group] != &index_empty_group)
                return index_root[leaf]->groups[group];
        }
    }
    return NULL;
}
