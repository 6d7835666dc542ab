/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables as a data structure: which pages they are made of, what is
 * refused, what a failed allocation leaves behind, and a random walk against
 * a model of one byte a page.
 */
#include <stdlib.h>

#include "arch/x86_64/page_tables.h"
#include "extras/vm/vm_tables.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/unit/unit.h"

#define FLAGS (MAP_WRITE | MAP_NO_EXEC)

static struct page_tables tables;
static unsigned nr_tables;
static unsigned tables_left; /* until allocation fails */

static paddr_t alloc_table(void)
{
    if (tables_left == 0)
        return PADDR_NONE;
    tables_left--;
    nr_tables++;
    void *page = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
    assert_non_null(page);
    memset(page, 0xa5, PAGE_BYTES); /* contents are not to be trusted */
    return virt_to_phys(page);
}

static void free_released(void)
{
    paddr_t page;

    while ((page = page_tables_take_released(&tables)) != PADDR_NONE) {
        free(phys_to_virt(page));
        nr_tables--;
    }
}

static void setup(void)
{
    nr_tables = 0;
    tables_left = ~0u;
    tables = (struct page_tables){.alloc = alloc_table};
    assert_int_equal(page_tables_init(&tables), OK);
}

/* Everything unmapped: only the root may be left, and goes here. */
static void teardown(void)
{
    free_released();
    assert_int_equal(nr_tables, 1);
    free(phys_to_virt(page_tables_root(&tables)));
}

static void map(paddr_t start, u64 bytes, unsigned largest)
{
    assert_int_equal(page_tables_map(&tables, start, bytes, FLAGS, largest), OK);
}

static void unmap(paddr_t start, u64 bytes)
{
    assert_int_equal(page_tables_unmap(&tables, start, bytes), OK);
    free_released();
}

static void assert_mapped(paddr_t paddr, unsigned level)
{
    struct page_mapping mapping = page_tables_query(&tables, paddr);

    assert_true(mapping.present);
    assert_int_equal(mapping.level, level);
    assert_int_equal(mapping.flags, FLAGS);
}

static void assert_absent(paddr_t paddr)
{
    assert_false(page_tables_query(&tables, paddr).present);
}

TEST_WITH(test_largest_pages, setup, teardown)
{
    paddr_t start = GIB - 2 * MIB - PAGE_BYTES;

    /* One small page, one of 2 MiB, one of 1 GiB, one of 2 MiB, one small. */
    map(start, PAGE_BYTES + 2 * MIB + GIB + 2 * MIB + PAGE_BYTES, MAP_LARGEST_1G);
    assert_absent(start - 1);
    assert_mapped(start, 1);
    assert_mapped(GIB - 2 * MIB, 2);
    assert_mapped(GIB, 3);
    assert_mapped(2 * GIB - 1, 3);
    assert_mapped(2 * GIB, 2);
    assert_mapped(2 * GIB + 2 * MIB, 1);
    assert_absent(2 * GIB + 2 * MIB + PAGE_BYTES);
    unmap(0, 4 * GIB);
}

TEST_WITH(test_limit_of_page_size, setup, teardown)
{
    map(4 * GIB, GIB, MAP_LARGEST_2M);
    assert_mapped(4 * GIB, 2);
    assert_mapped(5 * GIB - 1, 2);
    assert_int_equal(nr_tables, 3); /* root, level 3, level 2 */
    map(8 * GIB, 2 * MIB, MAP_LARGEST_4K);
    assert_mapped(8 * GIB, 1);
    unmap(4 * GIB, GIB);
    unmap(8 * GIB, 2 * MIB);
}

/* The entry of the processor's format, by hand: an error in a constant shows nowhere else. */
TEST_WITH(test_entry_format, setup, teardown)
{
    paddr_t paddr = ((paddr_t)3 << 39) + ((paddr_t)5 << 30) + ((paddr_t)7 << 21) + 9 * PAGE_BYTES;

    assert_int_equal(
        page_tables_map(&tables, paddr, PAGE_BYTES, MAP_WRITE | MAP_UNCACHED | MAP_NO_EXEC, 1), OK);
    const u64 *table = phys_to_virt(page_tables_root(&tables));
    static const unsigned indices[] = {3, 5, 7};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(table[indices[i]] & 0x1ff, 0x3); /* present, writable */
        assert_int_equal(table[indices[i]] >> 63, 0);     /* executable: the last level decides */
        table = phys_to_virt(table[indices[i]] & 0x000ffffffffff000);
    }
    assert_int_equal(table[9], paddr | 0x8000000000000000 | 0x1b);
    unmap(paddr, PAGE_BYTES);

    map(2 * GIB, 2 * MIB, MAP_LARGEST_2M);
    table = phys_to_virt(page_tables_root(&tables));
    table = phys_to_virt(table[0] & 0x000ffffffffff000);
    table = phys_to_virt(table[2] & 0x000ffffffffff000);
    assert_int_equal(table[0], 2 * GIB | 0x8000000000000000 | 0x83);
    unmap(2 * GIB, 2 * MIB);
}

TEST_WITH(test_exists, setup, teardown)
{
    map(GIB + 6 * MIB, PAGE_BYTES, MAP_LARGEST_1G);
    unsigned before = nr_tables;

    assert_int_equal(page_tables_map(&tables, GIB, GIB, FLAGS, MAP_LARGEST_1G), E_EXIST);
    free_released();
    assert_int_equal(nr_tables, before);
    assert_absent(GIB);
    assert_absent(GIB + 4 * MIB);
    assert_absent(GIB + 6 * MIB + PAGE_BYTES);
    assert_mapped(GIB + 6 * MIB, 1);
    unmap(GIB + 6 * MIB, PAGE_BYTES);
}

TEST_WITH(test_split, setup, teardown)
{
    map(GIB, GIB, MAP_LARGEST_1G);
    unmap(GIB + 4 * MIB + PAGE_BYTES, PAGE_BYTES);
    assert_mapped(GIB, 2);
    assert_mapped(GIB + 4 * MIB, 1);
    assert_absent(GIB + 4 * MIB + PAGE_BYTES);
    assert_mapped(GIB + 4 * MIB + 2 * PAGE_BYTES, 1);
    assert_mapped(2 * GIB - 1, 2);
    unmap(GIB, GIB);
}

/* Allocation fails at each possible point: the call fails, and nothing has changed. */
TEST_WITH(test_no_memory, setup, teardown)
{
    paddr_t start = 512 * GIB - 2 * PAGE_BYTES;
    u64 bytes = 4 * PAGE_BYTES; /* three tables on either side of a boundary of level 4 */

    for (unsigned allowed = 0; allowed < 6; allowed++) {
        tables_left = allowed;
        assert_int_equal(page_tables_map(&tables, start, bytes, FLAGS, MAP_LARGEST_2M), E_NOMEM);
        free_released();
        assert_int_equal(nr_tables, 1);
    }
    tables_left = 6;
    map(start, bytes, MAP_LARGEST_2M);
    tables_left = ~0u;
    unmap(start, bytes);

    map(GIB, GIB, MAP_LARGEST_1G);
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        tables_left = allowed;
        assert_int_equal(page_tables_unmap(&tables, GIB + PAGE_BYTES, PAGE_BYTES), E_NOMEM);
        assert_true(page_tables_query(&tables, GIB + PAGE_BYTES).present);
    }
    tables_left = ~0u;
    unmap(GIB, GIB);
}

/* Tables from before the page allocator existed cannot be freed to it. */
TEST_WITH(test_kept_tables, setup, teardown)
{
    tables.keep_new_tables = true;
    map(GIB, 4 * PAGE_BYTES, MAP_LARGEST_2M);
    tables.keep_new_tables = false;
    unmap(GIB, 4 * PAGE_BYTES);
    assert_absent(GIB);
    assert_int_equal(nr_tables, 4);
    /* They are used again, also by a range that would have liked a large page. */
    map(GIB, 2 * MIB, MAP_LARGEST_2M);
    assert_int_equal(nr_tables, 4);
    assert_mapped(GIB, 1);
    unmap(GIB, 2 * MIB);
    assert_absent(GIB);
    assert_absent(GIB + 2 * MIB - 1);

    const u64 *root = phys_to_virt(page_tables_root(&tables));
    const u64 *level3 = phys_to_virt(root[0] & 0x000ffffffffff000);
    const u64 *level2 = phys_to_virt(level3[1] & 0x000ffffffffff000);
    free(phys_to_virt(level2[0] & 0x000ffffffffff000));
    free(phys_to_virt(level3[1] & 0x000ffffffffff000));
    free(phys_to_virt(root[0] & 0x000ffffffffff000));
    nr_tables -= 3;
}

/* ---- other addresses than the frames' own; hold, resume and move ---- */

#define WINDOW ((u64)0xffff800000000000)

static void assert_shows(u64 address, paddr_t paddr, unsigned level)
{
    assert_mapped(address, level);
    assert_int_equal(page_tables_query(&tables, address).paddr, paddr);
    assert_false(page_tables_query(&tables, address).held);
}

static void assert_held(u64 address, paddr_t paddr, unsigned level)
{
    struct page_mapping mapping = page_tables_query(&tables, address);

    assert_true(!mapping.present && mapping.held);
    assert_int_equal(mapping.paddr, paddr);
    assert_int_equal(mapping.level, level);
}

TEST_WITH(test_other_addresses, setup, teardown)
{
    u64 start = WINDOW + 2 * MIB - PAGE_BYTES;
    paddr_t paddr = GIB - PAGE_BYTES;
    u64 bytes = 2 * MIB + 2 * PAGE_BYTES;

    for (unsigned allowed = 0; allowed < 4; allowed++) {
        tables_left = allowed;
        assert_int_equal(page_tables_map_to(&tables, start, paddr, bytes, FLAGS, MAP_LARGEST_2M),
                         E_NOMEM);
        free_released();
        assert_int_equal(nr_tables, 1);
    }
    tables_left = ~0u;
    assert_int_equal(page_tables_map_to(&tables, start, paddr, bytes, FLAGS, MAP_LARGEST_2M), OK);
    assert_shows(start, GIB - PAGE_BYTES, 1);
    assert_shows(WINDOW + 2 * MIB, GIB, 2);
    assert_shows(WINDOW + 4 * MIB, GIB + 2 * MIB, 1);
    assert_absent(GIB);
    /* The same frames at their own addresses, and a split that keeps the distance. */
    map(GIB, 2 * MIB, MAP_LARGEST_2M);
    unmap(WINDOW + 2 * MIB + PAGE_BYTES, PAGE_BYTES);
    assert_shows(WINDOW + 2 * MIB, GIB, 1);
    assert_shows(WINDOW + 2 * MIB + 2 * PAGE_BYTES, GIB + 2 * PAGE_BYTES, 1);
    assert_shows(GIB, GIB, 2);
    unmap(start, bytes);
    unmap(GIB, 2 * MIB);
}

TEST_WITH(test_hold_and_resume, setup, teardown)
{
    assert_int_equal(
        page_tables_map_to(&tables, WINDOW, GIB, 2 * MIB + 3 * PAGE_BYTES, FLAGS, MAP_LARGEST_2M),
        OK);
    assert_int_equal(page_tables_hold(&tables, WINDOW), 2 * MIB);
    assert_int_equal(page_tables_hold(&tables, WINDOW + 2 * MIB), PAGE_BYTES);
    assert_int_equal(page_tables_hold(&tables, WINDOW + 2 * MIB + PAGE_BYTES), PAGE_BYTES);
    assert_held(WINDOW, GIB, 2);
    assert_held(WINDOW + 2 * MIB, GIB + 2 * MIB, 1);
    assert_held(WINDOW + 2 * MIB + PAGE_BYTES, GIB + 2 * MIB + PAGE_BYTES, 1);
    assert_shows(WINDOW + 2 * MIB + 2 * PAGE_BYTES, GIB + 2 * MIB + 2 * PAGE_BYTES, 1);
    assert_int_equal(page_tables_map_to(&tables, WINDOW, GIB, PAGE_BYTES, FLAGS, MAP_LARGEST_2M),
                     E_EXIST);
    page_tables_move(&tables, WINDOW, 4 * GIB);
    page_tables_move(&tables, WINDOW + 2 * MIB, 7 * GIB + PAGE_BYTES);
    assert_shows(WINDOW, 4 * GIB, 2);
    assert_shows(WINDOW + 2 * MIB, 7 * GIB + PAGE_BYTES, 1);
    assert_held(WINDOW + 2 * MIB + PAGE_BYTES, GIB + 2 * MIB + PAGE_BYTES, 1);
    page_tables_resume(&tables, WINDOW + 2 * MIB + PAGE_BYTES);
    assert_shows(WINDOW + 2 * MIB + PAGE_BYTES, GIB + 2 * MIB + PAGE_BYTES, 1);
    page_tables_hold(&tables, WINDOW + 2 * MIB + PAGE_BYTES);
    /* One page is held, two are not: all go, and so do their tables. */
    unmap(WINDOW, 2 * MIB + 3 * PAGE_BYTES);
    assert_absent(WINDOW);
    assert_int_equal(nr_tables, 1);
}

/* As a processor does at the first write to a page, in the entry of level 1 or 2. */
static void write_to(u64 address, unsigned level)
{
    u64 *table = phys_to_virt(page_tables_root(&tables));

    for (unsigned l = 4; l > level; l--)
        table = phys_to_virt(table[address >> (3 + 9 * l) & 511] & 0x000ffffffffff000);
    table[address >> (3 + 9 * level) & 511] |= 1 << 6;
}

static void move_to(u64 address, u8 *frame)
{
    page_tables_hold(&tables, address);
    page_tables_move(&tables, address, virt_to_phys(frame));
    assert_int_equal(page_tables_query(&tables, address).paddr, virt_to_phys(frame));
}

/* Moved with its contents only from the first write on. */
static void assert_copied_when_written(u64 bytes, unsigned level)
{
    u8 *frames[4];

    for (u8 i = 0; i < ARRAY_SIZE(frames); i++) {
        frames[i] = aligned_alloc(bytes, bytes);
        assert_non_null(frames[i]);
        memset(frames[i], i, bytes);
    }
    assert_int_equal(
        page_tables_map_to(&tables, WINDOW, virt_to_phys(frames[0]), bytes, FLAGS, MAP_LARGEST_2M),
        OK);
    move_to(WINDOW, frames[1]);
    assert_true(frames[1][0] == 1 && frames[1][bytes - 1] == 1);
    write_to(WINDOW, level);
    move_to(WINDOW, frames[2]);
    assert_true(frames[2][0] == 1 && frames[2][bytes - 1] == 1);
    move_to(WINDOW, frames[3]);
    assert_true(frames[3][0] == 1 && frames[3][bytes - 1] == 1);
    assert_mapped(WINDOW, level);
    unmap(WINDOW, bytes);
    for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
        free(frames[i]);
}

TEST_WITH(test_move_what_was_written, setup, teardown)
{
    assert_copied_when_written(PAGE_BYTES, 1);
    assert_copied_when_written(2 * MIB, 2);
}

/* ---- random walk ---- */

#define WALK_START (510 * GIB) /* across a boundary of level 4 */
#define WALK_PAGES (4 * GIB / PAGE_BYTES)
#define WALK_STEPS 3000

static u8 model[WALK_PAGES];
static u64 seed = 0x7469646521;

static u64 random_below(u64 limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

/* A range of pages, mostly aligned to a large page at one end or both. */
static void random_range(u64 *first, u64 *nr)
{
    static const u64 units[] = {1, 512, 512, 512 * 512};
    u64 unit = units[random_below(ARRAY_SIZE(units))];
    u64 limit = min_u64(WALK_PAGES / unit, 64);

    *first = random_below(WALK_PAGES / unit) * unit;
    *nr = (1 + random_below(limit)) * unit;
    if (random_below(4) == 0)
        *first += random_below(512);
    if (random_below(4) == 0)
        *nr += random_below(512);
    *first = min_u64(*first, WALK_PAGES - 1);
    *nr = min_u64(*nr, WALK_PAGES - *first);
}

static bool model_has(u64 first, u64 nr)
{
    return memchr(model + first, 1, nr) != NULL;
}

static void compare_with_model(void)
{
    for (u64 page = 0; page < WALK_PAGES;) {
        paddr_t paddr = WALK_START + page * PAGE_BYTES;
        struct page_mapping mapping = page_tables_query(&tables, paddr);
        u64 extent = page_tables_extent(mapping.level);
        paddr_t next = align_down(paddr, extent) + extent;
        u64 end = min_u64((next - WALK_START) / PAGE_BYTES, WALK_PAGES);

        if (memchr(model + page, !mapping.present, end - page) != NULL)
            fail_msg("page %llu: tables and model differ", (unsigned long long)page);
        page = end;
    }
}

TEST_WITH(test_random_walk, setup, teardown)
{
    for (unsigned step = 0; step < WALK_STEPS; step++) {
        u64 first;
        u64 nr;
        random_range(&first, &nr);
        paddr_t start = WALK_START + first * PAGE_BYTES;
        bool mapping = random_below(2) == 0;
        unsigned largest = (unsigned)(1 + random_below(3));
        tables_left = random_below(4) == 0 ? (unsigned)random_below(6) : ~0u;

        /* 4 KiB pages over many GiB would only cost time. */
        if (largest == MAP_LARGEST_4K && nr > 8192)
            largest = MAP_LARGEST_2M;
        unsigned before = nr_tables;
        int status = mapping ? page_tables_map(&tables, start, nr * PAGE_BYTES, FLAGS, largest)
                             : page_tables_unmap(&tables, start, nr * PAGE_BYTES);
        if (status == OK) {
            assert_false(mapping && model_has(first, nr));
            if (mapping)
                assert_true(nr_tables - before <= page_tables_most(nr * PAGE_BYTES, largest));
            memset(model + first, mapping, nr);
        } else if (status == E_NOMEM) {
            assert_true(tables_left == 0);
        } else {
            assert_int_equal(status, E_EXIST);
            assert_true(mapping && model_has(first, nr));
        }
        free_released();
        if (step % 16 == 0)
            compare_with_model();
    }
    tables_left = ~0u;
    compare_with_model();
    unmap(WALK_START, WALK_PAGES * PAGE_BYTES);
}
