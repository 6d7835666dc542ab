/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each allocation that mm makes fails once, in turn: the call says so and
 * changes nothing, no frame is lost, and the same call succeeds when memory is back.
 */
#include "tests/unit/unit.h"

#include "extras/vm/heap.h"
#include "extras/vm/vm.h"
#include "include/exit_status.h"
#include "include/status.h"
#include "mm/early.h"
#include "tests/fakes/fake_faults.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_owners.h"
#include "tests/fakes/fake_vm.h"

#define NODE 3

static struct boot_info boot;
static u64 block_bytes;
static u64 region_bytes;

/* ---- a region that is absent, or partly online ---- */

static void set_up_region(u64 bytes, u64 block)
{
    fake_mm_start(&boot, 8 * MIB);
    region_bytes = bytes;
    block_bytes = block;
    assert_int_equal(hotplug_add_region(REGION_BASE, bytes, block, NODE, "region"), OK);
}

static void absent_1g(void)
{
    set_up_region(40 * GIB, GIB);
}

static void absent_4k(void)
{
    set_up_region(512 * MIB, PAGE_BYTES);
}

static void online_4k(void)
{
    absent_4k();
    assert_int_equal(hotplug_online(REGION_BASE, 256 * MIB), OK);
}

static void online_2m(void)
{
    set_up_region(256 * MIB, 2 * MIB);
    assert_int_equal(hotplug_online(REGION_BASE, 256 * MIB), OK);
}

static void forget(void)
{
    fake_shutdown();
}

/* Sections of two radix nodes. */
static int online_across_nodes(void)
{
    return hotplug_online(REGION_BASE + 30 * GIB, 4 * GIB);
}

static void offline_across_leaves(void)
{
    assert_int_equal(hotplug_offline(REGION_BASE + 30 * GIB, 4 * GIB), OK);
}

/* Both ends cut a pageblock, in different sections. */
static int online_partial(void)
{
    return hotplug_online(REGION_BASE + 12 * KIB, 300 * MIB);
}

static void offline_partial(void)
{
    assert_int_equal(hotplug_offline(REGION_BASE + 12 * KIB, 300 * MIB), OK);
}

static int offline_a_part(void)
{
    return hotplug_offline(REGION_BASE + 20 * KIB, 200 * MIB);
}

static void online_the_part(void)
{
    assert_int_equal(hotplug_online(REGION_BASE + 20 * KIB, 200 * MIB), OK);
}

TEST(going)
{
    static const struct fault_story stories[] = {
        {"online across leaves", absent_1g, online_across_nodes, offline_across_leaves, forget, 5,
         false, false},
        {"online of partial pageblocks", absent_4k, online_partial, offline_partial, forget, 5,
         false, false},
        {"offline of partial pageblocks", online_4k, offline_a_part, online_the_part, forget, 5,
         false, false},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(stories); i++)
        fault_play(&stories[i]);
}

/* ---- allocations ---- */

static struct page_owner owner = {.name = "owner", .order = 2};

static void online_with_owner(void)
{
    online_2m();
    assert_int_equal(page_add_owner(&owner), OK);
}

static paddr_t run_of(unsigned order)
{
    return page_alloc_run((u64)1 << order, PAGE_USER);
}

static paddr_t user_of(unsigned order)
{
    return page_alloc(order, PAGE_USER);
}

static paddr_t kernel_of(unsigned order)
{
    return page_alloc(order, PAGE_KERNEL);
}

static paddr_t on_node_of(unsigned order)
{
    return page_alloc_on_node(order, NODE);
}

static paddr_t movable_of(unsigned order)
{
    (void)order;
    return page_alloc_movable(&owner);
}

/* Of each way and order some: every second in its turn, so that pageblocks of all kinds are used.
 */
static const struct kind {
    paddr_t (*alloc)(unsigned order);
    unsigned order;
} kinds[] = {{user_of, 0},    {run_of, 10},   {kernel_of, 0}, {movable_of, 2}, {on_node_of, 0},
             {on_node_of, 9}, {user_of, 9},   {run_of, 3},    {kernel_of, 9},  {user_of, 5},
             {run_of, 9},     {kernel_of, 4}, {movable_of, 2}};
static paddr_t got[ARRAY_SIZE(kinds)];
static u64 nr_got;

static void free_all(void)
{
    while (nr_got > 0) {
        nr_got--;
        page_free_run(got[nr_got], (u64)1 << kinds[nr_got].order);
    }
}

static int alloc_all(void)
{
    for (nr_got = 0; nr_got < ARRAY_SIZE(kinds); nr_got++) {
        got[nr_got] = kinds[nr_got].alloc(kinds[nr_got].order);
        if (got[nr_got] == PADDR_NONE) {
            free_all();
            return E_NOMEM;
        }
    }
    return OK;
}

TEST(pages_of_every_kind)
{
    static const struct fault_story story = {
        "pages of every kind", online_with_owner, alloc_all, free_all, forget, 15, false, false};
    fault_play(&story);
}

/* More than boot RAM has, and a part of a pageblock: the first in its section, which needs a
 * bitmap. */
#define LONG_RUN (3 * 512 + 300)
static paddr_t long_run;

static int alloc_long_run(void)
{
    long_run = page_alloc_run(LONG_RUN, PAGE_USER);
    return long_run == PADDR_NONE ? E_NOMEM : OK;
}

static void free_long_run(void)
{
    page_free_run(long_run, LONG_RUN);
}

TEST(a_long_run)
{
    static const struct fault_story story = {"a long run", online_2m, alloc_long_run, free_long_run,
                                             forget,       2,         false,          false};
    fault_play(&story);
}

/* ---- the heap ---- */

#define NR_OBJECTS 300
static void *objects[NR_OBJECTS];
static u64 nr_objects;

static size_t size_of_object(u64 index)
{
    return 1 + index * 7919 % (index % 16 == 0 ? 20000 : 1500);
}

static void free_objects(void)
{
    while (nr_objects > 0) {
        nr_objects--;
        heap_free(objects[nr_objects], size_of_object(nr_objects));
    }
}

static int alloc_objects(void)
{
    for (nr_objects = 0; nr_objects < NR_OBJECTS; nr_objects++) {
        size_t bytes = size_of_object(nr_objects);
        objects[nr_objects] = heap_alloc(bytes);
        if (!objects[nr_objects]) {
            free_objects();
            return E_NOMEM;
        }
        memset(objects[nr_objects], 0x5a, bytes);
    }
    return OK;
}

TEST(the_heap)
{
    static const struct fault_story story = {"the heap", absent_1g, alloc_objects, free_objects,
                                             forget,     100,       false,         false};
    fault_play(&story);
}

/* ---- emptying blocks ---- */

#define NR_EMPTIED 6

static u64 nr_gone;

static void scattered(void)
{
    setup_owners();
    take_scattered(&owner_of_6, 30);
    nr_gone = 0;
}

static int empty_some(void)
{
    struct hotplug_range range;
    int failure = OK;
    int status;
    begin(NR_EMPTIED - nr_gone, HOTPLUG_FIRST_TRY);
    while ((status = hotplug_migrate_step(&session, &range)) != E_NODEV) {
        if (status != OK && status != E_AGAIN)
            failure = status;
    }
    while ((status = hotplug_migrate_take(&session, REGION, &range)) != E_NODEV) {
        if (status == OK)
            nr_gone += range.bytes / (2 * MIB);
        else
            failure = status;
    }
    hotplug_migrate_end(&session);
    assert_true(failure != OK || nr_gone == NR_EMPTIED);
    check_pages(6);
    return failure;
}

static void come_again(void)
{
    for (paddr_t at = REGION_BASE; at < REGION_BASE + REGION; at += 2 * MIB) {
        if (!fake_is_mapped(at, 2 * MIB))
            assert_int_equal(hotplug_online(at, 2 * MIB), OK);
    }
}

static void end_owners(void)
{
    for (u64 i = 0; i < nr_pages; i++) {
        if (pages[i] != 0)
            drop(i, 6);
    }
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    teardown_owners();
}

TEST(emptying_blocks)
{
    static const struct fault_story story = {"emptying blocks", scattered, empty_some, come_again,
                                             end_owners,        10,        true,       false};
    fault_play(&story);
}

/* ---- virtual areas ---- */

#define AREA (4 * MIB + 5 * PAGE_BYTES) /* pages of both sizes */

static u8 *area;

static void start_vm(void)
{
    fake_back(REGION_BASE, REGION);
    online_2m();
    fake_vm_start();
}

static void stop_vm(void)
{
    fake_unback(REGION_BASE, REGION);
    fake_vm_stop();
    forget();
}

static int make_area(void)
{
    area = vm_alloc(AREA, "area");
    vm_check();
    if (!area)
        return E_NOMEM;
    area[AREA - 1] = 0x5a;
    return OK;
}

static void free_area(void)
{
    vm_free(area);
    vm_check();
}

TEST(virtual_areas)
{
    static const struct fault_story story = {"virtual areas", start_vm, make_area, free_area,
                                             stop_vm,         20,       false,     false};
    fault_play(&story);
}

/* ---- before page_init() has ended ---- */

/* From too little boot RAM by a frame more each time: EXIT_BOOT in plain words, until it is enough.
 */
TEST(boot_ram_out)
{
    volatile u64 nr_frames = 1; /* beside the kernel's image */
    for (volatile bool enough = false; !enough;) {
        fake_boot(&boot, MIB + nr_frames * PAGE_BYTES);
        early_init(&boot);
        if (setjmp(*fake_expect_exit()) == 0) {
            page_init(&boot);
            enough = true;
        } else {
            fake_exit_was(EXIT_BOOT, "boot RAM is out: 0x1000 bytes more are needed");
            nr_frames++;
        }
    }
    assert_in_range(nr_frames, 2, 8);
    page_check();
    paddr_t page;
    while ((page = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE)
        assert_in_range(page, FAKE_RAM_BASE, FAKE_RAM_BASE + MIB + nr_frames * PAGE_BYTES);
    fake_shutdown();
}
