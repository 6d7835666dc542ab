/* SPDX-License-Identifier: BSD-2-Clause */
/* See free_index.h. */
#include "mm/free_index.h"

#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/pageblock_place.h"

struct spinlock page_lock;
not_cleared struct radix_node *free_index_root[ROOT_NODES];
struct radix_node free_index_empty_node;
struct section free_index_empty_section;

/* Bit i of word w: node 64 w + i has a section in the class. */
not_cleared static u64 nodes_in[NR_FREE_CLASSES][ROOT_NODE_WORDS];

/* Bit i: nodes_in[class][i] is not 0. */
static u64 root_in[NR_FREE_CLASSES];

/* Bit i: root_in[i] is not 0. */
static u64 classes_with;
_Static_assert(NR_FREE_CLASSES <= 64, "the classes are one word");
_Static_assert(ROOT_NODE_WORDS <= 64, "the top of the index is one word");

static void fill_node(struct radix_node *node)
{
    memset(node->sections_in, 0, sizeof(node->sections_in));
    for (unsigned i = 0; i < NODE_SECTIONS; i++)
        node->sections[i] = &free_index_empty_section;
}

void free_index_init(void)
{
    fill_node(&free_index_empty_node);
    for (unsigned i = 0; i < ROOT_NODES; i++)
        free_index_root[i] = &free_index_empty_node;
    memset(nodes_in, 0, sizeof(nodes_in));
    memset(root_in, 0, sizeof(root_in));
    classes_with = 0;
}

void free_index_add_node(paddr_t paddr, struct radix_node *node)
{
    fill_node(node);
    __atomic_store_n(&free_index_root[paddr >> NODE_SHIFT], node, __ATOMIC_RELEASE);
}

struct radix_node *free_index_take_empty_node(paddr_t paddr)
{
    struct radix_node *node = free_index_root[paddr >> NODE_SHIFT];
    if (node == &free_index_empty_node)
        return NULL;
    for (unsigned i = 0; i < NODE_SECTIONS; i++) {
        if (node->sections[i] != &free_index_empty_section)
            return NULL;
    }
    __atomic_store_n(&free_index_root[paddr >> NODE_SHIFT], &free_index_empty_node,
                     __ATOMIC_RELEASE);
    return node;
}

static never_inline void add_above(u64 node, unsigned class)
{
    nodes_in[class][node / 64] |= (u64)1 << node % 64;
    root_in[class] |= (u64)1 << node / 64;
    classes_with |= (u64)1 << class;
}

void free_index_add(paddr_t section_base, unsigned class)
{
    u64 node = section_base >> NODE_SHIFT;
    u64 section = (section_base >> SECTION_SHIFT) % NODE_SECTIONS;
    u64 *word = &free_index_root[node]->sections_in[class][section / 64];
    u64 before = *word;
    *word = before | (u64)1 << section % 64;
    if (before == 0) /* else the levels above know of it */
        add_above(node, class);
}

void free_index_remove(paddr_t section_base, unsigned class)
{
    u64 node = section_base >> NODE_SHIFT;
    u64 section = (section_base >> SECTION_SHIFT) % NODE_SECTIONS;
    u64 *words = free_index_root[node]->sections_in[class];
    words[section / 64] &= ~((u64)1 << section % 64);
    if ((words[0] | words[1] | words[2] | words[3]) != 0)
        return;
    nodes_in[class][node / 64] &= ~((u64)1 << node % 64);
    if (nodes_in[class][node / 64] == 0)
        root_in[class] &= ~((u64)1 << node / 64);
    if (root_in[class] == 0)
        classes_with &= ~((u64)1 << class);
}
_Static_assert(NODE_SECTION_WORDS == 4,
               "free_index_remove() and free_index_find() read four words");

void section_add_idle(struct section *section, u64 mask)
{
    __atomic_or_fetch(&section->idle, mask, __ATOMIC_ACQ_REL);
    free_index_add(section->base, section->boot ? FREE_IDLE_BOOT : FREE_IDLE_PLUGGED);
}

static u64 of_order(const struct section *section, unsigned quarters, unsigned order)
{
    return section_on_list(section, FREE_LIST_TOP) & ~section->movable &
           section_with_number(section->orders, ORDER_BITS, order) &
           section_with_number(section->free_quarters, QUARTER_BITS, quarters);
}

u64 section_in_class(const struct section *section, unsigned class)
{
    if (class >= FREE_MOVABLE)
        return section_on_list(section, class - FREE_MOVABLE) & section->movable;
    bool of_boot = class == FREE_IDLE_BOOT || class >= FREE_UNMOVABLE_BOOT;
    if (of_boot != section->boot)
        return 0;
    if (class >= FREE_UNMOVABLE_BOOT)
        return section_on_list(section, class - FREE_UNMOVABLE_BOOT) & ~section->movable;
    if (class >= FREE_ORDER_PLUGGED)
        return of_order(section, (class - FREE_ORDER_PLUGGED) / NR_ORDERS,
                        (class - FREE_ORDER_PLUGGED) % NR_ORDERS);
    if (class >= FREE_BOUNDED_PLUGGED)
        return section_on_list(section, class - FREE_BOUNDED_PLUGGED) & ~section->movable;
    return section_idle(section);
}

/*
 * The lowest pageblock of a section that the index names. There is none if all
 * idle pageblocks have been claimed without page_lock: then the index forgets the
 * section, and the processor that returns the first one adds it again.
 */
static bool lowest_in(unsigned class, u64 node, u64 number, struct pageblock *found)
{
    struct section *section = free_index_root[node]->sections[number];
    u64 pageblocks = section_in_class(section, class);
    if (unlikely(pageblocks == 0)) {
        free_index_remove(section->base, class);
        return false;
    }
    *found = (struct pageblock){section, (unsigned)__builtin_ctzll(pageblocks)};
    return true;
}

unsigned free_index_first_class(u64 classes)
{
    classes &= classes_with;
    return classes ? (unsigned)__builtin_ctzll(classes) : NR_FREE_CLASSES;
}

bool free_index_find(unsigned class, struct pageblock *found)
{
    for (u64 top; (top = root_in[class]) != 0;) {
        u64 word = (u64)__builtin_ctzll(top);
        u64 node = word * 64 + (u64)__builtin_ctzll(nodes_in[class][word]);
        const u64 *sections = free_index_root[node]->sections_in[class];
        u64 section = 0;
        while (*sections == 0) {
            sections++;
            section += 64;
        }
        if (lowest_in(class, node, section + (u64)__builtin_ctzll(*sections), found))
            return true;
    }
    return false;
}

bool free_index_find_from(unsigned class, paddr_t from, struct pageblock *found)
{
    struct section *first = section_at(from);
    u64 pageblocks = first ? section_in_class(first, class) >> pageblock_index(from) : 0;
    if (pageblocks != 0) {
        *found = (struct pageblock){first,
                                    pageblock_index(from) + (unsigned)__builtin_ctzll(pageblocks)};
        return true;
    }
    u64 node = from >> NODE_SHIFT;
    u64 section = (from >> SECTION_SHIFT) % NODE_SECTIONS + 1;
    while ((node = bitmap_find_set(nodes_in[class], ROOT_NODES, node)) < ROOT_NODES) {
        if (node != from >> NODE_SHIFT)
            section = 0;
        const u64 *sections = free_index_root[node]->sections_in[class];
        while ((section = bitmap_find_set(sections, NODE_SECTIONS, section)) < NODE_SECTIONS) {
            if (lowest_in(class, node, section, found))
                return true;
            section++;
        }
        node++;
        from = 0;
    }
    return false;
}

struct section *free_index_next_section(paddr_t from)
{
    for (u64 node = from >> NODE_SHIFT; node < ROOT_NODES; node++) {
        if (free_index_root[node] == &free_index_empty_node)
            continue;
        u64 section = node == from >> NODE_SHIFT ? (from >> SECTION_SHIFT) % NODE_SECTIONS : 0;
        for (; section < NODE_SECTIONS; section++) {
            if (free_index_root[node]->sections[section] != &free_index_empty_section)
                return free_index_root[node]->sections[section];
        }
    }
    return NULL;
}
