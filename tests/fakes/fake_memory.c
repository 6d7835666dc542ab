/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_memory.h. The region's operations; fake_migration.c has those of a migration. */
#include "tests/fakes/fake_memory.h"

#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_memory_internal.h"
#include "tests/unit/unit.h"

/* ---- the driver's side of the contract ---- */

/* The driver must keep this, or the test fails; a test of the fake itself catches it. */
static void expect(const struct fake_memory *memory, bool is_kept, const char *rule)
{
    if (is_kept)
        return;
    if (memory->breach)
        longjmp(*memory->breach, 1);
    fail_msg("the driver breaks a rule of memory.h: %s", rule);
}

struct fake_memory *fake_memory_enter(void *context, enum fake_memory_call call)
{
    struct fake_memory *memory = context;
    expect(memory, !memory->is_in_call, "one operation at a time");
    expect(memory, memory->has_region == (call != FAKE_MEMORY_ADD_REGION),
           "add_region() once and first, nothing after remove_region()");
    memory->is_in_call = true;
    memory->calls[call]++;
    return memory;
}

void fake_memory_leave(struct fake_memory *memory)
{
    memory->is_in_call = false;
}

static uint64_t block_of(const struct fake_memory *memory, uint64_t address)
{
    return (address - memory->region.base) / memory->region.block_bytes;
}

uint64_t fake_memory_block_base(const struct fake_memory *memory, uint64_t block)
{
    return memory->region.base + block * memory->region.block_bytes;
}

static bool is_inside(const struct fake_memory *memory, uint64_t base, uint64_t bytes)
{
    const struct vmem_region *region = &memory->region;
    return base >= region->base && bytes <= region->bytes &&
           base - region->base <= region->bytes - bytes;
}

/* [*from, *to): the blocks of a range that the driver named, which must be whole and at least one.
 */
void fake_memory_expect_blocks(const struct fake_memory *memory, uint64_t base, uint64_t bytes,
                               uint64_t *from, uint64_t *to)
{
    uint64_t block_bytes = memory->region.block_bytes;
    expect(memory, bytes != 0 && is_inside(memory, base, bytes), "ranges lie in the region");
    expect(memory, bytes % block_bytes == 0 && (base - memory->region.base) % block_bytes == 0,
           "ranges are whole blocks");
    *from = block_of(memory, base);
    *to = *from + bytes / block_bytes;
}

static void expect_all(const struct fake_memory *memory, uint64_t from, uint64_t to, bool is_online)
{
    for (uint64_t i = from; i < to; i++)
        expect(memory, memory->blocks[i].is_online == is_online,
               is_online ? "only online blocks go offline" : "only absent blocks come online");
}

/* ---- regions ---- */

static int add_region(void *context, struct vmem_region *region)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_ADD_REGION);
    expect(memory, region->name != NULL, "a region has a name");
    expect(memory, region->block_bytes != 0 && region->block_bytes % FAKE_MEMORY_PAGE_BYTES == 0,
           "a block is whole pages");
    expect(memory, region->bytes % region->block_bytes == 0, "a region is whole blocks");
    if (memory->knobs.add_region_error != VMEM_OK) {
        fake_memory_leave(memory);
        return memory->knobs.add_region_error;
    }
    if (!region->has_node_id)
        region->node_id = memory->knobs.node_id;
    memory->has_region = true;
    memory->region = *region;
    memory->block_pages = region->block_bytes / FAKE_MEMORY_PAGE_BYTES;
    memory->nr_blocks = region->bytes / region->block_bytes;
    memory->blocks = calloc(memory->nr_blocks + 1, sizeof(memory->blocks[0]));
    memory->used = calloc(memory->nr_blocks * memory->block_pages + 1, 1);
    assert_true(memory->blocks && memory->used);
    fake_memory_leave(memory);
    return VMEM_OK;
}

static int remove_region(void *context, uint64_t base)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_REMOVE_REGION);
    expect(memory, base == memory->region.base, "the region is known by its base");
    expect_all(memory, 0, memory->nr_blocks, false);
    if (memory->knobs.remove_region_error == VMEM_OK)
        fake_memory_release(memory);
    fake_memory_leave(memory);
    return memory->knobs.remove_region_error;
}

void fake_memory_init(struct fake_memory *memory)
{
    *memory = (struct fake_memory){0};
    memory->knobs.online_fails_after = FAKE_MEMORY_NEVER;
    memory->knobs.offline_fails_after = FAKE_MEMORY_NEVER;
    memory->knobs.online_limit = UINT64_MAX;
    memory->knobs.refused_run = FAKE_MEMORY_NO_RUN;
    memory->knobs.pages_per_step = 512;
}

void fake_memory_release(struct fake_memory *memory)
{
    free(memory->blocks);
    free(memory->used);
    memory->blocks = NULL;
    memory->used = NULL;
    memory->nr_blocks = 0;
    memory->has_region = false;
}

/* ---- online and offline ---- */

static bool fails_now(int64_t *calls_left)
{
    if (*calls_left == FAKE_MEMORY_NEVER)
        return false;
    return (*calls_left)-- == 0;
}

static void set_online(struct fake_memory *memory, uint64_t from, uint64_t to, bool is_online)
{
    for (uint64_t i = from; i < to; i++)
        memory->blocks[i] = (struct fake_memory_block){.is_online = is_online};
    uint64_t bytes = (to - from) * memory->region.block_bytes;
    memory->online_bytes += is_online ? bytes : -bytes;
}

static int online(void *context, uint64_t base, uint64_t bytes)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_ONLINE);
    uint64_t from, to;
    fake_memory_expect_blocks(memory, base, bytes, &from, &to);
    expect_all(memory, from, to, false);
    bool has_memory = !fails_now(&memory->knobs.online_fails_after) &&
                      memory->online_bytes + bytes <= memory->knobs.online_limit;
    if (has_memory)
        set_online(memory, from, to, true);
    fake_memory_leave(memory);
    return has_memory ? VMEM_OK : VMEM_E_NOMEM;
}

int fake_memory_offline_blocks(struct fake_memory *memory, uint64_t from, uint64_t to)
{
    expect_all(memory, from, to, true);
    if (memory->knobs.races != 0) {
        memory->knobs.races--;
        assert_int_not_equal(fake_memory_hold(memory, from, 1, FAKE_FIXED), FAKE_MEMORY_NO_RUN);
    }
    for (uint64_t i = from; i < to; i++) {
        if (memory->blocks[i].nr_used != 0)
            return VMEM_E_BUSY;
    }
    if (fails_now(&memory->knobs.offline_fails_after))
        return VMEM_E_NOMEM;
    set_online(memory, from, to, false);
    return VMEM_OK;
}

static int offline(void *context, uint64_t base, uint64_t bytes)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_OFFLINE);
    uint64_t from, to;
    fake_memory_expect_blocks(memory, base, bytes, &from, &to);
    int error = fake_memory_offline_blocks(memory, from, to);
    fake_memory_leave(memory);
    return error;
}

static bool next_idle(void *context, uint64_t from, uint64_t to, struct vmem_range *idle)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_NEXT_IDLE);
    uint64_t first, end;
    fake_memory_expect_blocks(memory, from, to - from, &first, &end);
    const struct fake_memory_block *blocks = memory->blocks;
    while (first < end &&
           (!blocks[first].is_online || blocks[first].is_chosen || blocks[first].nr_used != 0))
        first++;
    uint64_t last = first;
    while (last < end && blocks[last].is_online && !blocks[last].is_chosen &&
           blocks[last].nr_used == 0)
        last++;
    idle->base = fake_memory_block_base(memory, first);
    idle->bytes = (last - first) * memory->region.block_bytes;
    fake_memory_leave(memory);
    return last != first;
}

static uint64_t used_bytes(void *context, uint64_t base, uint64_t bytes)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_USED_BYTES);
    uint64_t from, to, nr_pages = 0;
    fake_memory_expect_blocks(memory, base, bytes, &from, &to);
    for (uint64_t i = from; i < to; i++)
        nr_pages += memory->blocks[i].nr_used;
    fake_memory_leave(memory);
    return nr_pages * FAKE_MEMORY_PAGE_BYTES;
}

static uint64_t room(void *context, uint64_t base, uint64_t bytes)
{
    struct fake_memory *memory = fake_memory_enter(context, FAKE_MEMORY_ROOM);
    expect(memory, base == memory->region.base, "the region is known by its base");
    uint64_t limit = memory->knobs.online_limit;
    uint64_t left = limit > memory->online_bytes ? limit - memory->online_bytes : 0;
    fake_memory_leave(memory);
    return left < bytes ? left : bytes;
}

/* ---- pages ---- */

static bool is_free(const struct fake_memory *memory, uint64_t page)
{
    const struct fake_memory_block *block = &memory->blocks[page / memory->block_pages];
    return block->is_online && !block->is_chosen && memory->used[page] == 0;
}

/* The page after the last one in [first, first + nr_pages) that is not free; `first`: all are. */
static uint64_t after_last_taken(const struct fake_memory *memory, uint64_t first,
                                 uint64_t nr_pages)
{
    uint64_t end = first + nr_pages;
    while (end > first && is_free(memory, end - 1))
        end--;
    return end;
}

bool fake_memory_find_free(const struct fake_memory *memory, uint64_t from, uint64_t to,
                           uint64_t nr_pages, uint64_t *found)
{
    uint64_t align = (nr_pages & (nr_pages - 1)) == 0 ? nr_pages : 1;
    uint64_t first = (from + align - 1) / align * align;
    while (first + nr_pages <= to) {
        const struct fake_memory_block *block = &memory->blocks[first / memory->block_pages];
        bool has_free = block->is_online && block->nr_used != memory->block_pages;
        uint64_t next = has_free ? after_last_taken(memory, first, nr_pages)
                                 : (first / memory->block_pages + 1) * memory->block_pages;
        if (next == first) {
            *found = first;
            return true;
        }
        first = (next + align - 1) / align * align;
    }
    return false;
}

void fake_memory_mark(struct fake_memory *memory, const struct fake_memory_run *run, bool used)
{
    for (uint64_t page = run->first; page < run->first + run->nr_pages; page++) {
        assert_int_equal(memory->used[page], !used);
        memory->used[page] = used;
        memory->blocks[page / memory->block_pages].nr_used += used ? 1 : -(uint64_t)1;
    }
}

static unsigned alloc(struct fake_memory *memory, uint64_t from, uint64_t to, uint64_t nr_pages,
                      enum fake_mobility mobility)
{
    struct fake_memory_run run = {.nr_pages = nr_pages, .mobility = mobility};
    unsigned index = 0;
    if (!fake_memory_find_free(memory, from, to, nr_pages, &run.first))
        return FAKE_MEMORY_NO_RUN;
    if (mobility == FAKE_MOVABLE)
        assert_int_equal(run.first / memory->block_pages,
                         (run.first + nr_pages - 1) / memory->block_pages);
    while (index < memory->nr_runs && memory->runs[index].nr_pages != 0)
        index++;
    assert_true(index < FAKE_MEMORY_RUNS_MAX);
    if (index == memory->nr_runs)
        memory->nr_runs++;
    memory->runs[index] = run;
    fake_memory_mark(memory, &run, true);
    return index;
}

unsigned fake_memory_alloc(struct fake_memory *memory, uint64_t nr_pages,
                           enum fake_mobility mobility)
{
    return alloc(memory, 0, memory->nr_blocks * memory->block_pages, nr_pages, mobility);
}

unsigned fake_memory_hold(struct fake_memory *memory, uint64_t block, uint64_t nr_pages,
                          enum fake_mobility mobility)
{
    assert_true(block < memory->nr_blocks);
    uint64_t first = block * memory->block_pages;
    return alloc(memory, first, first + memory->block_pages, nr_pages, mobility);
}

static void free_run(struct fake_memory *memory, unsigned index)
{
    assert_true(index < memory->nr_runs && memory->runs[index].nr_pages != 0);
    fake_memory_mark(memory, &memory->runs[index], false);
    memory->runs[index].nr_pages = 0;
}

static void tell_freed(struct fake_memory *memory)
{
    assert_false(memory->is_in_call);
    if (memory->on_freed)
        memory->on_freed(memory->freed_context);
}

void fake_memory_free(struct fake_memory *memory, unsigned run)
{
    free_run(memory, run);
    tell_freed(memory);
}

void fake_memory_free_all(struct fake_memory *memory)
{
    for (unsigned i = 0; i < memory->nr_runs; i++) {
        if (memory->runs[i].nr_pages != 0)
            free_run(memory, i);
    }
    tell_freed(memory);
}

/* ---- for the test to look at ---- */

uint64_t fake_memory_address(const struct fake_memory *memory, unsigned run)
{
    assert_true(run < memory->nr_runs && memory->runs[run].nr_pages != 0);
    return memory->region.base + memory->runs[run].first * FAKE_MEMORY_PAGE_BYTES;
}

bool fake_memory_is_online(const struct fake_memory *memory, uint64_t base, uint64_t bytes)
{
    if (!memory->has_region || !is_inside(memory, base, bytes))
        return false;
    for (uint64_t i = block_of(memory, base); i <= block_of(memory, base + bytes - 1); i++) {
        if (!memory->blocks[i].is_online)
            return false;
    }
    return true;
}

uint64_t fake_memory_used_blocks(const struct fake_memory *memory)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < memory->nr_blocks; i++)
        count += memory->blocks[i].nr_used != 0;
    return count;
}

void fake_memory_check(const struct fake_memory *memory)
{
    uint64_t nr_used = 0, nr_allocated = 0, nr_online = 0;
    for (unsigned i = 0; i < memory->nr_runs; i++) {
        uint64_t bytes = memory->runs[i].nr_pages * FAKE_MEMORY_PAGE_BYTES;
        nr_allocated += memory->runs[i].nr_pages;
        assert_true(bytes == 0 ||
                    fake_memory_is_online(memory, fake_memory_address(memory, i), bytes));
    }
    for (uint64_t i = 0; i < memory->nr_blocks; i++) {
        nr_used += memory->blocks[i].nr_used;
        nr_online += memory->blocks[i].is_online;
    }
    assert_int_equal(nr_used, nr_allocated);
    assert_int_equal(memory->online_bytes, nr_online * memory->region.block_bytes);
}

void fake_memory_expect_all_open(const struct fake_memory *memory)
{
    for (uint64_t i = 0; i < memory->nr_blocks; i++)
        assert_false(memory->blocks[i].is_chosen);
}

const struct vmem_memory_ops fake_memory_ops = {
    .add_region = add_region,
    .remove_region = remove_region,
    .online = online,
    .offline = offline,
    .next_idle = next_idle,
    .used_bytes = used_bytes,
    .room = room,
    .migration_begin = fake_migration_begin,
    .migration_step = fake_migration_step,
    .migration_take = fake_migration_take,
    .migration_obstacle = fake_migration_obstacle,
    .migration_end = fake_migration_end,
    .describe_pinned = fake_migration_describe_pinned,
};

const struct vmem_memory_ops fake_memory_plain_ops = {
    .add_region = add_region,
    .remove_region = remove_region,
    .online = online,
    .offline = offline,
    .next_idle = next_idle,
    .used_bytes = used_bytes,
};
