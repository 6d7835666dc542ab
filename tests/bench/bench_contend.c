/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads that are processors, on Tide's allocator and on rivals: a buddy system behind one
 * spinlock, and LLFree where bench.mk was told of its sources.
 *
 *     bench_contend [OPERATIONS [ROUNDS]]
 *
 * Each round runs every pattern with 1, 2 and 4 threads, on each allocator in turn. The first line
 * names the columns: pattern, threads, and by allocator the nanoseconds of processor time,
 * of all threads together, for one operation. Without contention more threads would not change it.
 * Such times say nothing by themselves: take ratios, and medians of the rounds. All frames must be
 * free after each run, or the status is 1.
 */
#define _GNU_SOURCE /* for the set of processors that a thread may use */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "include/status.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "mm/spinlock.h"
#include "tests/bench/rivals.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/include/asm/cpu.h"

#define REGION_BASE  FAKE_REGION_BASE
#define REGION       (RIVAL_FRAMES * PAGE_BYTES)
#define THREADS_MAX  4
#define PAGES_MAX    ((u64)1 << 19) /* half of all frames */
#define SHARE        8              /* pages that a thread takes from the common list at once */
#define BATCH_FRAMES (64 * MIB / PAGE_BYTES)
#define NR_PLACES    2048
#define NOTHING      (~(u64)0) /* no page: RIVAL_NONE and PADDR_NONE */

static void fail(const char *what)
{
    fprintf(stderr, "bench_contend: %s\n", what);
    exit(1);
}

/* ---- the allocators ---- */

static void tide_init(void)
{
    static struct boot_info boot;
    fake_mm_start(&boot, 16 * MIB);
    if (hotplug_add_region(REGION_BASE, REGION, 2 * MIB, 0, "bench") != OK ||
        hotplug_online(REGION_BASE, REGION) != OK)
        fail("no region");
}

static u64 tide_alloc(unsigned order)
{
    return page_alloc(order, PAGE_USER);
}

/* The region can go as a whole, and come back. */
static bool tide_is_idle(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    page_check();
    return stats.plugged_used == 0 && hotplug_offline(REGION_BASE, REGION) == OK &&
           hotplug_online(REGION_BASE, REGION) == OK;
}

static struct spinlock buddy_lock;

static u64 locked_buddy_alloc(unsigned order)
{
    spin_lock(&buddy_lock);
    u64 frame = buddy_alloc(order);
    spin_unlock(&buddy_lock);
    return frame;
}

static void locked_buddy_free(u64 frame, unsigned order)
{
    spin_lock(&buddy_lock);
    buddy_free(frame, order);
    spin_unlock(&buddy_lock);
}

/* All frames are there again as runs of the largest order. */
static bool buddy_is_idle(void)
{
    static u64 runs[RIVAL_FRAMES >> BUDDY_ORDER_MAX];
    for (u64 i = 0; i < ARRAY_SIZE(runs); i++) {
        runs[i] = buddy_alloc(BUDDY_ORDER_MAX);
        if (runs[i] == RIVAL_NONE)
            return false;
    }
    for (u64 i = 0; i < ARRAY_SIZE(runs); i++)
        buddy_free(runs[i], BUDDY_ORDER_MAX);
    return true;
}

static const struct player {
    const char *name;
    void (*init)(void);
    u64 (*alloc)(unsigned order);
    void (*free)(u64 page, unsigned order);
    bool (*is_idle)(void); /* with no page allocated; changes nothing */
} players[] = {
    {"Tide", tide_init, tide_alloc, page_free, tide_is_idle},
    {"buddy", buddy_init, locked_buddy_alloc, locked_buddy_free, buddy_is_idle},
    {"LLFree", llfree_rival_init, llfree_rival_alloc, llfree_rival_free, llfree_rival_is_idle},
};

static unsigned nr_players; /* those that are linked: LLFree may not be */

static void start_players(void)
{
    printf("pattern threads");
    while (nr_players < ARRAY_SIZE(players) && players[nr_players].init) {
        players[nr_players].init();
        printf(" %s", players[nr_players++].name);
    }
    printf("\n");
}

/* ---- the patterns ---- */

struct pattern {
    const char *name;
    unsigned order;
    void (*work)(u32 number); /* what each thread does */
    void (*before)(void);     /* and processor 0 alone, before them and after; may be NULL */
    void (*after)(void);
};

static const struct player *player;
static const struct pattern *pattern;
static u32 nr_threads;
static u64 nr_operations; /* of all threads together */
static u64 pages[PAGES_MAX];
static u64 nr_pages;
static u64 next_page;

static u64 take(unsigned order)
{
    u64 page = player->alloc(order);
    if (page == NOTHING)
        fail("out of memory");
    return page;
}

/* Pages of processor 0, in a row: as all threads take from one list, their frees meet in one
 * pageblock at any time. */
static void take_pages(void)
{
    nr_pages = nr_operations;
    next_page = 0;
    for (u64 i = 0; i < nr_pages; i++)
        pages[i] = take(pattern->order);
}

static void free_of_others(u32 number)
{
    (void)number;
    u64 at;
    while ((at = __atomic_fetch_add(&next_page, SHARE, __ATOMIC_RELAXED)) < nr_pages) {
        for (u64 i = at; i < min_u64(at + SHARE, nr_pages); i++)
            player->free(pages[i], pattern->order);
    }
}

/* Each thread for itself: as many pages as a batch has, and back. */
static void alloc_and_free(u32 number)
{
    static u64 batches[THREADS_MAX][BATCH_FRAMES];
    u64 *batch = batches[number];
    u64 left = nr_operations / nr_threads;
    while (left > 0) {
        u64 nr = min_u64(left, BATCH_FRAMES >> pattern->order);
        for (u64 i = 0; i < nr; i++)
            batch[i] = take(pattern->order);
        for (u64 i = 0; i < nr; i++)
            player->free(batch[i], pattern->order);
        left -= nr;
    }
}

/* A place has a page or none, whoever put it there; all pages of a place have one order. */
static u64 places[NR_PLACES];

static unsigned order_of_place(u64 place)
{
    static const u8 orders[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 9};
    return orders[place % sizeof(orders)];
}

static void clear_places(void)
{
    for (u64 i = 0; i < NR_PLACES; i++)
        places[i] = NOTHING;
}

static void exchange(u32 number)
{
    u64 random = number + 1;
    for (u64 left = nr_operations / nr_threads; left > 0; left--) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        u64 place = (random >> 33) % NR_PLACES;
        u64 page = take(order_of_place(place));
        page = __atomic_exchange_n(&places[place], page, __ATOMIC_ACQ_REL);
        if (page != NOTHING)
            player->free(page, order_of_place(place));
    }
}

static void free_places(void)
{
    for (u64 i = 0; i < NR_PLACES; i++) {
        if (places[i] != NOTHING)
            player->free(places[i], order_of_place(i));
    }
}

static const struct pattern patterns[] = {
    {"remote-0", 0, free_of_others, take_pages, NULL},
    {"own-0", 0, alloc_and_free, NULL, NULL},
    {"own-9", 9, alloc_and_free, NULL, NULL},
    {"mix", 0, exchange, clear_places, free_places},
};

/* ---- one run ---- */

struct worker {
    pthread_t thread;
    u32 number;
    u64 used_ns; /* processor time of its own */
};

static pthread_barrier_t start;

/* On a processor of the host that is this one's own, if there are as many. */
static void pin(u32 number)
{
    cpu_set_t allowed, own;
    sched_getaffinity(0, sizeof(allowed), &allowed);
    u32 nth = number % (u32)CPU_COUNT(&allowed);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &allowed) || nth-- > 0)
        cpu++;
    CPU_ZERO(&own);
    CPU_SET(cpu, &own);
    pthread_setaffinity_np(pthread_self(), sizeof(own), &own);
}

static u64 used_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (u64)used.tv_sec * 1000000000 + (u64)used.tv_nsec;
}

/* Tide's processor 0 is the one that starts them. */
static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    fake_cpu_id = worker->number + 1;
    pin(worker->number);
    pthread_barrier_wait(&start);
    u64 before_ns = used_ns();
    pattern->work(worker->number);
    worker->used_ns = used_ns() - before_ns;
    return NULL;
}

/* Nanoseconds by operation. */
static double run(void)
{
    struct worker workers[THREADS_MAX];
    u64 sum_ns = 0;
    if (pattern->before)
        pattern->before();
    pthread_barrier_init(&start, NULL, nr_threads);
    for (u32 i = 0; i < nr_threads; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]) != 0)
            fail("no thread");
    }
    for (u32 i = 0; i < nr_threads; i++) {
        pthread_join(workers[i].thread, NULL);
        sum_ns += workers[i].used_ns;
    }
    pthread_barrier_destroy(&start);
    if (pattern->after)
        pattern->after();
    if (!player->is_idle())
        fail("frames are missing");
    return (double)sum_ns / (double)nr_operations;
}

int main(int argc, char **argv)
{
    static const u32 threads[] = {1, 2, THREADS_MAX};
    nr_operations = argc > 1 ? strtoull(argv[1], NULL, 0) : 400000;
    u64 nr_rounds = argc > 2 ? strtoull(argv[2], NULL, 0) : 9;
    if (nr_operations < THREADS_MAX || nr_operations > PAGES_MAX)
        fail("expected 4 to 524288 operations");
    start_players();
    for (u64 round = 0; round < nr_rounds; round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(patterns) * ARRAY_SIZE(threads); i++) {
            pattern = &patterns[i / ARRAY_SIZE(threads)];
            nr_threads = threads[i % ARRAY_SIZE(threads)];
            printf("%s %u", pattern->name, nr_threads);
            for (unsigned which = 0; which < nr_players; which++) {
                player = &players[which];
                printf(" %.2f", run());
            }
            printf("\n");
        }
    }
    return 0;
}
