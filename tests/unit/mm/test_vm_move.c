/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual areas whose frames move: the contents stay, the addresses stay, and
 * other processors go on reading and writing meanwhile and lose nothing.
 */
#include <pthread.h>

#include "asm/cpu.h"
#include "asm/vm.h"
#include "extras/vm/vm.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/unit.h"

#define REGION_BASE ((paddr_t)0x200000000000)
#define REGION      (256 * MIB)
#define NR_BLOCKS   (REGION / (2 * MIB))
#define WORDS       (PAGE_BYTES / sizeof(u64))
#define NR_THREADS  3
#define AREAS_MAX   512

static struct boot_info boot;

static struct {
    u64 *base;
    u64 bytes;
} areas[AREAS_MAX];

static void setup(void)
{
    fake_mm_start(&boot, 16 * MIB);
    fake_vm_start();
    fake_online(REGION_BASE, REGION, 2 * MIB);
    memset(areas, 0, sizeof(areas));
}

static void teardown(void)
{
    vm_check();
    page_check();
    fake_unback(REGION_BASE, REGION);
    fake_vm_stop();
    fake_shutdown();
}

/* ---- areas with contents: the first word of each page, and the last ---- */

static void fill(unsigned i)
{
    for (u64 *page = areas[i].base; page < areas[i].base + areas[i].bytes / 8; page += WORDS)
        page[0] = ~(page[WORDS - 1] = (uintptr_t)page ^ i);
}

static void check(unsigned i)
{
    for (u64 *page = areas[i].base; page < areas[i].base + areas[i].bytes / 8; page += WORDS) {
        assert_int_equal(page[WORDS - 1], (uintptr_t)page ^ i);
        assert_int_equal(page[0], ~page[WORDS - 1]);
    }
}

static void take(unsigned i, u64 bytes)
{
    areas[i].base = vm_alloc(bytes, "moving");
    areas[i].bytes = areas[i].base ? align_up(bytes, PAGE_BYTES) : 0;
    fill(i);
}

static void drop(unsigned i)
{
    vm_free(areas[i].base);
    areas[i].base = NULL;
    areas[i].bytes = 0;
}

static void check_all(void)
{
    for (unsigned i = 0; i < AREAS_MAX; i++)
        check(i);
    vm_check();
    page_check();
}

static u64 nr_moves(void)
{
    struct vm_stats stats;
    vm_get_stats(&stats);
    return stats.nr_moves;
}

/* ---- the host shrinks and grows ---- */

static u64 unplug_idle(paddr_t from, paddr_t to, u64 wanted)
{
    struct hotplug_range idle;
    u64 count = 0;
    while (count < wanted && hotplug_next_idle(from, to, &idle)) {
        assert_int_equal(hotplug_offline(idle.base, 2 * MIB), OK);
        count++;
    }
    return count;
}

static u64 shrink_between(paddr_t from, paddr_t to, u64 wanted)
{
    struct hotplug_migration session = {0};
    struct hotplug_range range;
    u64 count = unplug_idle(from, to, wanted);
    u64 chosen = fake_choose(&session, from, to, wanted - count, HOTPLUG_FIRST_TRY);
    assert_true(chosen <= wanted - count);
    for (int status = OK; status != E_NODEV;)
        status = hotplug_migrate_step(&session, &range);
    while (hotplug_migrate_take(&session, REGION, &range) == OK)
        count += range.bytes / (2 * MIB);
    hotplug_migrate_end(&session);
    return count;
}

static u64 shrink(u64 wanted)
{
    return shrink_between(REGION_BASE, REGION_BASE + REGION, wanted);
}

static u64 empty_half(unsigned half)
{
    paddr_t from = REGION_BASE + half * (REGION / 2);
    return shrink_between(from, from + REGION / 2, NR_BLOCKS / 2);
}

static void grow(void)
{
    for (paddr_t block = REGION_BASE; block < REGION_BASE + REGION; block += 2 * MIB) {
        if (!fake_is_mapped(block, 2 * MIB))
            assert_int_equal(hotplug_online(block, 2 * MIB), OK);
    }
}

/* ---- tests ---- */

TEST_WITH(large_pages_leave_a_region, setup, teardown)
{
    for (unsigned i = 0; i < 40; i++)
        take(i, 6 * MIB);
    for (unsigned i = 0; i < 40; i += 2)
        drop(i);
    for (unsigned i = 0; i < 20; i++) {
        u64 before = nr_moves();
        assert_int_equal(empty_half(i % 2), NR_BLOCKS / 2);
        assert_true(nr_moves() - before > 20 && nr_moves() - before <= 60);
        check_all();
        assert_int_equal(fake_mapped_bytes(), REGION / 2);
        grow();
    }
}

TEST_WITH(single_pages_leave_a_region, setup, teardown)
{
    for (unsigned i = 0; i < AREAS_MAX; i++)
        take(i, 200 * KIB + i % 7 * PAGE_BYTES);
    for (unsigned i = 0; i < AREAS_MAX; i++) {
        if (i * 7 % 10 < 6)
            drop(i);
    }
    assert_int_equal(shrink(NR_BLOCKS * 7 / 10), NR_BLOCKS * 7 / 10);
    assert_true(nr_moves() > 1000);
    check_all();
    for (unsigned i = 0; i < AREAS_MAX; i++)
        drop(i);
    assert_int_equal(shrink(NR_BLOCKS), NR_BLOCKS - NR_BLOCKS * 7 / 10);
    assert_int_equal(fake_mapped_bytes(), 0);
    assert_int_equal(fake_vm_mapped_bytes(), 0);
}

/* Without a frame for the way back the page stays where it is, and so does its block. */
TEST_WITH(no_memory_for_the_way_back, setup, teardown)
{
    take(0, MIB);
    while (page_alloc(0, PAGE_BOOT_FIRST) != PADDR_NONE)
        ;
    u64 before = nr_moves();
    assert_int_equal(shrink(1), 0);
    assert_int_equal(nr_moves(), before);
    check_all();
}

TEST_WITH(areas_come_and_go_between_moves, setup, teardown)
{
    u64 random = 4711;
    u64 nr_failed = 0;
    for (unsigned step = 0; step < 3000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned i = (unsigned)(random >> 33) % 64;
        if (areas[i].base) {
            check(i);
            drop(i);
        } else {
            take(i, PAGE_BYTES + (random >> 40) % (i % 8 == 0 ? 16 * MIB : MIB));
            nr_failed += !areas[i].base;
        }
        if (step % 100 == 99) {
            u64 blocks = (random >> 50) % NR_BLOCKS;
            (void)shrink(blocks);
            check_all();
            grow();
        }
    }
    assert_true(nr_failed < 1500 && nr_moves() > 100);
}

/* ---- other processors at work ---- */

static u32 threads_end;
static u64 nr_wrong;
static u64 nr_rounds[NR_THREADS + 1];

/* Its own word of each page counts up by one a round: a store that went to the old frame shows. */
static void *touch(void *context)
{
    fake_cpu_id = (u32)(uintptr_t)context;
    u64 round = 0;
    while (__atomic_load_n(&threads_end, __ATOMIC_RELAXED) == 0) {
        for (unsigned i = 0; i < 24; i++) {
            for (u64 *page = areas[i].base; page < areas[i].base + areas[i].bytes / 8;
                 page += WORDS) {
                volatile u64 *word = &page[fake_cpu_id];
                if (*word != round)
                    __atomic_fetch_add(&nr_wrong, 1, __ATOMIC_RELAXED);
                *word = round + 1;
            }
        }
        round++;
        __atomic_fetch_add(&nr_rounds[fake_cpu_id], 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static bool all_threads_went_round(u64 rounds)
{
    for (unsigned i = 1; i <= NR_THREADS; i++) {
        if (__atomic_load_n(&nr_rounds[i], __ATOMIC_RELAXED) < rounds)
            return false;
    }
    return true;
}

static void clear_own_words(unsigned i)
{
    for (u64 *page = areas[i].base; page < areas[i].base + areas[i].bytes / 8; page += WORDS)
        memset(&page[1], 0, NR_THREADS * sizeof(u64));
}

/* Until many a thread has met a page that was being moved. */
TEST_WITH(others_read_and_write_meanwhile, setup, teardown)
{
    pthread_t threads[NR_THREADS + 1];
    fake_vm_catch_faults();
    threads_end = 0;
    nr_wrong = 0;
    memset(nr_rounds, 0, sizeof(nr_rounds));
    for (unsigned i = 0; i < 24; i++) {
        take(i, i % 2 == 0 ? 4 * MIB : 400 * KIB);
        clear_own_words(i);
    }
    for (u64 i = 1; i <= NR_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, touch, (void *)(uintptr_t)i), 0);
    for (unsigned i = 0; fake_vm_waits() < 200 || !all_threads_went_round(20); i++) {
        assert_int_equal(empty_half(i % 2), NR_BLOCKS / 2);
        grow();
    }
    __atomic_store_n(&threads_end, 1, __ATOMIC_RELAXED);
    for (unsigned i = 1; i <= NR_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(nr_wrong, 0);
    for (unsigned cpu = 1; cpu <= NR_THREADS; cpu++)
        assert_int_equal(areas[0].base[cpu], nr_rounds[cpu]);
    check_all();
}
