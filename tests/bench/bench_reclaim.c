/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many blocks stay reclaimable when nothing can be moved: one trace of
 * allocations and random frees, played on Tide's allocator, on first fit and on
 * a buddy system, 4 GiB each.
 *
 *     bench_reclaim [SEED]
 *
 * The trace fills up to 90 %, and then goes down: at each occupancy it first
 * frees at random until that is reached, then frees and allocates at random as
 * many pages as are held. Each line is "OCCUPANCY STAGE BLOCK_MIB BEST TIDE FIRST_FIT BUDDY":
 * blocks without a page in use; best is what the free frames would make.
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
    u32 frames[LIVE_MAX];  /* by the page's place in the trace; LIVE_MAX: it had no room */
    u8 used[RIVAL_FRAMES]; /* 1: in use */
    u64 nr_failed;
} players[] = {
    {.name = "Tide", .init = tide_init, .alloc = tide_alloc, .free = tide_free},
    {.name = "first fit", .init = first_fit_init, .alloc = first_fit_alloc, .free = first_fit_free},
    {.name = "buddy", .init = buddy_init, .alloc = buddy_alloc, .free = buddy_free},
};

/* ---- the trace ---- */

static u8 orders[LIVE_MAX]; /* of the pages held */
static u64 nr_live;
static u64 nr_used; /* frames */
static u64 random_state;

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

static void take(struct player *player, unsigned order)
{
    u64 frame = player->alloc(order);
    player->frames[nr_live] = frame == RIVAL_NONE ? (u32)LIVE_MAX : (u32)frame;
    if (frame == RIVAL_NONE)
        player->nr_failed++;
    else
        memset(player->used + frame, 1, (size_t)1 << order);
}

static void give(struct player *player, u64 index)
{
    u64 frame = player->frames[index];
    player->frames[index] = player->frames[nr_live - 1];
    if (frame == LIVE_MAX)
        return;
    memset(player->used + frame, 0, (size_t)1 << orders[index]);
    player->free(frame, orders[index]);
}

static void take_any(void)
{
    unsigned order = any_order();
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
        take(&players[i], order);
    orders[nr_live++] = (u8)order;
    nr_used += (u64)1 << order;
}

static void give_any(void)
{
    u64 index = random_below(nr_live);
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
        give(&players[i], index);
    nr_used -= (u64)1 << orders[index];
    orders[index] = orders[--nr_live];
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
        printf("%llu %s %llu %llu", (unsigned long long)percent, stage,
               (unsigned long long)sizes[size],
               (unsigned long long)((RIVAL_FRAMES - nr_used) / frames));
        for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
            printf(" %llu", (unsigned long long)count_free(&players[i], frames));
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    static const u64 occupancies[] = {90, 75, 50, 25, 10, 2};
    random_state = 0x9e3779b97f4a7c15 + (argc > 1 ? strtoull(argv[1], NULL, 0) : 0);
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
        players[i].init();
    while (nr_used < RIVAL_FRAMES * occupancies[0] / 100)
        take_any();
    for (unsigned i = 0; i < ARRAY_SIZE(occupancies); i++) {
        u64 limit = RIVAL_FRAMES * occupancies[i] / 100;
        while (nr_used > limit)
            give_any();
        report(occupancies[i], "frees");
        for (u64 turns = nr_live; turns > 0; turns--) {
            give_any();
            while (nr_used < limit)
                take_any();
        }
        report(occupancies[i], "churn");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(players); i++)
        fprintf(stderr, "%s: %llu allocations failed\n", players[i].name,
                (unsigned long long)players[i].nr_failed);
    return 0;
}
