/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_faults.h. The linker gives calls of f() to __wrap_f(), whose __real_f() is the f()
 * meant. */
#include "tests/fakes/fake_faults.h"

#include "extras/check/page_check.h"
#include "extras/vm/vm_paging.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/metadata_pool.h"
#include "mm/page_internal.h"
#include "mm/place.h"
#include "mm/reservation.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static bool armed;
static bool is_lasting;
static u64 nr_before; /* allocations that still succeed */
static bool has_failed;

void faults_begin(u64 nth, bool lasting)
{
    armed = true;
    is_lasting = lasting;
    nr_before = nth;
    has_failed = false;
}

bool faults_end(void)
{
    armed = false;
    return has_failed;
}

static bool fails_now(void)
{
    if (!armed)
        return false;
    if (nr_before > 0) {
        nr_before--;
        return false;
    }
    has_failed = true;
    armed = is_lasting;
    return true;
}

/* ---- every way to allocate ---- */

#define FAULTY(type, name, parameters, arguments, nothing)      \
    type __real_##name parameters;                              \
    type __wrap_##name parameters;                              \
    type __wrap_##name parameters                               \
    {                                                           \
        return fails_now() ? nothing : __real_##name arguments; \
    }

FAULTY(paddr_t, page_alloc, (unsigned order, enum page_kind kind), (order, kind), PADDR_NONE)
FAULTY(paddr_t, page_alloc_reserved, (unsigned order, unsigned slot), (order, slot), PADDR_NONE)
FAULTY(paddr_t, page_alloc_run, (u64 nr_frames, enum page_kind kind), (nr_frames, kind), PADDR_NONE)
FAULTY(paddr_t, page_alloc_on_node, (unsigned order, u32 node_id), (order, node_id), PADDR_NONE)
FAULTY(paddr_t, place_boot_frame, (void), (), PADDR_NONE)
FAULTY(void *, metadata_pool_get, (const struct section *section), (section), NULL)
FAULTY(int, platform_map_ram, (paddr_t paddr, u64 bytes), (paddr, bytes), E_NOMEM)
FAULTY(int, platform_unmap_ram, (paddr_t paddr, u64 bytes), (paddr, bytes), E_NOMEM)
FAULTY(int, platform_vm_map, (u64 address, paddr_t paddr, u64 bytes), (address, paddr, bytes),
       E_NOMEM)
FAULTY(int, platform_map_mmio, (paddr_t paddr, u64 bytes, volatile void **registers),
       (paddr, bytes, registers), E_NOMEM)

/* ---- a story ---- */

/* What must not change: by whom memory is used, not how much of it describes itself. */
struct account {
    u64 boot_used; /* less metadata */
    u64 plugged_frames;
    u64 plugged_used;
    u64 mapped_bytes;
    u64 metadata_frames;
};

static struct account account_now(void)
{
    struct page_stats stats;
    spin_lock(&page_lock);
    reservation_end_all(RESERVED_IDLE); /* an idle pageblock that is reserved keeps a bitmap */
    spin_unlock(&page_lock);
    page_check();
    page_get_stats(&stats);
    u64 metadata_frames = stats.metadata_bytes / PAGE_BYTES;
    return (struct account){stats.boot_used - metadata_frames, stats.plugged_frames,
                            stats.plugged_used, fake_mapped_bytes(), metadata_frames};
}

static void assert_same(struct account now, struct account then, const char *what)
{
    if (now.boot_used != then.boot_used || now.plugged_frames != then.plugged_frames ||
        now.plugged_used != then.plugged_used || now.mapped_bytes != then.mapped_bytes)
        fail_msg("%s: boot RAM %lu used, was %lu; plugged %lu, was %lu; %lu used, was %lu; mapped "
                 "%lu, was %lu",
                 what, now.boot_used, then.boot_used, now.plugged_frames, then.plugged_frames,
                 now.plugged_used, then.plugged_used, now.mapped_bytes, then.mapped_bytes);
}

/* Without a fault: what is left afterwards, sections and radix nodes, which stay. */
static struct account play_well(const struct fault_story *story)
{
    (void)faults_end(); /* of a story that failed */
    story->set_up();
    struct account before = account_now();
    assert_int_equal(story->act(), OK);
    story->undo();
    struct account after = account_now();
    assert_same(after, before, "undone");
    story->tear_down();
    return after;
}

/* True if there was a fault. */
static bool play_once(const struct fault_story *story, u64 nth, bool lasting, struct account end)
{
    story->set_up();
    struct account before = account_now();
    faults_begin(nth, lasting);
    int status = story->act();
    bool failed = faults_end();
    struct account after = account_now();
    if (status != OK) {
        assert_true(failed);
        assert_int_equal(status, E_NOMEM);
        if (!story->goes_half)
            assert_same(after, before, "failed");
        assert_int_equal(story->act(), OK);
    }
    if (story->never_fails && !lasting)
        assert_int_equal(status, OK);
    story->undo();
    after = account_now();
    assert_same(after, before, "undone");
    assert_int_equal(after.metadata_frames, end.metadata_frames);
    story->tear_down();
    return failed;
}

void fault_play(const struct fault_story *story)
{
    struct account end = play_well(story);
    for (unsigned lasting = 0; lasting < 2; lasting++) {
        u64 nth = 0;
        while (play_once(story, nth, lasting, end))
            nth++;
        print_message("%s: %lu allocations\n", story->name, nth);
        assert_true(nth >= story->nr_least);
    }
}
