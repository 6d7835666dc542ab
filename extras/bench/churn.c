/* SPDX-License-Identifier: BSD-2-Clause */
/* See churn.h. */
#include "extras/bench/churn.h"

#include "asm/cpu.h"
#include "extras/bench/page_lists.h"
#include "extras/jobs/job.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/string.h"
#include "mm/page.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

#define LIST_ORDER        0
#define NR_PLACES         256
#define NR_ORDERS         6
#define MOVABLE_ORDER     2
#define WORDS_A_PAGE      (PAGE_BYTES / 8)
#define RANDOM_MULTIPLIER 6364136223846793005u /* Knuth's, for 2^64 */

/* What one processor holds. Written by it alone while it works, but for pages that are moved. */
struct page_list {
    paddr_t pages[NR_PLACES];
    u8 busy[NR_PLACES]; /* the place is being used, or its page moved */
};

_Static_assert(sizeof(struct page_list) <= PAGE_BYTES << LIST_ORDER, "a list is one allocation");

struct churn_result {
    u64 nr_pairs;
    u64 nr_failed; /* allocations that were refused; it tries again later */
    u64 nr_wrong;  /* pages that did not hold what was written */
    u64 nr_moved;  /* pages that mm moved meanwhile */
};

static struct page_lists lists = {.order = LIST_ORDER}; /* of the processors that work */
static struct churn_result results[CPUS_MAX];
static bool is_movable;

static u64 next_random(u64 *state)
{
    *state = *state * RANDOM_MULTIPLIER + 1;
    return *state >> 33;
}

static struct page_list *list_of(unsigned cpu)
{
    return lists.of[cpu];
}

static bool open_lists(const struct job *job)
{
    if (!page_lists_open(&lists, job->processors))
        return false;
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        results[cpu] = (struct churn_result){0};
        for (unsigned i = 0; list_of(cpu) && i < NR_PLACES; i++) {
            list_of(cpu)->pages[i] = PADDR_NONE;
            list_of(cpu)->busy[i] = 0;
        }
    }
    return true;
}

/* ---- what a page holds ---- */

/* A word that names its writer, the writer's place for the page, and where in the page it is. */
static u64 mark_of(u64 writer, u64 word)
{
    return (word ^ writer << 32) * RANDOM_MULTIPLIER;
}

/* The first and last word of each page are enough: a page that another owner writes, or that the
 * host took, loses them. */
static void write_marks(paddr_t paddr, unsigned order, u64 writer)
{
    u64 *words = phys_to_virt(paddr);

    for (u64 i = 0; i < WORDS_A_PAGE << order; i += WORDS_A_PAGE) {
        words[i] = mark_of(writer, i);
        words[i + WORDS_A_PAGE - 1] = mark_of(writer, i + WORDS_A_PAGE - 1);
    }
}

static u64 count_wrong(paddr_t paddr, unsigned order, u64 writer)
{
    const u64 *words = phys_to_virt(paddr);
    u64 nr_wrong = 0;

    for (u64 i = 0; i < WORDS_A_PAGE << order; i += WORDS_A_PAGE) {
        u64 last = i + WORDS_A_PAGE - 1;
        nr_wrong += words[i] != mark_of(writer, i) || words[last] != mark_of(writer, last);
    }
    return nr_wrong;
}

static bool try_place(struct page_list *list, unsigned i)
{
    return __atomic_exchange_n(&list->busy[i], 1, __ATOMIC_ACQUIRE) == 0;
}

static void leave_place(struct page_list *list, unsigned i)
{
    __atomic_store_n(&list->busy[i], 0, __ATOMIC_RELEASE);
}

/* mm's: see struct page_owner. A page whose processor is just at it stays where it is. */
static bool move_page(struct page_owner *owner, paddr_t from, paddr_t to)
{
    for (unsigned cpu = 1; cpu < CPUS_MAX; cpu++) {
        struct page_list *list = list_of(cpu);
        for (unsigned i = 0; list && i < NR_PLACES; i++) {
            paddr_t *place = &list->pages[i];
            if (__atomic_load_n(place, __ATOMIC_RELAXED) != from || !try_place(list, i))
                continue;
            bool is_there = *place == from;
            if (is_there) {
                memcpy(phys_to_virt(to), phys_to_virt(from), PAGE_BYTES << owner->order);
                *place = to;
                results[cpu].nr_moved++;
            }
            leave_place(list, i);
            return is_there;
        }
    }
    return false;
}

static struct page_owner churn_owner = {.name = "churn", .order = MOVABLE_ORDER, .move = move_page};

/* ---- the job ---- */

/* Check and free what a place holds, or allocate for it. Its order depends on its number alone. */
static void churn_place(struct page_list *list, unsigned i, struct churn_result *result)
{
    unsigned order = is_movable ? MOVABLE_ORDER : i % NR_ORDERS;
    u64 writer = cpu_id() * NR_PLACES + i;
    paddr_t *place = &list->pages[i];

    while (!try_place(list, i))
        cpu_relax();
    if (*place != PADDR_NONE) {
        result->nr_wrong += count_wrong(*place, order, writer);
        page_free(*place, order);
        *place = PADDR_NONE;
        result->nr_pairs++;
    } else {
        *place = is_movable ? page_alloc_movable(&churn_owner) : page_alloc(order, PAGE_USER);
        if (*place == PADDR_NONE)
            result->nr_failed++;
        else
            write_marks(*place, order, writer);
    }
    leave_place(list, i);
}

static void work(struct job *job)
{
    struct page_list *list = list_of(cpu_id());
    struct churn_result *result = &results[cpu_id()];
    u64 random = cpu_id();

    while (!job_is_ending(job))
        churn_place(list, (unsigned)next_random(&random) % NR_PLACES, result);
    for (unsigned i = 0; i < NR_PLACES; i++) {
        if (__atomic_load_n(&list->pages[i], __ATOMIC_RELAXED) != PADDR_NONE)
            churn_place(list, i, result);
    }
}

static void report(const char *what, const struct job *job, const struct churn_result *sum)
{
    console_printf("bench: %s order=0 cpus=%u pairs=%lu failed=%lu wrong=%lu moved=%lu\n", what,
                   job_nr_others(job) + 1, (unsigned long)sum->nr_pairs,
                   (unsigned long)sum->nr_failed, (unsigned long)sum->nr_wrong,
                   (unsigned long)sum->nr_moved);
}

static void end_churn(struct job *job, enum job_end end)
{
    struct churn_result sum = {0};
    (void)end;
    for (unsigned cpu = 1; cpu < CPUS_MAX; cpu++) {
        sum.nr_pairs += results[cpu].nr_pairs;
        sum.nr_failed += results[cpu].nr_failed;
        sum.nr_wrong += results[cpu].nr_wrong;
        sum.nr_moved += results[cpu].nr_moved;
    }
    page_lists_close(&lists);
    if (sum.nr_wrong != 0)
        commands_note_check_failed();
    report("churned", job, &sum);
    devices_memory_freed();
}

static struct job churn = {
    .name = "bench churn",
    .stopped_by = "'bench churn stop'",
    .work = work,
    .end = end_churn,
};

void churn_start(bool movable, u64 limit_ms)
{
    if (!job_prepare(&churn, JOB_ALL_OTHERS))
        return;
    if ((movable && page_add_owner(&churn_owner) != OK) || !open_lists(&churn)) {
        command_error("bench churn: no memory for its lists");
        return;
    }
    is_movable = movable;
    churn.limit_ms = limit_ms;
    job_start(&churn, false);
    report("churns", &churn, &(struct churn_result){0});
}

void churn_stop(void)
{
    if (!job_stop(&churn))
        command_error("bench churn stop: no churn runs");
}
