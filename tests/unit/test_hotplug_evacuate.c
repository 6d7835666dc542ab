/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks emptied by moving pages: which, how often, and what happens when an owner says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/early.h"
#include "mm/hotplug.h"
#include "mm/page.h"
#include "tests/unit/fake_platform.h"

#define REGION_BASE ((paddr_t)0x200000000000)
#define REGION      (256 * MIB)
#define NR_BLOCKS   (REGION / (2 * MIB))
#define PAGES_MAX   (REGION / PAGE_BYTES)

static struct boot_info boot;
static paddr_t pages[PAGES_MAX]; /* 0: not allocated */
static u8 moves[PAGES_MAX];
static u64 nr_pages;
static u64 nr_moves;
static u64 refused_page = PAGES_MAX;

static void write_mark(u64 index, unsigned order)
{
    u64 *words = phys_to_virt(pages[index]);
    words[0] = index;
    words[(PAGE_BYTES << order) / 8 - 1] = ~index;
}

static void check_mark(u64 index, unsigned order)
{
    const u64 *words = phys_to_virt(pages[index]);
    assert_int_equal(words[0], index);
    assert_int_equal(words[(PAGE_BYTES << order) / 8 - 1], ~index);
}

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 index = *(u64 *)phys_to_virt(from);
    assert_true(index < nr_pages && pages[index] == from);
    if (index == refused_page)
        return false;
    memcpy(phys_to_virt(to), phys_to_virt(from), PAGE_BYTES << owner->order);
    pages[index] = to;
    moves[index]++;
    nr_moves++;
    return true;
}

static struct page_owner owner_of_0 = {"frames", 0, move, 0};
static struct page_owner owner_of_6 = {"chunks", 6, move, 0};
static struct page_owner owner_of_9 = {"areas", 9, move, 0};

static int setup(void **state)
{
    (void)state;
    fake_boot(&boot, 16 * MIB);
    early_init(&boot);
    page_init(&boot);
    void *memory = mmap(phys_to_virt(REGION_BASE), REGION, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(memory, phys_to_virt(REGION_BASE));
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, 2 * MIB, 0, "test"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
    assert_int_equal(page_add_owner(&owner_of_0), OK);
    assert_int_equal(page_add_owner(&owner_of_6), OK);
    assert_int_equal(page_add_owner(&owner_of_9), OK);
    memset(pages, 0, sizeof(pages));
    memset(moves, 0, sizeof(moves));
    nr_pages = nr_moves = 0;
    refused_page = PAGES_MAX;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    page_check();
    munmap(phys_to_virt(REGION_BASE), REGION);
    fake_shutdown();
    return 0;
}

static void take(const struct page_owner *owner, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        pages[nr_pages] = page_alloc_movable(owner);
        assert_true(pages[nr_pages] != PADDR_NONE);
        write_mark(nr_pages++, owner->order);
    }
}

static void drop(u64 index, unsigned order)
{
    page_free(pages[index], order);
    pages[index] = 0;
}

/* All pages of an owner, less a share that a small generator picks. */
static void take_scattered(const struct page_owner *owner, u64 percent)
{
    u64 random = 12345;
    take(owner, REGION >> (PAGE_SHIFT + owner->order));
    for (u64 i = 0; i < nr_pages; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % 100 >= percent)
            drop(i, owner->order);
    }
}

static void check_pages(unsigned order)
{
    for (u64 i = 0; i < nr_pages; i++) {
        if (pages[i])
            check_mark(i, order);
    }
}

static u64 unplug_idle(u64 wanted)
{
    struct hotplug_range idle;
    u64 count = 0;
    while (count < wanted && hotplug_next_idle(REGION_BASE, REGION_BASE + REGION, &idle)) {
        assert_int_equal(hotplug_offline(idle.base, 2 * MIB), OK);
        count++;
    }
    return count;
}

/* As the driver does: idle blocks first, then by moving. Returns blocks taken offline. */
static u64 shrink(u64 wanted)
{
    struct hotplug_range range;
    u64 count = unplug_idle(wanted);
    hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, wanted - count);
    for (int status; count < wanted && (status = hotplug_evacuate_next(&range)) != E_AGAIN;) {
        if (status == OK)
            count++;
        page_check();
    }
    hotplug_evacuate_end();
    return count;
}

static void assert_no_page_moved_twice(void)
{
    for (u64 i = 0; i < nr_pages; i++)
        assert_true(moves[i] <= 1);
}

static void half_of_a_scattered_region_leaves(void **state)
{
    (void)state;
    take_scattered(&owner_of_6, 42);
    assert_int_equal(shrink(NR_BLOCKS / 2), NR_BLOCKS / 2);
    check_pages(6);
    assert_no_page_moved_twice();
    assert_int_equal(fake_mapped_bytes(), REGION / 2);
    /* The cheapest half of the blocks: fewer moves than half of the pages. */
    u64 live = 0;
    for (u64 i = 0; i < nr_pages; i++)
        live += pages[i] != 0;
    assert_true(nr_moves < live / 2);
}

static void single_frames_move(void **state)
{
    (void)state;
    take_scattered(&owner_of_0, 30);
    assert_int_equal(shrink(NR_BLOCKS * 6 / 10), NR_BLOCKS * 6 / 10);
    check_pages(0);
    assert_no_page_moved_twice();
}

static void whole_areas_move(void **state)
{
    (void)state;
    take(&owner_of_9, NR_BLOCKS);
    for (u64 i = 0; i < nr_pages; i += 2)
        drop(i, 9);
    paddr_t keep = pages[NR_BLOCKS - 1];
    assert_int_equal(
        hotplug_evacuate_begin(REGION_BASE + REGION - 4 * MIB, REGION_BASE + REGION, 1), 1);
    struct hotplug_range range;
    assert_int_equal(hotplug_evacuate_next(&range), OK);
    assert_int_equal(range.base, keep);
    assert_int_equal(hotplug_evacuate_next(&range), E_AGAIN);
    hotplug_evacuate_end();
    assert_int_equal(nr_moves, 1);
    check_pages(9);
}

/* A page that its owner frees while its block is being emptied, whole or single. */
static void pages_freed_in_a_closed_block(void **state)
{
    (void)state;
    struct hotplug_range range;
    take(&owner_of_9, 1);
    take(&owner_of_6, 1);
    assert_int_equal(hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, 2), 2);
    drop(0, 9);
    drop(1, 6);
    page_check();
    assert_panics(page_free(REGION_BASE, 9), "page_free");
    paddr_t other = page_alloc(9, PAGE_USER);
    assert_true(other >= REGION_BASE + 4 * MIB);
    assert_int_equal(hotplug_evacuate_next(&range), OK);
    assert_int_equal(hotplug_evacuate_next(&range), OK);
    hotplug_evacuate_end();
    assert_int_equal(nr_moves, 0);
    assert_int_equal(fake_mapped_bytes(), REGION - 4 * MIB);
    page_free(other, 9);
}

static void a_refused_page_keeps_its_block_alone(void **state)
{
    (void)state;
    take(&owner_of_6, 4 * 8);
    for (u64 i = 0; i < nr_pages; i++) {
        if (i % 8 != 3)
            drop(i, 6);
    }
    refused_page = 11;
    paddr_t refused = pages[11];
    struct hotplug_range range;
    assert_int_equal(hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, 4), 4);
    unsigned busy = 0;
    for (int status; (status = hotplug_evacuate_next(&range)) != E_AGAIN;) {
        busy += status == E_BUSY;
        assert_int_equal(status == E_BUSY, range.base == align_down(refused, 2 * MIB));
        page_check();
    }
    hotplug_evacuate_end();
    assert_int_equal(busy, 1);
    assert_int_equal(pages[11], refused);
    check_pages(6);
    assert_int_equal(fake_mapped_bytes(), REGION - 3 * 2 * MIB);
}

static void fixed_pages_are_told_and_left_alone(void **state)
{
    (void)state;
    paddr_t fixed = page_alloc(0, PAGE_USER);
    take(&owner_of_6, 9);
    struct hotplug_pinned pinned;
    hotplug_count_pinned(REGION_BASE, REGION_BASE + REGION, &pinned);
    assert_int_equal(pinned.nr_fixed, 1);
    assert_int_equal(pinned.nr_movable, 2);
    assert_int_equal(pinned.nr_idle, NR_BLOCKS - 3);
    assert_int_equal(pinned.nr_metadata, 0);
    assert_true(align_down(fixed, 2 * MIB) != align_down(pages[0], 2 * MIB));
    assert_int_equal(hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, NR_BLOCKS), 2);
    hotplug_evacuate_end();
    assert_int_equal(nr_moves, 0);
    page_free(fixed, 0);
}

/* The host wants the memory after all: what was not moved yet stays, and can be allocated again. */
static void an_end_opens_what_is_closed(void **state)
{
    (void)state;
    take_scattered(&owner_of_6, 50);
    struct hotplug_range range;
    assert_true(hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, 40) > 20);
    assert_int_equal(hotplug_evacuate_next(&range), OK);
    u64 moved = nr_moves;
    hotplug_evacuate_end();
    page_check();
    assert_int_equal(hotplug_evacuate_next(&range), E_AGAIN);
    assert_int_equal(nr_moves, moved);
    assert_int_equal(hotplug_online(range.base, range.bytes), OK);
    while (page_alloc_movable(&owner_of_6) != PADDR_NONE)
        ;
    struct page_stats stats;
    page_get_stats(&stats);
    assert_int_equal(stats.plugged_used, stats.plugged_frames);
    check_pages(6);
}

static void no_room_and_no_table(void **state)
{
    (void)state;
    struct hotplug_range range;
    take(&owner_of_6, REGION / (256 * KIB));
    while (page_alloc(9, PAGE_KERNEL) != PADDR_NONE || page_alloc(6, PAGE_KERNEL) != PADDR_NONE)
        ;
    assert_int_equal(hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, 1), 1);
    assert_int_equal(hotplug_evacuate_next(&range), E_NOMEM);
    hotplug_evacuate_end();
    page_check();
    for (u64 i = 0; i < 8; i++)
        drop(i, 6);
    assert_int_equal(hotplug_evacuate_begin(REGION_BASE, REGION_BASE + REGION, 1), 1);
    fake_fail_unmap_after(0);
    assert_int_equal(hotplug_evacuate_next(&range), E_NOMEM);
    hotplug_evacuate_end();
    assert_int_equal(fake_mapped_bytes(), REGION);
    check_pages(6);
}

static void owners_are_checked(void **state)
{
    (void)state;
    static struct page_owner more[PAGE_OWNERS_MAX];
    static struct page_owner wrong = {"wrong", 10, move, 0};
    assert_int_equal(page_add_owner(&wrong), E_INVAL);
    for (unsigned i = 3; i < PAGE_OWNERS_MAX; i++)
        assert_int_equal(page_add_owner(&more[i]), OK);
    assert_int_equal(page_add_owner(&more[0]), E_NOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(half_of_a_scattered_region_leaves),
        TEST(single_frames_move),
        TEST(whole_areas_move),
        TEST(pages_freed_in_a_closed_block),
        TEST(a_refused_page_keeps_its_block_alone),
        TEST(fixed_pages_are_told_and_left_alone),
        TEST(an_end_opens_what_is_closed),
        TEST(no_room_and_no_table),
        TEST(owners_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
