/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See workload_job.h. The table of chunks is one run of kernel memory, taken
 * at the start for the most that the plan can hold, so that no step needs
 * memory but for its chunk. Chunks are moved by mm, from devices_service(): never
 * while a step is carried out.
 */
#include "kernel/workload_job.h"

#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "kernel/workload_places.h"
#include "lib/console.h"
#include "lib/string.h"
#include "mm/page.h"

#define WORDS_PER_PAGE (PAGE_BYTES / sizeof(u64))
/* The work of one call, so that the monitor and the devices never wait long. */
#define STEPS_PER_RUN  64
#define FRAMES_PER_RUN (1 * MIB / PAGE_BYTES)

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
    bool failed;
} job;

/* The words of a page that carry the pattern: every one, or the first and the last. */
static u64 word_stride(void)
{
    return job.plan.spec.kind == WORKLOAD_VERIFY ? 1 : WORDS_PER_PAGE - 1;
}

static void fill_chunk(const struct workload_chunk *chunk)
{
    for (u64 page = 0; page < job.frames_per_chunk; page++) {
        volatile u64 *words = phys_to_virt(chunk->place + page * PAGE_BYTES);
        for (u64 word = 0; word < WORDS_PER_PAGE; word += word_stride())
            words[word] = workload_pattern(job.plan.spec.seed, chunk->number, page, word);
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
                   (unsigned long)workload_pattern(job.plan.spec.seed, chunk->number, page, word));
    job.failed = true;
    job.state = WORKLOAD_FAILED;
}

static bool check_chunk(const struct workload_chunk *chunk)
{
    for (u64 page = 0; page < job.frames_per_chunk; page++) {
        volatile u64 *words = phys_to_virt(chunk->place + page * PAGE_BYTES);
        for (u64 word = 0; word < WORDS_PER_PAGE; word += word_stride()) {
            u64 found = words[word];
            if (found != workload_pattern(job.plan.spec.seed, chunk->number, page, word)) {
                report_fault(chunk, page, word, found);
                return false;
            }
        }
        job.counts.nr_pages_checked++;
    }
    return true;
}

/* ---- movable chunks ---- */

static bool is_movable(const struct workload_chunk *chunk)
{
    return workload_is_movable(&job.plan.spec, chunk->number);
}

/* mm's: see struct page_owner. */
static bool move_chunk(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 index;
    (void)owner;
    if (!workload_places_find(&job.places, from, &index))
        return false;
    struct workload_chunk *chunk = &job.chunks[index];
    if (workload_refuses(&job.plan.spec, chunk->number)) {
        job.counts.nr_refusals++;
        return false;
    }
    memcpy(phys_to_virt(to), phys_to_virt(from), job.plan.spec.chunk_bytes);
    workload_places_remove(&job.places, index);
    chunk->place = to;
    workload_places_add(&job.places, index);
    job.counts.nr_moves++;
    return true;
}

static struct page_owner owner = {.name = "workload", .move = move_chunk};

/* The owner's order is that of the chunks, as long as there are any. */
static int prepare_owner(const struct workload_spec *spec)
{
    static bool is_known;
    if (spec->movable == 0)
        return OK;
    owner.order = (unsigned)__builtin_ctzll(spec->chunk_bytes / PAGE_BYTES);
    int status = is_known ? OK : page_add_owner(&owner);
    is_known = is_known || status == OK;
    return status;
}

/* ---- steps ---- */

static paddr_t allocate(const struct workload_chunk *chunk)
{
    return is_movable(chunk) ? page_alloc_movable(&owner)
                             : page_alloc_run(job.frames_per_chunk, PAGE_USER);
}

static void take_chunk(u32 leaves)
{
    struct workload_chunk wanted = {.number = job.next_number, .leaves = leaves};
    paddr_t place = allocate(&wanted);
    if (place == PADDR_NONE) {
        job.counts.nr_denied++;
        workload_plan_denied(&job.plan);
        return;
    }
    wanted.place = place;
    struct workload_chunk *chunk = &job.chunks[job.nr_held++];
    *chunk = wanted;
    job.next_number++;
    if (is_movable(chunk)) {
        workload_places_add(&job.places, job.nr_held - 1);
        job.nr_movable++;
    }
    fill_chunk(chunk);
    job.counts.nr_allocs++;
}

static void give_chunk(u64 index)
{
    struct workload_chunk *chunk = &job.chunks[index];
    const struct workload_chunk *last = &job.chunks[--job.nr_held];
    if (is_movable(chunk)) {
        workload_places_remove(&job.places, index);
        page_free(chunk->place, owner.order);
        job.nr_movable--;
    } else {
        page_free_run(chunk->place, job.frames_per_chunk);
    }
    if (chunk != last && is_movable(last)) {
        workload_places_remove(&job.places, job.nr_held);
        *chunk = *last;
        workload_places_add(&job.places, index);
    } else {
        *chunk = *last;
    }
    job.counts.nr_frees++;
}

int workload_job_start(const struct workload_spec *spec)
{
    if (job.state != WORKLOAD_IDLE)
        return E_BUSY;
    u64 nr_chunks = workload_spec_chunks(spec);
    u64 bytes = nr_chunks * sizeof(struct workload_chunk);
    u64 places_bytes = spec->movable != 0 ? workload_places_bytes(nr_chunks) : 0;
    job.nr_table_frames = align_up(bytes + places_bytes, PAGE_BYTES) / PAGE_BYTES;
    if (prepare_owner(spec) != OK)
        return E_NOMEM;
    paddr_t table = page_alloc_run(job.nr_table_frames, PAGE_BOOT_FIRST);
    if (table == PADDR_NONE)
        return E_NOMEM;
    job.chunks = phys_to_virt(table);
    if (places_bytes != 0)
        workload_places_init(&job.places, phys_to_virt(table + bytes), nr_chunks, job.chunks);
    workload_plan_init(&job.plan, spec);
    job.frames_per_chunk = spec->chunk_bytes / PAGE_BYTES;
    job.nr_held = job.nr_movable = 0;
    job.next_number = 0;
    job.next_tick_ms = 0;
    job.counts = (struct workload_report){0};
    job.state = WORKLOAD_RUNNING;
    return OK;
}

void workload_job_stop(void)
{
    if (job.state == WORKLOAD_IDLE)
        return;
    while (job.nr_held > 0) {
        if (job.state != WORKLOAD_FAILED)
            check_chunk(&job.chunks[job.nr_held - 1]);
        give_chunk(job.nr_held - 1);
        if (job.nr_held % STEPS_PER_RUN == 0)
            devices_service();
    }
    page_free_run(virt_to_phys(job.chunks), job.nr_table_frames);
    job.state = WORKLOAD_IDLE;
    devices_memory_freed();
}

static void end(void)
{
    job.state = WORKLOAD_ENDED;
    console_fresh_line();
    console_printf("workload: done kind=%s tick=%lu held=%lu allocs=%lu frees=%lu denied=%lu"
                   " checked=%lu movable=%lu moved=%lu refused=%lu\n",
                   workload_kind_name(job.plan.spec.kind), (unsigned long)job.plan.tick,
                   (unsigned long)(job.nr_held * job.plan.spec.chunk_bytes),
                   (unsigned long)job.counts.nr_allocs, (unsigned long)job.counts.nr_frees,
                   (unsigned long)job.counts.nr_denied, (unsigned long)job.counts.nr_pages_checked,
                   (unsigned long)(job.nr_movable * job.plan.spec.chunk_bytes),
                   (unsigned long)job.counts.nr_moves, (unsigned long)job.counts.nr_refusals);
}

/* Carry one step out; false when the present tick has no more of them. */
static bool carry_out(struct workload_step step, u64 now_ms)
{
    switch (step.action) {
    case WORKLOAD_ALLOC:
        take_chunk(step.leaves);
        return true;
    case WORKLOAD_FREE:
        if (!check_chunk(&job.chunks[step.index]))
            return false;
        give_chunk(step.index);
        return true;
    case WORKLOAD_CHECK:
        return check_chunk(&job.chunks[step.index]);
    case WORKLOAD_WAIT:
        job.next_tick_ms = now_ms + job.plan.spec.tick_ms;
        return false;
    default:
        end();
        return false;
    }
}

bool workload_job_run(u64 now_ms)
{
    u64 frees = job.counts.nr_frees;
    if (job.state != WORKLOAD_RUNNING || now_ms < job.next_tick_ms)
        return false;
    u64 frames = 0;
    bool more = true;
    for (unsigned steps = 0; more && steps < STEPS_PER_RUN && frames < FRAMES_PER_RUN; steps++) {
        more = carry_out(workload_plan_next(&job.plan, job.chunks, job.nr_held), now_ms);
        frames += job.frames_per_chunk;
    }
    if (job.counts.nr_frees != frees)
        devices_memory_freed();
    return more || workload_job_pending();
}

bool workload_job_pending(void)
{
    return job.state == WORKLOAD_RUNNING && platform_now_ms() >= job.next_tick_ms;
}

void workload_job_report(struct workload_report *report)
{
    u64 chunk_bytes = job.plan.spec.chunk_bytes;
    *report = job.counts;
    report->state = job.state;
    report->kind = job.plan.spec.kind;
    report->tick = job.plan.tick;
    report->movable_bytes = job.state == WORKLOAD_IDLE ? 0 : job.nr_movable * chunk_bytes;
    report->held_bytes = job.state == WORKLOAD_IDLE ? 0 : job.nr_held * chunk_bytes;
    report->target_bytes =
        job.state == WORKLOAD_IDLE ? 0 : workload_plan_target(&job.plan, job.nr_held) * chunk_bytes;
}

bool workload_job_failed(void)
{
    return job.failed;
}
