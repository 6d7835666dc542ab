/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Poison. Built with DEBUG=1: each way to allocate finds what was written to a
 * page after it was freed, and nothing that nobody had is touched. Built
 * without: freed pages stay as they are.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "extras/check/poison.h"
#include "include/status.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE FAKE_REGION_BASE
#define REGION      (256 * MIB)
#define NODE        3

static struct boot_info boot;
static struct page_owner owner;

static void *back_region(void)
{
    return mmap(phys_to_virt(REGION_BASE), REGION, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static void setup(void)
{
    fake_mm_start(&boot, 16 * MIB);
    assert_ptr_equal(back_region(), phys_to_virt(REGION_BASE));
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, 2 * MIB, NODE, "poison"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
    owner = (struct page_owner){.name = "owner", .order = 2};
    assert_int_equal(page_add_owner(&owner), OK);
}

static void teardown(void)
{
    fake_unback(REGION_BASE, REGION);
    fake_shutdown();
}

static u64 *word_at(paddr_t paddr, u64 offset)
{
    return phys_to_virt(paddr + offset);
}

#ifdef TIDE_DEBUG

/* Frames of the region that the host has had to back. */
static u64 nr_backed(void)
{
    static unsigned char backed[REGION / PAGE_BYTES];
    u64 count = 0;
    assert_int_equal(mincore(phys_to_virt(REGION_BASE), REGION, backed), 0);
    for (u64 i = 0; i < REGION / PAGE_BYTES; i++)
        count += backed[i] & 1;
    return count;
}

static paddr_t alloc_user(unsigned order)
{
    return page_alloc(order, PAGE_USER);
}

static paddr_t alloc_kernel(unsigned order)
{
    return page_alloc(order, PAGE_KERNEL);
}

static paddr_t alloc_movable(unsigned order)
{
    (void)order;
    return page_alloc_movable(&owner);
}

static paddr_t alloc_on_node(unsigned order)
{
    return page_alloc_on_node(order, NODE);
}

static paddr_t alloc_run(unsigned order)
{
    return page_alloc_run((u64)1 << order, PAGE_USER);
}

static const struct way {
    paddr_t (*alloc)(unsigned order);
    unsigned order;
} ways[] = {
    {alloc_user, 0},    {alloc_user, 3},    {alloc_user, 9}, {alloc_kernel, 0}, {alloc_movable, 2},
    {alloc_on_node, 0}, {alloc_on_node, 9}, {alloc_run, 2},  {alloc_run, 9},    {alloc_run, 10},
};

static void free_way(const struct way *way, paddr_t paddr)
{
    page_free_run(paddr, (u64)1 << way->order);
}

/* A write to the last frame, near its end; the message has all that there is to say. */
TEST_WITH(every_way_to_allocate_looks, setup, teardown)
{
    for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
        const struct way *way = &ways[i];
        u64 last = (PAGE_BYTES << way->order) - PAGE_BYTES;
        char expected[200];
        paddr_t paddr = way->alloc(way->order);
        assert_true(paddr != PADDR_NONE);
        free_way(way, paddr);
        assert_true(*word_at(paddr, 0) == POISON_WORD);
        assert_true(*word_at(paddr, last + PAGE_BYTES - 8) == POISON_WORD);
        paddr_t again = way->alloc(way->order);
        assert_int_equal(again, paddr);
        free_way(way, paddr);
        *word_at(paddr, last + 0xff0) = 0x5eed;
        snprintf(expected, sizeof(expected),
                 "page_alloc: 0x%llx was written to after it was freed: 0x5eed at offset 0xff0, "
                 "expected 0x%llx",
                 (unsigned long long)(paddr + last), (unsigned long long)POISON_WORD);
        assert_panics(again = way->alloc(way->order), expected);
        teardown();
        setup();
    }
}

TEST_WITH(what_nobody_had_is_not_touched, setup, teardown)
{
    assert_int_equal(nr_backed(), 0);
    paddr_t run = page_alloc_run(3, PAGE_USER);
    paddr_t single = page_alloc(0, PAGE_USER);
    assert_int_equal(nr_backed(), 0);
    page_free_run(run, 3);
    assert_int_equal(nr_backed(), 3);
    page_free(single, 0);
    assert_int_equal(nr_backed(), 4);
    assert_int_equal(page_alloc_run(3, PAGE_USER), run);
    paddr_t pageblock = page_alloc(9, PAGE_USER);
    assert_int_equal(nr_backed(), 4);
    page_free(pageblock, 9);
    assert_int_equal(nr_backed(), 4 + 512);
    page_check();
}

/* Bad frees end in their own words, and whoever has the memory keeps its contents. */
TEST_WITH(bad_frees_poison_nothing, setup, teardown)
{
    paddr_t mine = page_alloc(3, PAGE_USER);
    assert_int_equal(page_alloc(3, PAGE_USER), mine + 8 * PAGE_BYTES);
    *word_at(mine, PAGE_BYTES) = 0x77;
    assert_panics(page_free(mine + PAGE_BYTES, 3), "not aligned");
    assert_true(*word_at(mine, PAGE_BYTES) == 0x77);
    teardown();
    setup();
    assert_panics(page_free(REGION_BASE + 100 * MIB, 9), "already free");
    assert_int_equal(nr_backed(), 0);
    teardown();
    setup();
    assert_panics(page_free(0xfee00000, 0), "not memory of ours");
    teardown();
    setup();
    assert_panics(page_free(~(u64)0xfff, 0), "not memory of ours");
}

/* A page that the host gives anew holds anything. */
TEST_WITH(blocks_that_come_again_are_not_looked_at, setup, teardown)
{
    paddr_t small = page_alloc(0, PAGE_USER);
    paddr_t large = page_alloc(9, PAGE_USER);
    page_free(small, 0);
    page_free(large, 9);
    /* The section stays, with its bits: another block of it is in use. */
    paddr_t other = page_alloc(9, PAGE_USER);
    while (other == align_down(small, 2 * MIB) || other == large)
        other = page_alloc(9, PAGE_USER);
    paddr_t block = align_down(small, 2 * MIB);
    assert_int_equal(hotplug_offline(block, 2 * MIB), OK);
    memset(phys_to_virt(block), 0, 2 * MIB);
    assert_int_equal(hotplug_online(block, 2 * MIB), OK);
    assert_int_equal(page_alloc(0, PAGE_USER), block);
    page_check();
}

TEST_WITH(the_bits_go_with_their_section, setup, teardown)
{
    struct page_stats before, after;
    page_free(page_alloc(0, PAGE_KERNEL), 0); /* boot RAM has bits from here on */
    page_get_stats(&before);
    paddr_t pages[2] = {page_alloc(0, PAGE_USER), page_alloc(9, PAGE_USER)};
    page_free(pages[0], 0);
    page_free(pages[1], 9);
    page_get_stats(&after);
    assert_true(after.metadata_bytes > before.metadata_bytes);
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    page_get_stats(&after);
    assert_true(after.metadata_bytes <= before.metadata_bytes);
    page_check();
}

/* Without boot RAM for the bits a section goes without: its pages are freed as they are. */
TEST_WITH(no_room_for_bits, setup, teardown)
{
    paddr_t user = page_alloc(0, PAGE_USER);
    *word_at(user, 0) = 0x77;
    paddr_t hog;
    while ((hog = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE && hog < REGION_BASE)
        ;
    page_free(user, 0);
    assert_true(*word_at(user, 0) == 0x77);
    assert_true(page_alloc(0, PAGE_USER) != PADDR_NONE);
    page_check();
}

/* Freed pageblocks become bitmaps' home, as boot RAM is full, and pageblocks again: nobody
 * complains. */
TEST_WITH(bitmaps_may_lie_where_pages_were_freed, setup, teardown)
{
    paddr_t pageblocks[2] = {page_alloc(9, PAGE_USER), page_alloc(9, PAGE_USER)};
    page_free(pageblocks[0], 9);
    page_free(pageblocks[1], 9);
    struct page_stats stats;
    do {
        assert_true(page_alloc_table() < REGION_BASE);
        page_get_stats(&stats);
    } while (stats.boot_used < stats.boot_frames);
    assert_int_equal(page_alloc(0, PAGE_USER), pageblocks[0]);
    assert_false(*word_at(pageblocks[1], 0) == POISON_WORD); /* a list's head */
    page_free(pageblocks[0], 0);
    struct hotplug_range idle;
    assert_true(hotplug_next_idle(REGION_BASE, REGION_BASE + REGION, &idle));
    assert_int_equal(page_alloc(9, PAGE_USER), pageblocks[0]);
    assert_int_equal(page_alloc(9, PAGE_USER), pageblocks[1]);
    page_check();
}

#else

TEST_WITH(freed_pages_stay_as_they_are, setup, teardown)
{
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
        paddr_t paddr = page_alloc(order, PAGE_USER);
        *word_at(paddr, 0) = 0x77;
        page_free(paddr, order);
        assert_int_equal(*word_at(paddr, 0), 0x77);
        *word_at(paddr, 8) = 0x5eed;
        assert_int_equal(page_alloc(order, PAGE_USER), paddr);
        assert_int_equal(*word_at(paddr, 8), 0x5eed);
    }
}

#endif
