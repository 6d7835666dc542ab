/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See workload.h. A holding is a chain of pages, each a table of runs: its
 * bookkeeping is kernel memory, so that it pins no block.
 */
#include "extras/workload/workload.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "mm/page.h"

struct run {
    paddr_t base;
    u64 nr_frames;
};

#define RUNS_PER_TABLE ((PAGE_BYTES - 2 * sizeof(u64)) / sizeof(struct run))

struct run_table {
    struct run_table *next; /* older runs */
    u64 nr_runs;
    struct run runs[RUNS_PER_TABLE];
};

_Static_assert(sizeof(struct run_table) <= PAGE_BYTES, "a run table is one page");

struct holding {
    struct run_table *tables; /* NULL: the number is free */
    u64 nr_frames;
    u64 nr_runs;
    u64 fill_frames; /* one page of so many in each run was filled; 0: none */
};

not_cleared static struct holding holdings[HOLDINGS_MAX];
static unsigned nr_numbers; /* every holding in use is below */

#define FRAMES_A_PART (4 * MIB / PAGE_BYTES) /* of a fill or check */

/* Where the fill or check is. */
static struct {
    const struct run_table *table; /* NULL: at the end */
    u64 run;
    u64 frame;
} cursor;

/* The run is the holding's from now on. False, and it is free again, without memory for the table.
 */
static bool add_run(struct holding *holding, struct run run)
{
    struct run_table *table = holding->tables;
    if (!table || table->nr_runs == RUNS_PER_TABLE) {
        paddr_t paddr = page_alloc(0, PAGE_BOOT_FIRST);
        if (paddr == PADDR_NONE) {
            page_free_run(run.base, run.nr_frames);
            return false;
        }
        table = phys_to_virt(paddr);
        table->next = holding->tables;
        table->nr_runs = 0;
        holding->tables = table;
    }
    table->runs[table->nr_runs++] = run;
    holding->nr_runs++;
    holding->nr_frames += run.nr_frames;
    return true;
}

static void release(struct holding *holding)
{
    while (holding->tables) {
        struct run_table *table = holding->tables;
        for (u64 i = 0; i < table->nr_runs; i++)
            page_free_run(table->runs[i].base, table->runs[i].nr_frames);
        holding->tables = table->next;
        page_free(virt_to_phys(table), 0);
    }
    *holding = (struct holding){0};
    devices_memory_freed();
}

/* Take runs until nr_frames are there: as long as possible, halved when there is none so long. */
static bool take_runs(struct holding *holding, u64 nr_frames)
{
    u64 longest = nr_frames;
    while (holding->nr_frames < nr_frames) {
        struct run run = {.nr_frames = min_u64(longest, nr_frames - holding->nr_frames)};
        run.base = page_alloc_run(run.nr_frames, PAGE_USER);
        if (run.base == PADDR_NONE) {
            if (run.nr_frames == 1)
                return false;
            longest = run.nr_frames / 2;
            continue;
        }
        if (!add_run(holding, run))
            return false;
    }
    return true;
}

/* The same on a node: as many runs as pageblocks, and smaller ones when those are out. */
static bool take_on_node(struct holding *holding, u64 nr_frames, u32 node_id)
{
    unsigned order = PAGE_ORDER_MAX;
    while (holding->nr_frames < nr_frames) {
        while ((u64)1 << order > nr_frames - holding->nr_frames)
            order--;
        struct run run = {page_alloc_on_node(order, node_id), (u64)1 << order};
        if (run.base == PADDR_NONE) {
            if (order == 0)
                return false;
            order--;
            continue;
        }
        if (!add_run(holding, run))
            return false;
    }
    return true;
}

int workload_alloc(u64 bytes, const u32 *node_id)
{
    unsigned number = 0;
    while (number < nr_numbers && holdings[number].tables)
        number++;
    if (number == HOLDINGS_MAX)
        return E_RANGE;
    if (bytes == 0 || bytes > ~(u64)0 - PAGE_BYTES)
        return E_NOMEM;
    struct holding *holding = &holdings[number];
    *holding = (struct holding){0};
    u64 nr_frames = align_up(bytes, PAGE_BYTES) / PAGE_BYTES;
    if (node_id ? !take_on_node(holding, nr_frames, *node_id) : !take_runs(holding, nr_frames)) {
        release(holding);
        return E_NOMEM;
    }
    if (number == nr_numbers)
        nr_numbers++;
    return (int)number;
}

static struct holding *find(unsigned number)
{
    if (number >= nr_numbers || !holdings[number].tables)
        return NULL;
    return &holdings[number];
}

int workload_free(unsigned number)
{
    struct holding *holding = find(number);
    if (!holding)
        return E_NODEV;
    release(holding);
    while (nr_numbers > 0 && !holdings[nr_numbers - 1].tables)
        nr_numbers--;
    return OK;
}

int workload_last(void)
{
    return (int)nr_numbers - 1;
}

/* Murmur3's finisher: neighbouring addresses differ in every byte. */
static u64 pattern(paddr_t paddr, unsigned number)
{
    u64 word = paddr ^ (u64)(number + 1) << 52;
    word = (word ^ word >> 33) * 0xff51afd7ed558ccd;
    return word ^ word >> 33;
}

/* The visitor of one frame; false stops the walk. */
typedef bool (*frame_visitor)(paddr_t frame, unsigned number, void *context);

static void begin(const struct holding *holding)
{
    cursor.table = holding->tables;
    cursor.run = cursor.frame = 0;
}

/* To the next frame of each `step` in each run. */
static void advance(u64 step)
{
    cursor.frame += step;
    if (cursor.frame < cursor.table->runs[cursor.run].nr_frames)
        return;
    cursor.frame = 0;
    if (++cursor.run < cursor.table->nr_runs)
        return;
    cursor.run = 0;
    cursor.table = cursor.table->next;
}

static int walk(unsigned number, u64 step, frame_visitor visit, void *context)
{
    for (u64 i = 0; i < FRAMES_A_PART && cursor.table; i++) {
        paddr_t frame = cursor.table->runs[cursor.run].base + cursor.frame * PAGE_BYTES;
        if (!visit(frame, number, context))
            return E_INVAL;
        advance(step);
    }
    return cursor.table ? E_AGAIN : OK;
}

static bool fill_frame(paddr_t frame, unsigned number, void *context)
{
    (void)context;
    for (paddr_t word = frame; word < frame + PAGE_BYTES; word += sizeof(u64))
        *(volatile u64 *)phys_to_virt(word) = pattern(word, number);
    return true;
}

static bool check_frame(paddr_t frame, unsigned number, void *context)
{
    struct workload_fault *fault = context;
    for (paddr_t word = frame; word < frame + PAGE_BYTES; word += sizeof(u64)) {
        u64 found = *(volatile u64 *)phys_to_virt(word);
        if (found != pattern(word, number)) {
            *fault = (struct workload_fault){word, found, pattern(word, number)};
            return false;
        }
    }
    return true;
}

int workload_fill(unsigned number, u64 step, bool is_first)
{
    struct holding *holding = find(number);
    if (!holding)
        return E_NODEV;
    if (is_first) {
        holding->fill_frames = 0;
        begin(holding);
    }
    int status = walk(number, step, fill_frame, NULL);
    if (status == OK)
        holding->fill_frames = step;
    return status;
}

int workload_check(unsigned number, struct workload_fault *fault, bool is_first)
{
    const struct holding *holding = find(number);
    if (!holding)
        return E_NODEV;
    if (is_first)
        begin(holding);
    return walk(number, holding->fill_frames, check_frame, fault);
}

bool workload_is_filled(unsigned number)
{
    const struct holding *holding = find(number);
    return holding && holding->fill_frames != 0;
}

bool workload_describe(unsigned number, u64 *bytes, u64 *nr_runs, paddr_t *first)
{
    const struct holding *holding = find(number);
    if (!holding)
        return false;
    *bytes = holding->nr_frames * PAGE_BYTES;
    *nr_runs = holding->nr_runs;
    *first = holding->tables->runs[0].base;
    return true;
}
