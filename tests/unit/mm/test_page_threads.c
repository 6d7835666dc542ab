/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real threads, each one a processor: they allocate and free, one another's
 * pages too, while the first takes blocks offline and online under them. No
 * frame is ever given twice. Built for -fsanitize=thread as well. TIDE_WALK_STEPS=N
 * lets each thread go further, TIDE_WALK_SEED=N elsewhere.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/include/asm/cpu.h"
#include "tests/unit/unit.h"

#define REGION_BASE FAKE_REGION_BASE
#define REGION      (512 * MIB)
#define BOOT_BYTES  (32 * MIB)
#define NR_THREADS  4
#define NR_KEPT     4000
#define NR_SHARED   64

struct page {
    paddr_t base;
    unsigned order;
};

struct worker {
    pthread_t thread;
    u32 cpu;
    u64 random;
    u64 nr_kept;
    u64 failures;
    struct page kept[NR_KEPT];
};

static struct boot_info boot;
static u8 owners[(REGION + BOOT_BYTES) / PAGE_BYTES]; /* 0: nobody's */
static struct worker workers[NR_THREADS];
static u64 nr_steps;
static u32 nr_running;

/* Pages that one thread leaves for any other to free. */
static struct page shared[NR_SHARED];
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static u64 random_below(struct worker *worker, u64 limit)
{
    worker->random = worker->random * 6364136223846793005u + 1442695040888963407u;
    return (worker->random >> 33) % limit;
}

static u8 *owner_of(paddr_t frame)
{
    u64 index = frame >= REGION_BASE ? (frame - REGION_BASE + BOOT_BYTES) / PAGE_BYTES
                                     : (frame - FAKE_RAM_BASE) / PAGE_BYTES;
    return &owners[index];
}

static void set_owner(struct worker *worker, struct page page, u8 from, u8 to)
{
    for (u64 i = 0; i < (u64)1 << page.order; i++) {
        u8 before = __atomic_exchange_n(owner_of(page.base + i * PAGE_BYTES), to, __ATOMIC_RELAXED);
        worker->failures += before != from;
    }
}

static struct page swap_shared(u64 index, struct page page)
{
    pthread_mutex_lock(&shared_lock);
    struct page old = shared[index];
    shared[index] = page;
    pthread_mutex_unlock(&shared_lock);
    return old;
}

static void give(struct worker *worker, struct page page)
{
    set_owner(worker, page, 1, 0);
    page_free(page.base, page.order);
}

static void take(struct worker *worker)
{
    static const u8 orders[] = {0, 0, 0, 0, 0, 1, 2, 3, 5, 6, 8, 9};
    struct page page = {0, orders[random_below(worker, sizeof(orders))]};
    page.base = page_alloc(page.order, random_below(worker, 8) ? PAGE_USER : PAGE_KERNEL);
    if (page.base == PADDR_NONE)
        return;
    set_owner(worker, page, 0, 1);
    if (random_below(worker, 4) == 0)
        page = swap_shared(random_below(worker, NR_SHARED), page);
    if (page.base != 0)
        worker->kept[worker->nr_kept++] = page;
}

static void put(struct worker *worker)
{
    u64 index = random_below(worker, worker->nr_kept);
    struct page page = worker->kept[index];
    worker->kept[index] = worker->kept[--worker->nr_kept];
    give(worker, page);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    fake_cpu_id = worker->cpu;
    for (u64 i = 0; i < nr_steps; i++) {
        u64 limit = i / 2048 % 2 ? NR_KEPT : 100;
        if (worker->nr_kept < NR_KEPT && (worker->nr_kept == 0 || worker->nr_kept < limit) &&
            random_below(worker, 8) != 0)
            take(worker);
        else if (worker->nr_kept > 0)
            put(worker);
    }
    while (worker->nr_kept > 0)
        put(worker);
    __atomic_sub_fetch(&nr_running, 1, __ATOMIC_RELAXED);
    return NULL;
}

static u64 resize_under_them(struct worker *worker)
{
    u64 nr_offlined = 0;
    while (__atomic_load_n(&nr_running, __ATOMIC_RELAXED) != 0) {
        paddr_t from = REGION_BASE + random_below(worker, REGION / (2 * MIB)) * 2 * MIB;
        struct hotplug_range idle;
        if (!hotplug_next_idle(from, REGION_BASE + REGION, &idle))
            continue;
        idle.bytes = min_u64(idle.bytes, 8 * MIB);
        if (hotplug_offline(idle.base, idle.bytes) != OK)
            continue;
        for (u64 i = 0; i < idle.bytes / PAGE_BYTES; i++)
            worker->failures += *owner_of(idle.base + i * PAGE_BYTES) != 0;
        nr_offlined++;
        worker->failures += hotplug_online(idle.base, idle.bytes) != OK;
    }
    return nr_offlined;
}

static u64 number_from(const char *variable, u64 otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

TEST(threads_share_the_allocator)
{
    nr_steps = number_from("TIDE_WALK_STEPS", 60000);
    u64 seed = number_from("TIDE_WALK_SEED", 0);
    fake_mm_start(&boot, BOOT_BYTES);
    /* mm may put bitmaps into the region when boot RAM is out. */
    fake_online(REGION_BASE, REGION, 2 * MIB);
    struct page_stats before, after;
    page_get_stats(&before);
    nr_running = NR_THREADS;
    for (u32 i = 0; i < NR_THREADS; i++) {
        workers[i] = (struct worker){.cpu = i + 1, .random = seed * NR_THREADS + i + 1};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    static struct worker resizer = {.random = 99};
    u64 nr_offlined = resize_under_them(&resizer);
    u64 failures = resizer.failures;
    for (u32 i = 0; i < NR_THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        failures += workers[i].failures;
    }
    assert_int_equal(failures, 0);
    assert_true(nr_offlined > 0);
    page_check();
    for (u32 i = 0; i < NR_SHARED; i++) {
        if (shared[i].base != 0)
            give(&resizer, shared[i]);
    }
    page_check();
    assert_int_equal(hotplug_offline(REGION_BASE, REGION), OK);
    page_get_stats(&after);
    assert_int_equal(after.plugged_used, 0);
    assert_true(after.boot_used <= before.boot_used + 8);
    fake_unback(REGION_BASE, REGION);
    fake_shutdown();
}

static void *free_pageblock(void *argument)
{
    const struct page *page = argument;
    fake_cpu_id = 1;
    page_free(page->base, page->order);
    __atomic_store_n(&nr_running, 0, __ATOMIC_RELAXED);
    return NULL;
}

/* A processor that looks at a pageblock keeps its lock; who frees it as a whole meanwhile waits. */
TEST(a_whole_pageblock_is_freed_under_a_look)
{
    fake_mm_start(&boot, BOOT_BYTES);
    struct page page = {page_alloc(PAGE_ORDER_MAX, PAGE_KERNEL), PAGE_ORDER_MAX};
    u32 *pageblock = &section_at(page.base)->entries[pageblock_index(page.base)];
    pthread_t thread;
    u32 entry = pageblock_lock(pageblock);
    nr_running = 1;
    assert_int_equal(pthread_create(&thread, NULL, free_pageblock, &page), 0);
    for (unsigned i = 0; i < 10000 && __atomic_load_n(&nr_running, __ATOMIC_RELAXED) != 0; i++)
        sched_yield();
    assert_int_equal(__atomic_load_n(pageblock, __ATOMIC_RELAXED), entry | PB_LOCK);
    pageblock_unlock(pageblock, entry);
    pthread_join(thread, NULL);
    assert_int_equal(*pageblock, 0);
    page_check();
    fake_shutdown();
}
