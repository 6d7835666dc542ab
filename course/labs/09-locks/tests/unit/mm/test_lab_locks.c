/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks and reservations. Built twice: plain, and for ThreadSanitizer, which sees a missing order
 * even where this run happened to come out right. So threads share nothing here but what the locks
 * guard, and slots with relaxed accesses, which order nothing.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "mm/reservation.h"
#include "mm/spinlock.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/include/asm/cpu.h"
#include "tests/unit/unit.h"

#define NR_THREADS  3
#define NR_TURNS    4000
#define TURNS_ALONE 7
#define REGION      (64 * MIB)
#define BOOT_BYTES  (16 * MIB)
#define NR_SLOTS    48

static struct boot_info boot;

static void run_threads(void *(*work)(void *))
{
    pthread_t threads[NR_THREADS];
    for (uintptr_t i = 0; i < NR_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < NR_THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* ---- the locks ---- */

static struct spinlock lock;
static u32 entry;
static u64 counter; /* guarded */

static void *count_by_spinlock(void *context)
{
    (void)context;
    for (unsigned i = 0; i < NR_TURNS; i++) {
        spin_lock(&lock);
        counter++;
        spin_unlock(&lock);
    }
    return NULL;
}

TEST(spinlock_guards_a_counter)
{
    counter = 0;
    run_threads(count_by_spinlock);
    assert_int_equal(counter, NR_THREADS * NR_TURNS);
    assert_int_equal(lock.locked, 0);
}

static void *count_by_pageblock(void *context)
{
    (void)context;
    for (unsigned i = 0; i < NR_TURNS; i++) {
        u32 state = pageblock_lock(&entry);
        counter++;
        pageblock_unlock(&entry, state + 1);
    }
    return NULL;
}

TEST(pageblock_lock_guards_its_entry)
{
    counter = 0;
    entry = PB_COMPLETE;
    run_threads(count_by_pageblock);
    assert_int_equal(counter, NR_THREADS * NR_TURNS);
    assert_int_equal(entry, PB_COMPLETE + NR_THREADS * NR_TURNS);
}

TEST(an_entry_changes_in_one_step)
{
    entry = 7;
    assert_true(pageblock_try_change(&entry, 7, PB_HUGE));
    assert_int_equal(entry, PB_HUGE);
    assert_false(pageblock_try_change(&entry, 7, 0));
    assert_int_equal(pageblock_lock(&entry), PB_HUGE);
    assert_int_equal(entry, PB_HUGE | PB_LOCK);
    assert_false(pageblock_try_change(&entry, PB_HUGE, 0));
    pageblock_unlock(&entry, 3);
    assert_int_equal(entry, 3);
}

/* ---- the reservation ---- */

static void setup(void)
{
    fake_mm_start(&boot, BOOT_BYTES);
    fake_online(FAKE_REGION_BASE, REGION, 2 * MIB);
}

static void teardown(void)
{
    fake_cpu_id = 0;
    page_check();
    assert_int_equal(hotplug_offline(FAKE_REGION_BASE, REGION), OK);
    fake_unback(FAKE_REGION_BASE, REGION);
    fake_shutdown();
}

static u64 plugged_used(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    return stats.plugged_used;
}

static paddr_t alloc_as(u32 cpu)
{
    fake_cpu_id = cpu;
    paddr_t paddr = page_alloc(0, PAGE_USER);
    assert_int_not_equal(paddr, PADDR_NONE);
    return paddr;
}

TEST_WITH(each_processor_has_its_own_pageblock, setup, teardown)
{
    paddr_t pages[4][700]; /* more than a pageblock each */
    for (unsigned i = 0; i < 700; i++)
        for (u32 cpu = 0; cpu < 4; cpu++)
            pages[cpu][i] = alloc_as(cpu);
    assert_int_equal(plugged_used(), 4 * 700);
    page_check();
    for (u32 cpu = 0; cpu < 4; cpu++) {
        for (u32 other = 0; other < cpu; other++)
            assert_int_not_equal(pages[cpu][0] / (2 * MIB), pages[other][0] / (2 * MIB));
        for (unsigned i = 1; i < 512; i++) /* the lowest free frame each time */
            assert_int_equal(pages[cpu][i], pages[cpu][0] + i * PAGE_BYTES);
    }
    for (u32 cpu = 0; cpu < 4; cpu++)
        for (unsigned i = 0; i < 700; i++)
            page_free(pages[cpu][i], 0);
    assert_int_equal(plugged_used(), 0);
}

/* What is free in a reserved pageblock is not in use, whoever asks. */
TEST_WITH(free_frames_of_a_reservation_are_not_in_use, setup, teardown)
{
    paddr_t page = alloc_as(3);
    assert_int_equal(plugged_used(), 1);
    paddr_t other = alloc_as(1);
    assert_int_equal(plugged_used(), 2);
    page_free(page, 0);
    page_free(other, 0);
    assert_int_equal(plugged_used(), 0);
}

/* A processor learns from the entry's tag that another one has ended its reservation. */
TEST_WITH(another_processor_ends_a_reservation, setup, teardown)
{
    paddr_t first = alloc_as(2);
    fake_cpu_id = 1;
    spin_lock(&page_lock);
    assert_true(reservation_end_all(RESERVED_ANY));
    assert_false(reservation_end_all(RESERVED_ANY));
    spin_unlock(&page_lock);
    assert_int_equal(plugged_used(), 1);
    paddr_t taken = alloc_as(1);
    assert_int_equal(taken, first + PAGE_BYTES); /* the pageblock that was let go, reserved anew */
    paddr_t again = alloc_as(2);
    assert_int_not_equal(again / (2 * MIB), taken / (2 * MIB));
    assert_int_equal(plugged_used(), 3);
    page_check();
    page_free(first, 0);
    page_free(taken, 0);
    page_free(again, 0);
}

/* A pageblock with a frame in use stays reserved, one that is idle does not. */
TEST_WITH(ends_what_is_meant, setup, teardown)
{
    paddr_t used = alloc_as(1);
    paddr_t idle = alloc_as(2);
    page_free(idle, 0);
    spin_lock(&page_lock);
    assert_true(reservation_end_all(RESERVED_IDLE));
    assert_false(reservation_end_all(RESERVED_IDLE));
    assert_false(reservation_end_all(RESERVED_BOOT));
    spin_unlock(&page_lock);
    paddr_t other = alloc_as(3);
    assert_int_not_equal(other / (2 * MIB), used / (2 * MIB)); /* that one is still reserved */
    assert_int_equal(alloc_as(1), used + PAGE_BYTES);
    page_free(other, 0);
    page_free(used, 0);
    page_free(used + PAGE_BYTES, 0);
}

/* ---- all of it, by several threads ---- */

static paddr_t slots[NR_SLOTS];
static u8 owners[(REGION + BOOT_BYTES) / PAGE_BYTES];
static u32 nr_failures;

static void mark(paddr_t paddr, u8 from, u8 to)
{
    u64 index = paddr >= FAKE_REGION_BASE ? (paddr - FAKE_REGION_BASE + BOOT_BYTES) / PAGE_BYTES
                                          : (paddr - FAKE_RAM_BASE) / PAGE_BYTES;
    if (__atomic_exchange_n(&owners[index], to, __ATOMIC_RELAXED) != from)
        __atomic_fetch_add(&nr_failures, 1, __ATOMIC_RELAXED);
}

static u32 nr_started;

/*
 * Pages go by way of the slots from the thread that allocated them to one that frees them. All
 * begin together and take turns, so that they meet on one processor and on a busy machine, too.
 */
static void *take_and_give(void *context)
{
    u32 cpu = (u32)(uintptr_t)context;
    const char *seed = getenv("TIDE_WALK_SEED");
    u64 random = (seed ? strtoull(seed, NULL, 0) : 1) * NR_THREADS + cpu;
    fake_cpu_id = cpu;
    __atomic_fetch_add(&nr_started, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&nr_started, __ATOMIC_RELAXED) < NR_THREADS)
        sched_yield();
    for (unsigned i = 0; i < NR_TURNS; i++) {
        if (i % TURNS_ALONE == 0)
            sched_yield();
        random = random * 6364136223846793005u + 1442695040888963407u;
        paddr_t page = page_alloc(0, PAGE_USER);
        if (page == PADDR_NONE)
            continue;
        mark(page, 0, 1);
        page = __atomic_exchange_n(&slots[(random >> 33) % NR_SLOTS], page, __ATOMIC_RELAXED);
        if (page != 0) {
            mark(page, 1, 0);
            page_free(page, 0);
        }
        if (i % 64 == 0)
            (void)plugged_used();
        if (i % 256 == 0) {
            spin_lock(&page_lock);
            (void)reservation_end_all(RESERVED_ANY);
            spin_unlock(&page_lock);
        }
    }
    return NULL;
}

TEST_WITH(threads_take_and_give, setup, teardown)
{
    memset(owners, 0, sizeof(owners));
    nr_failures = nr_started = 0;
    run_threads(take_and_give);
    assert_int_equal(nr_failures, 0);
    page_check();
    for (unsigned i = 0; i < NR_SLOTS; i++) {
        if (slots[i] != 0)
            page_free(slots[i], 0);
        slots[i] = 0;
    }
}
