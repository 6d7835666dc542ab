/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real threads, each one a processor, allocate and free movable pages and others,
 * while the first moves those out of blocks of 4 MiB, takes the blocks offline and
 * back online. No frame is ever given twice, none lost. Built for -fsanitize=thread as
 * well. TIDE_WALK_STEPS=N lets each thread go further.
 */
#include <pthread.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/include/asm/cpu.h"
#include "tests/unit/unit.h"

#define REGION_BASE FAKE_REGION_BASE
#define REGION      (256 * MIB)
#define BLOCK       (4 * MIB)
#define BOOT_BYTES  (16 * MIB)
#define NR_THREADS  3
#define NR_PLACES   600

/* What a worker holds at a place. The lock is for the move of its page, which another thread does.
 */
struct place {
    u32 is_busy;
    unsigned kind; /* an index of kinds[] */
    paddr_t base;  /* 0: nothing */
};

struct worker {
    pthread_t thread;
    u32 cpu;
    u64 random;
    u64 failures;
    struct place places[NR_PLACES];
};

static bool move(struct page_owner *owner, paddr_t from, paddr_t to);
static struct page_owner frames = {.name = "frames", .order = 0, .move = move};
static struct page_owner chunks = {.name = "chunks", .order = 4, .move = move};
static struct page_owner pageblocks = {.name = "pageblocks", .order = 9, .move = move};

static struct {
    struct page_owner *owner; /* NULL: PAGE_USER */
    unsigned order;
} const kinds[] = {{&frames, 0},     {&frames, 0}, {&chunks, 4}, {&chunks, 4},
                   {&pageblocks, 9}, {NULL, 0},    {NULL, 6},    {NULL, 9}};

static u8 used[(REGION + BOOT_BYTES) / PAGE_BYTES];
static struct worker workers[NR_THREADS];
static u64 nr_steps;
static u32 nr_running;
static u64 nr_moves;

static u64 draw(u64 *random, u64 limit)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % limit;
}

/* Every frame of the page is `from`, and `to` from now on. Returns how many were not. */
static u64 set_used(paddr_t base, unsigned order, u8 from, u8 to)
{
    u64 failures = 0;
    for (u64 i = 0; i < (u64)1 << order; i++) {
        paddr_t frame = base + i * PAGE_BYTES;
        u64 index = frame >= REGION_BASE ? (frame - REGION_BASE + BOOT_BYTES) / PAGE_BYTES
                                         : (frame - FAKE_RAM_BASE) / PAGE_BYTES;
        failures += __atomic_exchange_n(&used[index], to, __ATOMIC_RELAXED) != from;
    }
    return failures;
}

static bool try_place(struct place *place)
{
    return __atomic_exchange_n(&place->is_busy, 1, __ATOMIC_ACQUIRE) == 0;
}

static void leave_place(struct place *place)
{
    __atomic_store_n(&place->is_busy, 0, __ATOMIC_RELEASE);
}

/* A place whose worker is at it refuses. */
static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    for (u64 i = 0; i < NR_THREADS * NR_PLACES; i++) {
        struct place *place = &workers[i / NR_PLACES].places[i % NR_PLACES];
        if (__atomic_load_n(&place->base, __ATOMIC_RELAXED) != from || !try_place(place))
            continue;
        bool is_there = place->base == from;
        if (is_there) {
            u64 failures = set_used(from, owner->order, 1, 0) + set_used(to, owner->order, 0, 1);
            __atomic_add_fetch(&workers[0].failures, failures, __ATOMIC_RELAXED);
            __atomic_store_n(&place->base, to, __ATOMIC_RELAXED);
            nr_moves++;
        }
        leave_place(place);
        return is_there;
    }
    return false;
}

static void visit(struct worker *worker, struct place *place)
{
    while (!try_place(place))
        cpu_relax();
    unsigned order = kinds[place->kind].order;
    paddr_t base = place->base;
    if (base != 0) {
        __atomic_add_fetch(&worker->failures, set_used(base, order, 1, 0), __ATOMIC_RELAXED);
        page_free(base, order);
        base = 0;
    } else {
        place->kind = (unsigned)draw(&worker->random, ARRAY_SIZE(kinds));
        order = kinds[place->kind].order;
        base = kinds[place->kind].owner ? page_alloc_movable(kinds[place->kind].owner)
                                        : page_alloc(order, PAGE_USER);
        if (base == PADDR_NONE)
            base = 0;
        else
            __atomic_add_fetch(&worker->failures, set_used(base, order, 0, 1), __ATOMIC_RELAXED);
    }
    __atomic_store_n(&place->base, base, __ATOMIC_RELAXED);
    leave_place(place);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    fake_cpu_id = worker->cpu;
    for (u64 i = 0; i < nr_steps; i++) {
        /* Now few pages, now many, so that memory runs short at times. */
        u64 limit = i / 4096 % 2 ? NR_PLACES : 40;
        visit(worker, &worker->places[draw(&worker->random, limit)]);
    }
    for (u64 i = 0; i < NR_PLACES; i++) {
        if (__atomic_load_n(&worker->places[i].base, __ATOMIC_RELAXED) != 0)
            visit(worker, &worker->places[i]);
    }
    __atomic_sub_fetch(&nr_running, 1, __ATOMIC_RELAXED);
    return NULL;
}

static u64 migrate_under_them(u64 *failures)
{
    struct hotplug_migration session = {0};
    struct hotplug_range range;
    u64 nr_taken = 0;
    u64 random = 7;
    while (__atomic_load_n(&nr_running, __ATOMIC_RELAXED) != 0) {
        enum hotplug_try attempt = (enum hotplug_try)draw(&random, 3);
        hotplug_migrate_begin(&session, REGION_BASE, REGION_BASE + REGION, 1 + draw(&random, 12),
                              attempt);
        while (hotplug_migrate_step(&session, &range) != E_NODEV)
            ;
        while (hotplug_migrate_take(&session, 16 * MIB, &range) == OK) {
            for (u64 at = 0; at < range.bytes; at += 2 * MIB)
                *failures += set_used(range.base + at, 9, 0, 0);
            nr_taken += range.bytes / BLOCK;
            *failures += hotplug_online(range.base, range.bytes) != OK;
        }
        hotplug_migrate_end(&session);
    }
    return nr_taken;
}

TEST(pages_move_under_their_owners)
{
    static struct boot_info boot;
    const char *text = getenv("TIDE_WALK_STEPS");
    nr_steps = text ? strtoull(text, NULL, 0) : 60000;
    fake_mm_start(&boot, BOOT_BYTES);
    /* mm may put bitmaps into the region when boot RAM is out. */
    fake_online(REGION_BASE, REGION, BLOCK);
    assert_int_equal(page_add_owner(&frames), OK);
    assert_int_equal(page_add_owner(&chunks), OK);
    assert_int_equal(page_add_owner(&pageblocks), OK);
    nr_running = NR_THREADS;
    for (u32 i = 0; i < NR_THREADS; i++) {
        workers[i].cpu = i + 1;
        workers[i].random = i + 1;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    u64 failures = 0;
    u64 nr_taken = migrate_under_them(&failures);
    for (u32 i = 0; i < NR_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        failures += workers[i].failures;
    }
    assert_int_equal(failures, 0);
    assert_true(nr_moves > 0);
    assert_true(nr_taken > 0);
    page_check();
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    fake_unback(REGION_BASE, REGION);
    fake_shutdown();
}
