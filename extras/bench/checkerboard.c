/* SPDX-License-Identifier: BSD-2-Clause */
/* See checkerboard.h. No byte of the pageblocks is touched: the host need not back them. */
#include "extras/bench/checkerboard.h"

#include "extras/jobs/job.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "mm/page.h"
#include "monitor/command_error.h"

/* A page of boot RAM: what a part allocates or frees at once. */
struct table {
    struct table *next;
    u64 nr;
    paddr_t pageblocks[PAGE_BYTES / sizeof(paddr_t) - 2]; /* PADDR_NONE: freed again */
};
_Static_assert(sizeof(struct table) == PAGE_BYTES, "a table is one page");

static enum { TAKING, THINNING, HOLDING } phase;
static struct table *tables; /* the last one first */
static struct table *next;   /* to be thinned */
static u64 nr_held;

static u64 plugged_free(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    return stats.plugged_frames - stats.plugged_used;
}

/* False when there is no more to take. */
static bool take_table(void)
{
    u64 nr = min_u64(ARRAY_SIZE(tables->pageblocks), plugged_free() >> PAGE_ORDER_MAX);
    paddr_t memory = nr != 0 ? page_alloc(0, PAGE_BOOT_FIRST) : PADDR_NONE;
    if (memory == PADDR_NONE)
        return false;
    struct table *table = phys_to_virt(memory);
    table->next = tables;
    table->nr = 0;
    tables = table;
    while (table->nr < nr) {
        paddr_t pageblock = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
        if (pageblock == PADDR_NONE)
            return false;
        table->pageblocks[table->nr++] = pageblock;
        nr_held++;
    }
    return true;
}

static void free_each(struct table *table, u64 step)
{
    for (u64 i = 0; i < table->nr; i += step) {
        if (table->pageblocks[i] == PADDR_NONE)
            continue;
        page_free(table->pageblocks[i], PAGE_ORDER_MAX);
        table->pageblocks[i] = PADDR_NONE;
        nr_held--;
    }
    devices_memory_freed();
}

static void report(const char *what)
{
    console_printf("bench: %s pageblocks=%lu\n", what, (unsigned long)nr_held);
}

/* True when nothing is held any more. */
static bool free_table(void)
{
    struct table *table = tables;
    if (!table)
        return true;
    free_each(table, 1);
    tables = table->next;
    page_free(virt_to_phys(table), 0);
    return false;
}

static u64 poll(struct job *job, u64 now_ms)
{
    if (job_is_ending(job))
        return free_table() ? JOB_DONE : now_ms;
    switch (phase) {
    case TAKING:
        if (take_table())
            return now_ms;
        phase = THINNING;
        next = tables;
        return now_ms;
    case THINNING:
        if (next) {
            free_each(next, 2);
            next = next->next;
            return now_ms;
        }
        phase = HOLDING;
        report("checkerboard holds");
        break;
    case HOLDING:
        break;
    }
    return now_ms + job->limit_ms;
}

static void end(struct job *job, enum job_end end)
{
    (void)job;
    (void)end;
    report("checkerboard ended");
}

static struct job checkerboard = {
    .name = "bench checkerboard",
    .stopped_by = "'bench checkerboard stop'",
    .poll = poll,
    .end = end,
};

void checkerboard_start(u64 limit_ms)
{
    if (!job_prepare(&checkerboard, 0))
        return;
    phase = TAKING;
    checkerboard.limit_ms = limit_ms;
    job_start(&checkerboard, false);
}

void checkerboard_stop(void)
{
    if (!job_stop(&checkerboard))
        command_error("bench checkerboard stop: no checkerboard is held");
}
