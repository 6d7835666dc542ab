/* SPDX-License-Identifier: BSD-2-Clause */
/* See bench.h. */
#include "extras/bench/bench.h"

#include "asm/cpu.h"
#include "extras/bench/page_lists.h"
#include "extras/jobs/job.h"
#include "include/platform.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "mm/page.h"
#include "monitor/command_error.h"

#define PAGES_MAX         4096       /* held at once by a processor; the size of its list */
#define BATCH_FRAMES      (16 * KIB) /* and how many frames at most: 64 MiB */
#define LIST_ORDER        4
#define PAIRS_A_PART      16384
#define RANDOM_MULTIPLIER 6364136223846793005u /* Knuth's, for 2^64 */

/* What one processor holds; its own while it works, so that only the allocator is shared. */
struct page_list {
    paddr_t pages[PAGES_MAX];
    u16 order_of_free[PAGES_MAX]; /* a permutation */
};

_Static_assert(sizeof(struct page_list) <= PAGE_BYTES << LIST_ORDER, "a list is one allocation");

struct result {
    u64 nr_pairs;
    u64 nr_failed; /* allocations that were refused: the processor then ends */
};

static struct {
    enum bench_pattern pattern;
    unsigned order;
    u64 nr_pairs;
} task; /* written while no processor works */

static struct page_lists lists = {.order = LIST_ORDER};
static struct result results[CPUS_MAX];

/* ---- lists ---- */

static void shuffle(u16 *numbers, unsigned nr, u64 seed)
{
    for (unsigned i = 0; i < nr; i++)
        numbers[i] = (u16)i;
    for (unsigned i = nr; i > 1; i--) {
        seed = seed * RANDOM_MULTIPLIER + 1;
        unsigned j = (unsigned)((seed >> 33) % i);
        u16 last = numbers[i - 1];

        numbers[i - 1] = numbers[j];
        numbers[j] = last;
    }
}

static unsigned batch_size(void)
{
    return (unsigned)min_u64(PAGES_MAX, BATCH_FRAMES >> task.order);
}

/* For the processor that booted, and for each of the job's. */
static bool open_lists(const struct job *job)
{
    if (!page_lists_open(&lists, job->processors | 1))
        return false;
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        results[cpu] = (struct result){0};
        if (lists.of[cpu] && task.pattern == BENCH_RANDOM)
            shuffle(((struct page_list *)lists.of[cpu])->order_of_free, batch_size(), cpu + 1);
    }
    return true;
}

/* ---- patterns: a part of the work; false when there is no more ---- */

/* A part that could not end counts nothing: counting would cost each pair an instruction. */
static bool run_hot(struct result *result)
{
    unsigned order = task.order;
    u64 nr_pairs = min_u64(PAIRS_A_PART, task.nr_pairs - result->nr_pairs);

#pragma GCC unroll 4
    for (u64 i = 0; i < nr_pairs; i++) {
        paddr_t page = page_alloc(order, PAGE_USER);
        if (unlikely(page == PADDR_NONE)) {
            result->nr_failed++;
            return false;
        }
        page_free(page, order);
    }
    result->nr_pairs += nr_pairs;
    return result->nr_pairs < task.nr_pairs;
}

static u64 fill_list(struct page_list *list, u64 nr)
{
    u64 got = 0;

    while (got < nr) {
        paddr_t page = page_alloc(task.order, PAGE_USER);
        if (unlikely(page == PADDR_NONE))
            break;
        list->pages[got++] = page;
    }
    return got;
}

static bool run_batches(struct page_list *list, struct result *result)
{
    u64 batch = batch_size();
    u64 end = min_u64(task.nr_pairs, result->nr_pairs + PAIRS_A_PART);

    while (result->nr_pairs < end) {
        u64 wanted = min_u64(batch, end - result->nr_pairs);
        u64 got = fill_list(list, wanted);
        bool in_order = task.pattern == BENCH_BULK || got < batch;

        for (u64 i = 0; i < got; i++)
            page_free(list->pages[in_order ? i : list->order_of_free[i]], task.order);
        result->nr_pairs += got;
        if (got < wanted) {
            result->nr_failed++;
            return false;
        }
    }
    return result->nr_pairs < task.nr_pairs;
}

static bool run_part(unsigned cpu)
{
    return task.pattern == BENCH_HOT ? run_hot(&results[cpu])
                                     : run_batches(lists.of[cpu], &results[cpu]);
}

/* ---- the job ---- */

static u64 poll_bench(struct job *job, u64 now_ms)
{
    return !job_is_ending(job) && run_part(0) ? now_ms : JOB_DONE;
}

static void work(struct job *job)
{
    while (!job_is_ending(job) && run_part(cpu_id()))
        ;
}

static const char *const names[] = {
    [BENCH_HOT] = "hot",
    [BENCH_BULK] = "bulk",
    [BENCH_RANDOM] = "random",
};

static void end_bench(struct job *job, enum job_end end)
{
    struct result sum = {0};
    (void)end;
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        sum.nr_pairs += results[cpu].nr_pairs;
        sum.nr_failed += results[cpu].nr_failed;
    }
    page_lists_close(&lists);
    console_printf("bench: %s order=%u cpus=%u pairs=%lu failed=%lu wrong=0 moved=0\n",
                   names[task.pattern], task.order, job_nr_others(job) + 1,
                   (unsigned long)sum.nr_pairs, (unsigned long)sum.nr_failed);
    devices_memory_freed();
}

static struct job bench = {
    .name = "bench",
    .stopped_by = "Ctrl-C",
    .poll = poll_bench,
    .work = work,
    .end = end_bench,
    .limit_ms = JOB_LIMIT_MS,
};

void bench_start(enum bench_pattern pattern, unsigned order, u64 nr_pairs, unsigned nr_cpus)
{
    if (!job_prepare(&bench, nr_cpus - 1))
        return;
    task.pattern = pattern;
    task.order = order;
    task.nr_pairs = nr_pairs;
    if (open_lists(&bench))
        job_start(&bench, true);
    else
        command_error("bench: no memory for its lists");
}
