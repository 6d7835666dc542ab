/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_owners.h. */
#include "tests/fakes/fake_owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "include/status.h"
#include "tests/fakes/fake_mm.h"

static struct boot_info boot;
paddr_t pages[PAGES_MAX]; /* 0: not allocated */
u8 moves[PAGES_MAX];
u64 nr_pages;
u64 nr_moves;
u64 nr_refusals;
u64 refused_page = PAGES_MAX;
struct hotplug_migration session;

static void write_mark(u64 index, unsigned order)
{
    u64 *words = phys_to_virt(pages[index]);
    words[0] = index;
    words[(PAGE_BYTES << order) / 8 - 1] = ~index;
}

void check_mark(u64 index, unsigned order)
{
    const u64 *words = phys_to_virt(pages[index]);
    assert_int_equal(words[0], index);
    assert_int_equal(words[(PAGE_BYTES << order) / 8 - 1], ~index);
}

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 index = *(u64 *)phys_to_virt(from);
    assert_true(index < nr_pages && pages[index] == from);
    if (index == refused_page) {
        nr_refusals++;
        return false;
    }
    memcpy(phys_to_virt(to), phys_to_virt(from), PAGE_BYTES << owner->order);
    pages[index] = to;
    moves[index]++;
    nr_moves++;
    return true;
}

struct page_owner owner_of_0 = {.name = "frames", .order = 0, .move = move};
struct page_owner owner_of_6 = {.name = "chunks", .order = 6, .move = move};
struct page_owner owner_of_9 = {.name = "huge pages", .order = 9, .move = move};

void setup_owners(void)
{
    fake_mm_start(&boot, 16 * MIB);
    fake_online(REGION_BASE, REGION, 2 * MIB);
    assert_int_equal(page_add_owner(&owner_of_0), OK);
    assert_int_equal(page_add_owner(&owner_of_6), OK);
    assert_int_equal(page_add_owner(&owner_of_9), OK);
    memset(pages, 0, sizeof(pages));
    memset(moves, 0, sizeof(moves));
    nr_pages = nr_moves = nr_refusals = 0;
    session = (struct hotplug_migration){0};
    refused_page = PAGES_MAX;
}

void teardown_owners(void)
{
    page_check();
    fake_unback(REGION_BASE, REGION);
    fake_shutdown();
}

void take(const struct page_owner *owner, u64 count)
{
    for (u64 i = 0; i < count; i++) {
        pages[nr_pages] = page_alloc_movable(owner);
        assert_true(pages[nr_pages] != PADDR_NONE);
        write_mark(nr_pages++, owner->order);
    }
}

void drop(u64 index, unsigned order)
{
    page_free(pages[index], order);
    pages[index] = 0;
}

void take_scattered(const struct page_owner *owner, u64 percent)
{
    u64 random = 12345;
    take(owner, REGION >> (PAGE_SHIFT + owner->order));
    for (u64 i = 0; i < nr_pages; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % 100 >= percent)
            drop(i, owner->order);
    }
}

void check_pages(unsigned order)
{
    for (u64 i = 0; i < nr_pages; i++) {
        if (pages[i])
            check_mark(i, order);
    }
}

u64 unplug_idle(u64 wanted)
{
    struct hotplug_range idle;
    u64 count = 0;
    while (count < wanted && hotplug_next_idle(REGION_BASE, REGION_BASE + REGION, &idle)) {
        assert_int_equal(hotplug_offline(idle.base, 2 * MIB), OK);
        count++;
    }
    return count;
}

u64 empty_all(void)
{
    struct hotplug_range range;
    u64 nr_empty = 0;
    for (int status; (status = hotplug_migrate_step(&session, &range)) != E_NODEV;) {
        nr_empty += status == OK;
        page_check();
    }
    return nr_empty;
}

u64 take_all(void)
{
    struct hotplug_range range;
    u64 nr_taken = 0;
    while (hotplug_migrate_take(&session, REGION, &range) == OK)
        nr_taken += range.bytes / (2 * MIB);
    return nr_taken;
}

u64 begin(u64 nr_blocks, enum hotplug_try attempt)
{
    return fake_choose(&session, REGION_BASE, REGION_BASE + REGION, nr_blocks, attempt);
}

void assert_no_page_moved_twice(void)
{
    for (u64 i = 0; i < nr_pages; i++)
        assert_true(moves[i] <= 1);
}

u64 count_live(void)
{
    u64 live = 0;
    for (u64 i = 0; i < nr_pages; i++)
        live += pages[i] != 0;
    return live;
}
