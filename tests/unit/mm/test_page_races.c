/* SPDX-License-Identifier: BSD-2-Clause */
/* What another processor does between two steps of this one, which then begins again or waits. */
#include <pthread.h>
#include <sched.h>

#include "include/status.h"
#include "mm/frames.h"
#include "mm/free_index.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "mm/section.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

#define REGION_BASE FAKE_REGION_BASE
#define REGION      (8 * PAGEBLOCK_BYTES)

static struct pageblock theirs; /* of the other processor */
static bool takes;

static void setup(void)
{
    static struct boot_info boot; /* mm keeps a pointer */
    fake_mm_start(&boot, 16 * MIB);
    assert_int_equal(hotplug_add_region(REGION_BASE, REGION, PAGEBLOCK_BYTES, 0, "test"), OK);
    assert_int_equal(hotplug_online(REGION_BASE, REGION), OK);
    theirs = pageblock_at(REGION_BASE + PAGEBLOCK_BYTES);
    takes = false;
}

static void teardown(void)
{
    page_check();
    fake_shutdown();
}

bool __real_frames_claim_pageblocks(paddr_t base, paddr_t end);
bool __wrap_frames_claim_pageblocks(paddr_t base, paddr_t end);

bool __wrap_frames_claim_pageblocks(paddr_t base, paddr_t end)
{
    if (takes)
        assert_true(section_claim_one(theirs.section, theirs.index));
    takes = false;
    return __real_frames_claim_pageblocks(base, end);
}

/* A run was found, and one of its pageblocks is another's before it is claimed. */
TEST_WITH(a_run_is_found_anew, setup, teardown)
{
    takes = true;
    assert_int_equal(page_alloc_run(3 * PAGEBLOCK_FRAMES, PAGE_USER),
                     REGION_BASE + 2 * PAGEBLOCK_BYTES);
    section_return_one(theirs.section, theirs.index);
    page_check();
    assert_int_equal(page_alloc_run(2 * PAGEBLOCK_FRAMES, PAGE_USER), REGION_BASE);
}

static void *look_at_entry(void *unused)
{
    while (section_idle(theirs.section) & pageblock_bit(theirs))
        sched_yield();
    for (unsigned i = 0; i < 100; i++)
        sched_yield();
    pageblock_unlock(pageblock_entry(theirs), 0);
    return unused;
}

/* One that had reserved the pageblock once has its lock while it is claimed: the entry comes after.
 */
TEST_WITH(a_claimed_pageblock_is_locked, setup, teardown)
{
    pthread_t other;
    assert_int_equal(page_alloc(PAGE_ORDER_MAX, PAGE_USER), REGION_BASE);
    (void)pageblock_lock(pageblock_entry(theirs));
    assert_int_equal(pthread_create(&other, NULL, look_at_entry, NULL), 0);
    assert_int_equal(page_alloc(PAGE_ORDER_MAX, PAGE_USER), pageblock_base(theirs));
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_true(*pageblock_entry(theirs) & PB_HUGE);
    page_free(pageblock_base(theirs), PAGE_ORDER_MAX);
}
