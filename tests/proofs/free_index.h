/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For harnesses of the free index: any set of sections in one class, at the edges of the tree's
 * words and nodes, and any pageblocks that they have there.
 */
#ifndef TIDE_TESTS_PROOFS_FREE_INDEX_H
#define TIDE_TESTS_PROOFS_FREE_INDEX_H

#include "mm/free_index.h"
#undef ROOT_NODES
#define ROOT_NODES      128u
#define free_index_root proof_root /* a table of its own, of so few nodes */
#include "mm/free_index.c"
#include "tests/proofs/kernel.h"

#define NR_NODES    3u
#define NR_PLACES   6u
#define PROOF_CLASS FREE_MOVABLE
#define OTHER_CLASS FREE_IDLE_BOOT

typedef u32 places_t; /* a bit for each place, in the order of addresses */

static const u64 node_numbers[NR_NODES] = {0, 1, 64};
static const struct {
    unsigned node; /* of node_numbers[] */
    u64 section;   /* of its 256 */
} places[NR_PLACES] = {{0, 0}, {0, 255}, {1, 63}, {1, 64}, {2, 0}, {2, 128}};
static struct radix_node node_0, node_1, node_2; /* CBMC is slow with an array of them */
static struct radix_node *const nodes[NR_NODES] = {&node_0, &node_1, &node_2};
static struct section sections[NR_PLACES];
static u64 pageblocks[NR_PLACES]; /* of the class, in each section */

static paddr_t base_of(unsigned place)
{
    return node_numbers[places[place].node] << NODE_SHIFT | places[place].section << SECTION_SHIFT;
}

u64 proof_section_in_class(const struct section *section, unsigned class)
{
    PROVE(class == PROOF_CLASS);
    u64 found = 0;
    for (unsigned i = 0; i < NR_PLACES; i++)
        found |= section == &sections[i] ? pageblocks[i] : 0;
    return found;
}

/* section_at(), which the header has with its own table. */
struct section *proof_section_at(paddr_t paddr)
{
    for (unsigned i = 0; i < NR_PLACES; i++)
        if (paddr - base_of(i) < SECTION_BYTES)
            return &sections[i];
    return NULL;
}

/* The words of one node in one class, by the set. */
static u64 word_of(places_t set, unsigned node, unsigned word)
{
    u64 found = 0;
    for (unsigned i = 0; i < NR_PLACES; i++)
        if (places[i].node == node && places[i].section / 64 == word)
            found |= (u64)(set >> i & 1) << places[i].section % 64;
    return found;
}

static bool has_node(places_t set, unsigned node)
{
    return (set >> 2 * node & 3) != 0;
}

/* The index says of a class just what the set does, at each level. */
static bool is_index_of(places_t set, unsigned class)
{
    bool is_right = nodes_in[class][0] == (has_node(set, 0) | (u64)has_node(set, 1) << 1) &&
                    nodes_in[class][1] == has_node(set, 2) &&
                    root_in[class] == ((set & 15) != 0) + 2 * (u64)has_node(set, 2) &&
                    (classes_with >> class & 1) == (set != 0);
    for (unsigned i = 0; i < NR_NODES; i++)
        for (unsigned word = 0; word < NODE_SECTION_WORDS; word++)
            is_right &= nodes[i]->sections_in[class][word] == word_of(set, i, word);
    return is_right;
}

static void any_index(places_t set, unsigned class)
{
    for (unsigned i = 0; i < NR_NODES; i++)
        for (unsigned word = 0; word < NODE_SECTION_WORDS; word++)
            nodes[i]->sections_in[class][word] = word_of(set, i, word);
    nodes_in[class][0] = has_node(set, 0) | (u64)has_node(set, 1) << 1;
    nodes_in[class][1] = has_node(set, 2);
    root_in[class] = ((set & 15) != 0) + 2 * (u64)has_node(set, 2);
    classes_with |= (u64)(set != 0) << class;
}

/* What the proof of lowest_in() says, of a section that the index names: the place where it forgets
 * it, or NR_PLACES. */
static unsigned look_in(u64 node, u64 number, struct pageblock *found)
{
    for (unsigned i = 0; i < NR_PLACES; i++) {
        if (node != node_numbers[places[i].node] || number != places[i].section)
            continue;
        if (pageblocks[i] == 0)
            return i;
        *found = (struct pageblock){&sections[i], (unsigned)__builtin_ctzll(pageblocks[i])};
        return NR_PLACES;
    }
    PROVE(!"the index names a section that is not there");
    return NR_PLACES;
}

static places_t any_set(void)
{
    return nondet_u32() & ((1u << NR_PLACES) - 1);
}

/* The tree of all places. Each section that has pageblocks of the class is in the index. */
static void any_sections(places_t set)
{
    for (unsigned i = 0; i < NR_PLACES; i++) {
        pageblocks[i] = nondet_u64();
        ASSUME(pageblocks[i] == 0 || set >> i & 1);
        sections[i].base = base_of(i);
        nodes[places[i].node]->sections[places[i].section] = &sections[i];
    }
    for (unsigned i = 0; i < NR_NODES; i++)
        free_index_root[node_numbers[i]] = nodes[i];
}

#endif
