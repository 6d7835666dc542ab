/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many blocks stay reclaimable when nothing can be moved: two traces of
 * allocations and frees, played on Tide's allocator, on first fit and on a buddy
 * system, 4 GiB each.
 *
 *     bench_reclaim [SEED]
 *
 * A trace fills up to 90 %, and then goes down: at each occupancy it first frees
 * at random until that is reached, then frees and allocates at random until as
 * many long-lived pages were freed as are held. In the trace "random" each page is
 * long-lived and freed by itself. In "mixed", as in a kernel, half of the allocations
 * are short-lived, among them no more than one page in 16 that are held, and 64
 * long-lived pages that were allocated one after the other are freed together, as
 * when a process ends.
 *
 * Each line is "TRACE OCCUPANCY STAGE BLOCK_MIB BEST TIDE FIRST_FIT BUDDY": blocks
 * without a page in use; best is what the free frames would make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/status.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/bench/rivals.h"
#include "tests/fakes/fake_mm.h"

#define REGION_BASE FAKE_REGION_BASE
#define REGION      (RIVAL_FRAMES * PAGE_BYTES)
#define LIVE_MAX    RIVAL_FRAMES

static u64 tide_alloc(unsigned order)
{
    paddr_t paddr = page_alloc(order, PAGE_USER);
    if (paddr != PADDR_NONE && paddr < REGION_BASE) { /* boot RAM is not what is compared */
        page_free(paddr, order);
        paddr = PADDR_NONE;
    }
    return paddr == PADDR_NONE ? RIVAL_NONE : (paddr - REGION_BASE) / PAGE_BYTES;
}

static void tide_free(u64 frame, unsigned order)
{
    page_free(REGION_BASE + frame * PAGE_BYTES, order);
}

static void tide_init(void)
{
    static struct boot_info boot;
    fake_mm_start(&boot, 16 * MIB);
    if (hotplug_add_region(REGION_BASE, REGION, 2 * MIB, 0, "bench") != OK ||
        hotplug_online(REGION_BASE, REGION) != OK)
        exit(1);
}

static struct player {
    const char *name;
    void (*init)(void);
    u64 (*alloc)(unsigned order);
    void (*free)(u64 frame, unsigned order);
    u32 frames[LIVE_MAX];  /* by the number of the page; LIVE_MAX: it had no room */
    u8 used[RIVAL_FRAMES]; /* 1: in use */
    u64 nr_failed;
} players[] = {
    {.name = "Tide", .init = tide_init, .alloc = tide_alloc, .free = tide_free},
    {.name = "first fit", .init = first_fit_init, .alloc = first_fit_alloc, .free = first_fit_free},
    {.name = "buddy", .init = buddy_init, .alloc = buddy_alloc, .free = buddy_free},
};

/* ---- the trace ---- */

/*
 * Pages that are freed together make a group, linked by page. The pages of one group were
 * allocated one after the other.
 */
#define NO_PAGE ((u32)LIVE_MAX)

struct groups {
    u32 first[LIVE_MAX];
    u64 nr;
};

static struct groups long_lived, short_lived;
static u32 filling = NO_PAGE; /* the group of long-lived pages that is not full */
static u64 nr_filling;
static u32 next_page[LIVE_MAX];
static u32 unused_pages[LIVE_MAX];
static u8 orders[LIVE_MAX];
static u64 nr_live;  /* pages */
static u64 nr_used;  /* frames */
static u64 nr_given; /* pages that were long-lived */
static u64 random_state;

static const struct trace {
    const char *name;
    u64 group_pages;    /* of long-lived pages */
    u64 short_lived_of; /* so many of SHARES allocations are short-lived */
} traces[] = {
    {"random", 1, 0},
    {"mixed", 64, 2},
};
#define SHARES                      4
#define SHORT_LIVED_LIMIT(nr_pages) ((nr_pages) / 16)

static const struct trace *trace;

static u64 random_below(u64 limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % limit;
}

/* Mostly single frames, now and then a longer run. Huge pages are blocks of their own. */
static unsigned any_order(void)
{
    u64 choice = random_below(200);
    if (choice < 150)
        return 0;
    if (choice < 190)
        return 1 + (unsigned)random_below(3);
    return 4 + (unsigned)random_below(3);
}

static void take(struct player *player, u32 page)
{
    u64 frame = player->alloc(orders[page]);
    player->frames[page] = frame == RIVAL_NONE ? (u32)LIVE_MAX : (u32)frame;
    if (frame == RIVAL_NONE)
        player->nr_failed++;
    else
        memset(player->used + frame, 1, (size_t)1 << orders[page]);
}

static void give(struct player *player, u32 page)
{
    u64 frame = player->frames[page];
    if (frame == LIVE_MAX)
        return;
    memset(player->used + frame, 0, (size_t)1 << orders[page]);
    player->free(frame, orders[page]);
}

static u32 take_page(u32 next)
{
    u32 page = unused_pages[nr_live++];
    orders[page] = (u8)any_order();
    next_page[page] = next;
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
        take(&players[i], page);
    nr_used += (u64)1 << orders[page];
    return page;
}

static void give_page(u32 page)
{
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
        give(&players[i], page);
    nr_used -= (u64)1 << orders[page];
    unused_pages[--nr_live] = page;
}

/* The pages of any group. */
static void give_any(struct groups *groups)
{
    u64 index = random_below(groups->nr);
    for (u32 page = groups->first[index], next; page != NO_PAGE; page = next) {
        next = next_page[page];
        give_page(page);
        nr_given += groups == &long_lived;
    }
    groups->first[index] = groups->first[--groups->nr];
}

static void take_short_lived(void)
{
    short_lived.first[short_lived.nr++] = take_page(NO_PAGE);
    while (short_lived.nr > SHORT_LIVED_LIMIT(nr_live))
        give_any(&short_lived);
}

static void take_any(void)
{
    if (trace->short_lived_of != 0 && random_below(SHARES) < trace->short_lived_of) {
        take_short_lived();
        return;
    }
    filling = take_page(filling);
    if (++nr_filling == trace->group_pages) {
        long_lived.first[long_lived.nr++] = filling;
        filling = NO_PAGE;
        nr_filling = 0;
    }
}

/* ---- counting ---- */

static u64 count_free(const struct player *player, u64 block_frames)
{
    u64 count = 0;
    for (u64 at = 0; at < RIVAL_FRAMES; at += block_frames)
        count += !memchr(player->used + at, 1, block_frames);
    return count;
}

/* The driver would find the blocks that the trace has idle. */
static void check_tide(void)
{
    struct hotplug_range idle;
    u64 found = 0;
    for (paddr_t at = REGION_BASE; hotplug_next_idle(at, REGION_BASE + REGION, &idle);
         at = idle.base + idle.bytes)
        found += idle.bytes / (2 * MIB);
    page_check();
    if (found != count_free(&players[0], 512)) {
        fprintf(stderr, "Tide finds %llu idle blocks\n", (unsigned long long)found);
        exit(1);
    }
}

static void report(u64 percent, const char *stage)
{
    static const u64 sizes[] = {2, 128};
    check_tide();
    for (unsigned size = 0; size < ARRAY_SIZE(sizes); size++) {
        u64 frames = sizes[size] * MIB / PAGE_BYTES;
        printf("%s %llu %s %llu %llu", trace->name, (unsigned long long)percent, stage,
               (unsigned long long)sizes[size],
               (unsigned long long)((RIVAL_FRAMES - nr_used) / frames));
        for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
            printf(" %llu", (unsigned long long)count_free(&players[i], frames));
        printf("\n");
    }
}

static void start(const struct trace *next, u64 seed)
{
    trace = next;
    random_state = 0x9e3779b97f4a7c15 + seed;
    for (u32 page = 0; page < LIVE_MAX; page++)
        unused_pages[page] = page;
    nr_live = nr_used = nr_filling = 0;
    filling = NO_PAGE;
    long_lived.nr = short_lived.nr = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++) {
        memset(players[i].used, 0, sizeof(players[i].used));
        players[i].nr_failed = 0;
        players[i].init();
    }
}

static void run(void)
{
    static const u64 occupancies[] = {90, 75, 50, 25, 10, 2};
    while (nr_used < RIVAL_FRAMES * occupancies[0] / 100)
        take_any();
    for (unsigned i = 0; i < ARRAY_SIZE(occupancies); i++) {
        u64 limit = RIVAL_FRAMES * occupancies[i] / 100;
        while (nr_used > limit)
            give_any(&long_lived);
        report(occupancies[i], "frees");
        for (u64 end = nr_given + nr_live; nr_given < end;) {
            give_any(&long_lived);
            while (nr_used < limit)
                take_any();
        }
        report(occupancies[i], "churn");
    }
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < ARRAY_SIZE(traces); i++) {
        start(&traces[i], argc > 1 ? strtoull(argv[1], NULL, 0) : 0);
        run();
        for (unsigned j = 0; j < ARRAY_SIZE(players); j++)
            fprintf(stderr, "%s, %s: %llu allocations failed\n", trace->name, players[j].name,
                    (unsigned long long)players[j].nr_failed);
        fake_shutdown();
    }
    return 0;
}
