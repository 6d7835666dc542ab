/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtual area is moved while each allocation of that fails in turn. */

#include "extras/vm/vm.h"
#include "include/status.h"
#include "include/units.h"
#include "mm/hotplug/hotplug.h"
#include "mm/page.h"
#include "tests/fakes/fake_faults.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/unit.h"

#define REGION_BASE ((paddr_t)0x200000000000)
#define REGION      (64 * MIB)
#define HALF        (REGION / 2)
#define BLOCK       (8 * MIB)
#define AREA        (4 * MIB + 20 * KIB)

static struct boot_info boot;
static u8 *area;
static u64 nr_gone;

static void set_up(void)
{
    fake_mm_start(&boot, 8 * MIB);
    fake_vm_start();
    fake_online(REGION_BASE, REGION, BLOCK);
}

static void tear_down(void)
{
    vm_check();
    fake_unback(REGION_BASE, REGION);
    fake_vm_stop();
    fake_shutdown();
}

/* Counting lets go of the pageblocks that the processor holds, as a failure may have done. */
static void let_go(void)
{
    (void)fake_count_pinned(REGION_BASE, REGION_BASE + REGION);
}

/* Out of the lower half, while nothing of the upper one is in use. */

static void set_up_area(void)
{
    set_up();
    area = vm_alloc(AREA, "moving");
    assert_non_null(area);
    memset(area, 0x5a, AREA);
    nr_gone = 0;
}

static int empty_lower_half(void)
{
    struct hotplug_migration session = {0};
    struct hotplug_range range;
    int failure = OK;
    int status;
    while (hotplug_next_idle(REGION_BASE, REGION_BASE + HALF, &range)) {
        if (hotplug_offline(range.base, BLOCK) != OK)
            return E_NOMEM;
        nr_gone++;
    }
    hotplug_migrate_begin(&session, REGION_BASE, REGION_BASE + HALF, HALF / BLOCK - nr_gone,
                          HOTPLUG_FIRST_TRY);
    while ((status = hotplug_migrate_step(&session, &range)) != E_NODEV) {
        if (status != OK && status != E_AGAIN)
            failure = E_NOMEM; /* also for a move that was refused */
    }
    while ((status = hotplug_migrate_take(&session, REGION, &range)) != E_NODEV) {
        if (status == OK)
            nr_gone += range.bytes / BLOCK;
        else
            failure = status;
    }
    hotplug_migrate_end(&session);
    vm_check();
    for (u64 i = 0; i < AREA; i += 512)
        assert_int_equal(area[i], 0x5a);
    assert_true(failure != OK || nr_gone == HALF / BLOCK);
    return failure;
}

static void plug_again(void)
{
    for (paddr_t at = REGION_BASE; at < REGION_BASE + HALF; at += BLOCK) {
        if (!fake_is_mapped(at, BLOCK))
            assert_int_equal(hotplug_online(at, BLOCK), OK);
    }
    let_go();
}

static void free_and_tear_down(void)
{
    vm_free(area);
    tear_down();
}

TEST(moves)
{
    static const struct fault_story story = {
        "moves", set_up_area, empty_lower_half, plug_again, free_and_tear_down, 7, true, false};
    fault_play(&story);
}
