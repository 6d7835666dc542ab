/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each allocation that the drivers make fails once, in turn,
 * from the start of the virtio-mem driver through resizes to its end. A driver that
 * cannot start says so and keeps nothing; one that runs waits, and goes on when memory is back.
 */
#include "include/status.h"
#include "tests/fakes/fake_chunks.h"
#include "tests/fakes/fake_faults.h"
#include "tests/unit/unit.h"

/* ---- a memory device ---- */

/* Blocks that cannot be brought online go back, and so below the requested size. */
static void boot_machine(void)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
}

static void boot_with_plugged(void)
{
    boot_machine();
    fake_vmem_plug(&machine.device, 3, 5);
    fake_vmem_plug(&machine.device, 100, 32);
    fake_vmem_set_requested(&machine.device, 37 * MACHINE_BLOCK);
    machine.options.init = VMEM_INIT_STATE;
}

static int attach(void)
{
    return machine_try_attach(&machine);
}

static void detach(void)
{
    int status;
    for (unsigned i = 0; (status = vmem_detach(machine.driver)) == E_AGAIN && i < 100; i++)
        machine_run(&machine, 100);
    assert_int_equal(status, OK);
    machine.driver = NULL;
}

TEST(start_and_end)
{
    static const struct fault_story story = {"attach", boot_machine, attach, detach, machine_end,
                                             5,        false,        false};
    fault_play(&story);
}

/* OK when the driver has what was asked for within some time, as it must when memory is there. */
static int resize_to(u64 bytes)
{
    fake_vmem_set_requested(&machine.device, bytes);
    machine_run(&machine, 70000);
    struct vmem_status status = machine_status(&machine);
    assert_int_not_equal(status.state, VMEM_STATE_BROKEN);
    if (machine.device.plugged_bytes != bytes)
        return E_NOMEM;
    machine_expect(&machine, bytes);
    return OK;
}

static void start_small(void)
{
    boot_machine();
    assert_int_equal(attach(), OK);
    machine_resize(&machine, 6 * MACHINE_BLOCK, 1);
}

static void start_large(void)
{
    boot_machine();
    assert_int_equal(attach(), OK);
    machine_resize(&machine, 300 * MACHINE_BLOCK, 1);
}

static int grow(void)
{
    return resize_to(300 * MACHINE_BLOCK);
}

static int shrink(void)
{
    return resize_to(6 * MACHINE_BLOCK);
}

static void grow_back(void)
{
    assert_int_equal(grow(), OK);
}

static void shrink_back(void)
{
    assert_int_equal(shrink(), OK);
}

TEST(resizes)
{
    static const struct fault_story stories[] = {
        {"grow", start_small, grow, shrink_back, machine_end, 1, true, true},
        {"shrink", start_large, shrink, grow_back, machine_end, 1, true, true},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(stories); i++)
        fault_play(&stories[i]);
}

/* ---- blocks found at the start ---- */

static int adopt(void)
{
    if (!machine.driver) {
        int status = attach();
        if (status != OK)
            return status;
    }
    machine_run(&machine, 70000);
    assert_int_not_equal(machine_status(&machine).state, VMEM_STATE_BROKEN);
    return fake_mapped_bytes() == 37 * MACHINE_BLOCK ? OK : E_NOMEM;
}

TEST(adoption)
{
    static const struct fault_story story = {
        "adoption", boot_with_plugged, adopt, detach, machine_end, 8, true, false};
    fault_play(&story);
}

/* ---- pages in the way ---- */

static void start_with_chunks(void)
{
    start_scattered(MACHINE_BLOCK, 64 * MIB, 40);
    machine.device.is_strict = false;
    machine_run(&machine, 10);
}

static int shrink_by_moving(void)
{
    int status = resize_to(40 * MIB);
    check_chunks();
    return status;
}

static void forget_and_grow(void)
{
    assert_int_equal(resize_to(64 * MIB), OK);
}

static void stop_with_chunks(void)
{
    drop_all_chunks();
    assert_int_equal(resize_to(0), OK);
    machine_end();
}

TEST(moving)
{
    static const struct fault_story story = {"shrink by moving",
                                             start_with_chunks,
                                             shrink_by_moving,
                                             forget_and_grow,
                                             stop_with_chunks,
                                             10,
                                             true,
                                             true};
    fault_play(&story);
}
