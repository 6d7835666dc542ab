/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See workload_job.h. The table of chunks is one run of kernel memory, taken
 * at the start for the most that the plan can hold, so that no step needs
 * memory but for its chunk. Chunks are moved by mm, from devices_service(): never
 * while a step is carried out.
 */
#include "extras/workload/workload_job.h"

#include "extras/jobs/job.h"
#include "extras/workload/workload_places.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "lib/string.h"
#include "mm/page.h"
#include "monitor/commands.h"

#define WORDS_PER_PAGE (PAGE_BYTES / sizeof(u64))
/* The work of one turn, so that the monitor and the devices never wait long. */
#define STEPS_A_TURN  64
#define FRAMES_A_TURN (1 * MIB / PAGE_BYTES)

static struct {
    enum workload_state state;
    struct workload_plan plan;
    struct workload_chunk *chunks;
    u64 nr_table_frames;
    struct workload_places places; /* of the movable chunks; in the same run as the table */
    u64 nr_movable;
    u64 nr_held;
    u64 frames_per_chunk;
    u64 next_tick_ms;
    u32 next_number;
    struct workload_report counts; /* only the nr_ fields are kept up to date */
    void (*stopped)(void);         /* to be called when all is freed */
} load;

static struct job workload_job;

/* The words of a page that carry the pattern: every one, or the first and the last. */
static u64 word_stride(void)
{
    return load.plan.spec.kind == WORKLOAD_VERIFY ? 1 : WORDS_PER_PAGE - 1;
}

static void fill_chunk(const struct workload_chunk *chunk)
{
    for (u64 page = 0; page < load.frames_per_chunk; page++) {
        volatile u64 *words = phys_to_virt(chunk->place + page * PAGE_BYTES);
        for (u64 word = 0; word < WORDS_PER_PAGE; word += word_stride())
            words[word] = workload_pattern(load.plan.spec.seed, chunk->number, page, word);
    }
}

static void report_fault(const struct workload_chunk *chunk, u64 page, u64 word, u64 found)
{
    console_fresh_line();
    console_printf("workload: error chunk=%u page=%lu addr=0x%lx found=0x%016lx"
                   " expected=0x%016lx\n",
                   chunk->number, (unsigned long)page,
                   (unsigned long)(chunk->place + page * PAGE_BYTES + word * sizeof(u64)),
                   (unsigned long)found,
                   (unsigned long)workload_pattern(load.plan.spec.seed, chunk->number, page, word));
    commands_note_check_failed();
    load.state = WORKLOAD_FAILED;
}

static bool check_chunk(const struct workload_chunk *chunk)
{
    for (u64 page = 0; page < load.frames_per_chunk; page++) {
        volatile u64 *words = phys_to_virt(chunk->place + page * PAGE_BYTES);
        for (u64 word = 0; word < WORDS_PER_PAGE; word += word_stride()) {
            u64 found = words[word];
            if (found != workload_pattern(load.plan.spec.seed, chunk->number, page, word)) {
                report_fault(chunk, page, word, found);
                return false;
            }
        }
        load.counts.nr_pages_checked++;
    }
    return true;
}

/* ---- movable chunks ---- */

static bool is_movable(const struct workload_chunk *chunk)
{
    return workload_is_movable(&load.plan.spec, chunk->number);
}

/* mm's: see struct page_owner. */
static bool move_chunk(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 slot;
    (void)owner;
    if (!workload_places_find(&load.places, from, &slot))
        return false;
    struct workload_chunk *chunk = &load.chunks[workload_places_index(&load.places, slot)];
    if (workload_refuses(&load.plan.spec, chunk->number)) {
        load.counts.nr_refusals++;
        return false;
    }
    memcpy(phys_to_virt(to), phys_to_virt(from), load.plan.spec.chunk_bytes);
    chunk->place = to;
    workload_places_move(&load.places, slot);
    load.counts.nr_moves++;
    return true;
}

static struct page_owner owner = {.name = "workload", .move = move_chunk};

/* The owner's order is that of the chunks, as long as there are any. */
static int prepare_owner(const struct workload_spec *spec)
{
    if (spec->movable == 0)
        return OK;
    owner.order = (unsigned)__builtin_ctzll(spec->chunk_bytes / PAGE_BYTES);
    return page_add_owner(&owner);
}

/* ---- steps ---- */

static paddr_t allocate(const struct workload_chunk *chunk)
{
    return is_movable(chunk) ? page_alloc_movable(&owner)
                             : page_alloc_run(load.frames_per_chunk, PAGE_USER);
}

static void take_chunk(u32 leaves)
{
    struct workload_chunk wanted = {.number = load.next_number, .leaves = leaves};
    paddr_t place = allocate(&wanted);
    if (place == PADDR_NONE) {
        load.counts.nr_denied++;
        workload_plan_denied(&load.plan);
        return;
    }
    wanted.place = place;
    struct workload_chunk *chunk = &load.chunks[load.nr_held++];
    *chunk = wanted;
    load.next_number++;
    if (is_movable(chunk)) {
        workload_places_add(&load.places, load.nr_held - 1);
        load.nr_movable++;
    }
    fill_chunk(chunk);
    load.counts.nr_allocs++;
}

static void give_chunk(u64 index)
{
    struct workload_chunk *chunk = &load.chunks[index];
    const struct workload_chunk *last = &load.chunks[--load.nr_held];
    if (is_movable(chunk)) {
        workload_places_remove(&load.places, index);
        page_free(chunk->place, owner.order);
        load.nr_movable--;
    } else {
        page_free_run(chunk->place, load.frames_per_chunk);
    }
    if (chunk != last && is_movable(last)) {
        workload_places_remove(&load.places, load.nr_held);
        *chunk = *last;
        workload_places_add(&load.places, index);
    } else {
        *chunk = *last;
    }
    load.counts.nr_frees++;
}

static void end_plan(void)
{
    load.state = WORKLOAD_ENDED;
    console_fresh_line();
    console_printf("workload: done kind=%s tick=%lu held=%lu allocs=%lu frees=%lu denied=%lu"
                   " checked=%lu movable=%lu moved=%lu refused=%lu\n",
                   workload_kind_name(load.plan.spec.kind), (unsigned long)load.plan.tick,
                   (unsigned long)(load.nr_held * load.plan.spec.chunk_bytes),
                   (unsigned long)load.counts.nr_allocs, (unsigned long)load.counts.nr_frees,
                   (unsigned long)load.counts.nr_denied,
                   (unsigned long)load.counts.nr_pages_checked,
                   (unsigned long)(load.nr_movable * load.plan.spec.chunk_bytes),
                   (unsigned long)load.counts.nr_moves, (unsigned long)load.counts.nr_refusals);
}

/* Carry one step out; false when the present tick has no more of them. */
static bool carry_out(struct workload_step step, u64 now_ms)
{
    switch (step.action) {
    case WORKLOAD_ALLOC:
        take_chunk(step.leaves);
        return true;
    case WORKLOAD_FREE:
        if (!check_chunk(&load.chunks[step.index]))
            return false;
        give_chunk(step.index);
        return true;
    case WORKLOAD_CHECK:
        return check_chunk(&load.chunks[step.index]);
    case WORKLOAD_WAIT:
        load.next_tick_ms = now_ms + load.plan.spec.tick_ms;
        return false;
    default:
        end_plan();
        return false;
    }
}

/* ---- the job ---- */

static u64 do_steps(u64 now_ms)
{
    u64 frees = load.counts.nr_frees;
    u64 frames = 0;
    bool more = true;
    for (unsigned steps = 0; more && steps < STEPS_A_TURN && frames < FRAMES_A_TURN; steps++) {
        more = carry_out(workload_plan_next(&load.plan, load.chunks, load.nr_held), now_ms);
        frames += load.frames_per_chunk;
    }
    if (load.counts.nr_frees != frees)
        devices_memory_freed();
    if (load.state != WORKLOAD_RUNNING)
        return JOB_DONE;
    return more ? now_ms : load.next_tick_ms;
}

static u64 give_back(u64 now_ms)
{
    u64 frames = 0;
    for (unsigned steps = 0; steps < STEPS_A_TURN && frames < FRAMES_A_TURN; steps++) {
        if (load.nr_held == 0)
            return JOB_DONE;
        if (load.state != WORKLOAD_FAILED)
            check_chunk(&load.chunks[load.nr_held - 1]);
        give_chunk(load.nr_held - 1);
        frames += load.frames_per_chunk;
    }
    devices_memory_freed();
    return now_ms;
}

static u64 poll_workload(struct job *job, u64 now_ms)
{
    return job_is_ending(job) ? give_back(now_ms) : do_steps(now_ms);
}

/* When a plan has come to its end, its chunks stay allocated. */
static void end_workload(struct job *job, enum job_end end)
{
    (void)job;
    if (end == JOB_COMPLETE)
        return;
    page_free_run(virt_to_phys(load.chunks), load.nr_table_frames);
    load.state = WORKLOAD_IDLE;
    devices_memory_freed();
    load.stopped();
}

static struct job workload_job = {
    .name = "workload",
    .stopped_by = "'workload stop'",
    .poll = poll_workload,
    .end = end_workload,
};

int workload_job_start(const struct workload_spec *spec)
{
    if (load.state != WORKLOAD_IDLE || !job_prepare(&workload_job, 0))
        return E_BUSY;
    u64 nr_chunks = workload_spec_chunks(spec);
    u64 bytes = nr_chunks * sizeof(struct workload_chunk);
    u64 places_bytes = spec->movable != 0 ? workload_places_bytes(nr_chunks) : 0;
    load.nr_table_frames = align_up(bytes + places_bytes, PAGE_BYTES) / PAGE_BYTES;
    if (prepare_owner(spec) != OK)
        return E_NOMEM;
    paddr_t table = page_alloc_run(load.nr_table_frames, PAGE_BOOT_FIRST);
    if (table == PADDR_NONE)
        return E_NOMEM;
    load.chunks = phys_to_virt(table);
    if (places_bytes != 0)
        workload_places_init(&load.places, phys_to_virt(table + bytes), nr_chunks, load.chunks);
    workload_plan_init(&load.plan, spec);
    load.frames_per_chunk = spec->chunk_bytes / PAGE_BYTES;
    load.nr_held = load.nr_movable = 0;
    load.next_number = 0;
    load.next_tick_ms = 0;
    load.counts = (struct workload_report){0};
    load.state = WORKLOAD_RUNNING;
    job_start(&workload_job, false);
    return OK;
}

int workload_job_want(u64 bytes)
{
    return load.state == WORKLOAD_RUNNING ? workload_plan_want(&load.plan, bytes) : E_INVAL;
}

void workload_job_stop(void (*done)(void))
{
    if (load.state == WORKLOAD_IDLE) {
        done();
        return;
    }
    load.stopped = done;
    if (!job_runs(&workload_job) && job_prepare(&workload_job, 0))
        job_start(&workload_job, true);
    job_stop(&workload_job);
}

void workload_job_report(struct workload_report *report)
{
    u64 chunk_bytes = load.plan.spec.chunk_bytes;
    *report = load.counts;
    report->state = load.state;
    report->kind = load.plan.spec.kind;
    report->tick = load.plan.tick;
    report->movable_bytes = load.state == WORKLOAD_IDLE ? 0 : load.nr_movable * chunk_bytes;
    report->held_bytes = load.state == WORKLOAD_IDLE ? 0 : load.nr_held * chunk_bytes;
    report->target_bytes = load.state == WORKLOAD_IDLE
                               ? 0
                               : workload_plan_target(&load.plan, load.nr_held) * chunk_bytes;
}
