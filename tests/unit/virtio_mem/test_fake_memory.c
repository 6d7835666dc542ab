/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory operations that the driver's tests run over: what they give, refuse and notice. */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_memory.h"
#include "tests/unit/unit.h"

#define BASE  UINT64_C(0x100000000)
#define BLOCK UINT64_C(0x8000) /* eight pages */
#define NR    8

static struct fake_memory memory;
static const struct vmem_memory_ops *const ops = &fake_memory_ops;
static unsigned nr_freed;

static uint64_t at(uint64_t block)
{
    return BASE + block * BLOCK;
}

static void note_freed(void *context)
{
    (*(unsigned *)context)++;
}

static int add_region(void)
{
    struct vmem_region region = {
        .base = BASE, .bytes = NR * BLOCK, .block_bytes = BLOCK, .name = "fake"};
    return ops->add_region(&memory, &region);
}

static void set_up(void)
{
    fake_memory_init(&memory);
    nr_freed = 0;
    memory.on_freed = note_freed;
    memory.freed_context = &nr_freed;
    assert_int_equal(add_region(), VMEM_OK);
}

static void tear_down(void)
{
    fake_memory_release(&memory);
}

static void online_all(void)
{
    assert_int_equal(ops->online(&memory, BASE, NR * BLOCK), VMEM_OK);
}

static void expect_idle(uint64_t from, uint64_t to, uint64_t first, uint64_t nr_blocks)
{
    struct vmem_range idle;
    assert_int_equal(ops->next_idle(&memory, at(from), at(to), &idle), nr_blocks != 0);
    if (nr_blocks != 0) {
        assert_int_equal(idle.base, at(first));
        assert_int_equal(idle.bytes, nr_blocks * BLOCK);
    }
}

TEST_WITH(test_online_and_offline, set_up, tear_down)
{
    expect_idle(0, NR, 0, 0);
    assert_int_equal(ops->online(&memory, at(1), 4 * BLOCK), VMEM_OK);
    expect_idle(0, NR, 1, 4);
    unsigned page = fake_memory_hold(&memory, 2, 1, FAKE_FIXED);
    expect_idle(0, NR, 1, 1);
    expect_idle(2, NR, 3, 2);
    expect_idle(2, 4, 3, 1);
    assert_int_equal(ops->used_bytes(&memory, at(0), NR * BLOCK), FAKE_MEMORY_PAGE_BYTES);
    assert_int_equal(ops->offline(&memory, at(1), 4 * BLOCK), VMEM_E_BUSY);
    assert_int_equal(memory.online_bytes, 4 * BLOCK);
    fake_memory_free(&memory, page);
    assert_int_equal(nr_freed, 1);
    assert_int_equal(ops->offline(&memory, at(1), 3 * BLOCK), VMEM_OK);
    assert_true(fake_memory_is_online(&memory, at(4), BLOCK));
    assert_false(fake_memory_is_online(&memory, at(3), 2 * BLOCK));
    fake_memory_check(&memory);
    assert_int_equal(ops->offline(&memory, at(4), BLOCK), VMEM_OK);
    assert_int_equal(ops->remove_region(&memory, BASE), VMEM_OK);
}

/* Runs are aligned, never overlap, and may span blocks that are online. */
TEST_WITH(test_pages, set_up, tear_down)
{
    assert_int_equal(fake_memory_alloc(&memory, 1, FAKE_FIXED), FAKE_MEMORY_NO_RUN);
    online_all();
    unsigned one = fake_memory_alloc(&memory, 1, FAKE_FIXED);
    unsigned four = fake_memory_alloc(&memory, 4, FAKE_MOVABLE);
    unsigned ten = fake_memory_alloc(&memory, 10, FAKE_FIXED);
    assert_int_equal(fake_memory_address(&memory, one), BASE);
    assert_int_equal(fake_memory_address(&memory, four), BASE + BLOCK / 2);
    assert_int_equal(fake_memory_address(&memory, ten), at(1));
    assert_int_equal(fake_memory_used_blocks(&memory), 3);
    assert_int_not_equal(fake_memory_hold(&memory, 7, 8, FAKE_FIXED), FAKE_MEMORY_NO_RUN);
    assert_int_equal(fake_memory_hold(&memory, 7, 1, FAKE_FIXED), FAKE_MEMORY_NO_RUN);
    fake_memory_check(&memory);
    fake_memory_free_all(&memory);
    expect_idle(0, NR, 0, NR);
}

TEST_WITH(test_knobs, set_up, tear_down)
{
    memory.knobs.online_fails_after = 1;
    assert_int_equal(ops->online(&memory, at(0), BLOCK), VMEM_OK);
    assert_int_equal(ops->online(&memory, at(1), BLOCK), VMEM_E_NOMEM);
    assert_int_equal(ops->online(&memory, at(1), BLOCK), VMEM_OK);
    memory.knobs.offline_fails_after = 0;
    assert_int_equal(ops->offline(&memory, at(0), BLOCK), VMEM_E_NOMEM);
    memory.knobs.races = 1;
    assert_int_equal(ops->offline(&memory, at(0), 2 * BLOCK), VMEM_E_BUSY);
    assert_int_equal(memory.online_bytes, 2 * BLOCK);
    memory.knobs.online_limit = 3 * BLOCK;
    assert_int_equal(ops->room(&memory, BASE, 4 * BLOCK), BLOCK);
    assert_int_equal(ops->online(&memory, at(2), 2 * BLOCK), VMEM_E_NOMEM);
    assert_int_equal(memory.calls[FAKE_MEMORY_ONLINE], 4);
}

/* The emptiest blocks go, from the top; what was moved is not moved again but by a first attempt.
 */
TEST_WITH(test_migration, set_up, tear_down)
{
    struct vmem_range range;
    online_all();
    for (unsigned block = 0; block < NR; block++)
        fake_memory_hold(&memory, block, block == 5 ? 1 : 2,
                         block == 7 ? FAKE_FIXED : FAKE_MOVABLE);
    memory.knobs.pages_per_step = 1;
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), 3 * BLOCK, VMEM_MIGRATION_FIRST),
                     3 * BLOCK);
    expect_idle(0, NR, 0, 0);
    for (unsigned block = 6; block >= 4; block--) {
        assert_int_equal(ops->migration_step(&memory, &range), VMEM_MIGRATION_EMPTIED);
        assert_int_equal(range.base, at(block));
    }
    assert_int_equal(ops->migration_step(&memory, &range), VMEM_MIGRATION_NONE);
    assert_int_equal(ops->migration_take(&memory, 2 * BLOCK, &range), VMEM_OK);
    assert_int_equal(range.base, at(5));
    assert_int_equal(range.bytes, 2 * BLOCK);
    ops->migration_end(&memory);
    fake_memory_expect_all_open(&memory);
    expect_idle(0, NR, 4, 1);
    fake_memory_check(&memory);
    /* Block 0 has what was moved: it stays, as does 7. */
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), NR * BLOCK, VMEM_MIGRATION_NEXT),
                     3 * BLOCK);
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), 4 * BLOCK, VMEM_MIGRATION_FIRST),
                     4 * BLOCK);
}

TEST_WITH(test_migration_refused, set_up, tear_down)
{
    struct vmem_range range;
    char text[64];
    online_all();
    unsigned page = fake_memory_hold(&memory, 0, 1, FAKE_MOVABLE);
    memory.knobs.refused_run = page;
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), BLOCK, VMEM_MIGRATION_FIRST),
                     BLOCK);
    assert_int_equal(ops->migration_step(&memory, &range), VMEM_MIGRATION_REFUSED);
    assert_int_equal(ops->migration_obstacle(&memory), VMEM_MIGRATION_REFUSED);
    ops->describe_pinned(&memory, BASE, NR * BLOCK, text, sizeof(text));
    assert_string_equal(text, "blocks fixed=1 movable=0");
    assert_int_equal(ops->migration_step(&memory, &range), VMEM_MIGRATION_NONE);
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), BLOCK, VMEM_MIGRATION_CONTINUE),
                     0);
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), BLOCK, VMEM_MIGRATION_NEXT),
                     BLOCK);
    memory.knobs.refused_run = FAKE_MEMORY_NO_RUN;
    assert_int_equal(ops->migration_step(&memory, &range), VMEM_MIGRATION_EMPTIED);
    assert_int_equal(memory.runs[page].nr_moves, 1);
    fake_memory_free(&memory, page);
    fake_memory_hold(&memory, 1, 1, FAKE_FIXED);
    assert_int_equal(ops->migration_obstacle(&memory), VMEM_MIGRATION_NONE);
}

TEST_WITH(test_migration_without_room, set_up, tear_down)
{
    struct vmem_range range;
    online_all();
    for (unsigned block = 0; block < NR; block++)
        fake_memory_hold(&memory, block, 8, FAKE_MOVABLE);
    assert_int_equal(ops->migration_begin(&memory, BASE, at(NR), BLOCK, VMEM_MIGRATION_FIRST), 0);
    assert_int_equal(ops->migration_obstacle(&memory), VMEM_MIGRATION_NO_ROOM);
    assert_int_equal(ops->migration_take(&memory, BLOCK, &range), VMEM_E_NODEV);
}

/* ---- what the driver must not do ---- */

#define assert_breaks(call)                   \
    do {                                      \
        jmp_buf target;                       \
        memory.breach = &target;              \
        if (setjmp(target) == 0) {            \
            (void)(call);                     \
            fail_msg("%s is allowed", #call); \
        }                                     \
        memory.breach = NULL;                 \
        memory.is_in_call = false;            \
    } while (0)

TEST_WITH(test_breaches, set_up, tear_down)
{
    struct vmem_range range;
    assert_breaks(add_region());
    assert_int_equal(ops->online(&memory, at(2), 2 * BLOCK), VMEM_OK);
    assert_breaks(ops->online(&memory, at(3), 2 * BLOCK));
    assert_breaks(ops->offline(&memory, at(1), 2 * BLOCK));
    assert_breaks(ops->offline(&memory, at(2), BLOCK / 2));
    assert_breaks(ops->offline(&memory, at(2) + FAKE_MEMORY_PAGE_BYTES, BLOCK));
    assert_breaks(ops->online(&memory, at(NR - 1), 2 * BLOCK));
    assert_breaks(ops->online(&memory, BASE - BLOCK, BLOCK));
    assert_breaks(ops->online(&memory, BASE, 0));
    assert_breaks(ops->next_idle(&memory, at(3), at(3), &range));
    assert_breaks(ops->remove_region(&memory, BASE));
    memory.is_in_call = true;
    assert_breaks(ops->used_bytes(&memory, BASE, BLOCK));
    assert_int_equal(ops->offline(&memory, at(2), 2 * BLOCK), VMEM_OK);
    assert_int_equal(ops->remove_region(&memory, BASE), VMEM_OK);
    assert_breaks(ops->online(&memory, at(2), BLOCK));
}
