/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another processor allocates a page between the plan and its blocks going
 * offline. That is nobody's refusal: the plan is made anew at once, without the
 * blocks that are in use by now. Linked as faults.mk says.
 */
#include "mm/hotplug/hotplug.h"
#include "tests/fakes/fake_chunks.h"
#include "tests/unit/unit.h"

#define PAGES_MAX 1024

int __real_hotplug_offline(paddr_t base, u64 bytes);
int __wrap_hotplug_offline(paddr_t base, u64 bytes);
int __real_hotplug_offline_locked(paddr_t base, u64 bytes);
int __wrap_hotplug_offline_locked(paddr_t base, u64 bytes);

static unsigned nr_races; /* to come */
static paddr_t taken[16]; /* what the other processor has; each 2 MiB */
static unsigned nr_taken;

/* Allocate until one lies in the range, and free the others. */
static void allocate_in(paddr_t base, u64 bytes)
{
    static paddr_t others[PAGES_MAX];
    unsigned nr_others = 0;
    paddr_t page;
    while ((page = page_alloc(PAGE_ORDER_MAX, PAGE_USER)) - base >= bytes) {
        assert_true(page != PADDR_NONE && nr_others < PAGES_MAX);
        others[nr_others++] = page;
    }
    taken[nr_taken++] = page;
    while (nr_others > 0)
        page_free(others[--nr_others], PAGE_ORDER_MAX);
}

static void race(paddr_t base, u64 bytes)
{
    if (nr_races == 0)
        return;
    nr_races--;
    allocate_in(base, bytes);
}

int __wrap_hotplug_offline(paddr_t base, u64 bytes)
{
    race(base, bytes);
    return __real_hotplug_offline(base, bytes);
}

/* By way of hotplug_migrate_take(). */
int __wrap_hotplug_offline_locked(paddr_t base, u64 bytes)
{
    race(base, bytes);
    return __real_hotplug_offline_locked(base, bytes);
}

static void no_races(void)
{
    nr_races = nr_taken = 0;
}

static void free_taken(void)
{
    while (nr_taken > 0)
        page_free(taken[--nr_taken], PAGE_ORDER_MAX);
}

/* The first two choices are lost; what is idle beside goes in their place, at once. */
TEST_WITH(test_unplug, no_races, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    nr_races = 2;
    machine_resize(&machine, 32 * MIB, 0);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(nr_taken, 2);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_NONE);
    assert_int_equal(machine_said("warning"), 0);
}

/* Everything is to go, in pieces: none goes in the end that has a page, and the rest does. */
TEST_WITH(test_unplug_all, no_races, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 6 * MIB, 1);
    paddr_t pages[3];
    for (unsigned i = 0; i < 3; i++)
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    page_free(pages[1], PAGE_ORDER_MAX);
    machine_resize(&machine, 4 * MIB, 1); /* leaves two blocks apart */
    page_free(pages[0], PAGE_ORDER_MAX);
    page_free(pages[2], PAGE_ORDER_MAX);
    nr_races = 1;
    machine_resize(&machine, 0, 0);
    machine_expect(&machine, 2 * MIB);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_PAGES_IN_USE);
    free_taken();
    machine_run(&machine, 0);
    machine_expect(&machine, 0);
}

/* What was emptied is in use again when it is to go: others are emptied. */
TEST_WITH(test_emptied_block, no_races, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 30);
    nr_races = 1;
    machine_resize(&machine, 44 * MIB, 100);
    machine_expect(&machine, 44 * MIB);
    assert_int_equal(nr_taken, 1);
    assert_int_equal(machine_said("warning"), 0);
    check_chunks();
}

/* The host wants more while a shrink has just lost: nothing stands in the way of that. */
static void lose_and_grow(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    device->before_request = NULL;
    fake_vmem_set_requested(device, 128 * MIB);
}

TEST_WITH(test_grow_after_it, no_races, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
    machine.device.before_request = lose_and_grow;
    nr_races = 1;
    machine_resize(&machine, 32 * MIB, 0);
    machine_expect(&machine, 128 * MIB);
}

/* One that loses each time comes to an end all the same, and lets the rest of the kernel run. */
TEST_WITH(test_for_ever, no_races, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    nr_races = 16;
    machine_resize(&machine, 62 * MIB, 100);
    assert_int_equal(nr_races, 0);
    machine_expect(&machine, 62 * MIB);
}
