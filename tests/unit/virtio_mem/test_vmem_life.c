/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end: devices that are refused, memory plugged by an earlier driver given
 * back, letting go and taking over again.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

/* ---- attach ---- */

/* The device is refused with a line that says why, and nothing is kept of it. */
static void expect_refused(void)
{
    size_t allocated = fake_host_allocated();
    unsigned nr_lines = fake_host_count(VMEM_LOG_ERROR);
    assert_true(machine_try_attach(&machine) < 0);
    assert_true(fake_host_count(VMEM_LOG_ERROR) > nr_lines);
    assert_int_equal(fake_host_allocated(), allocated);
    assert_false(machine.memory.has_region);
    assert_false(machine.device.transport.irq_enabled);
    assert_int_equal(fake_vmem_requests(&machine.device), 0);
}

TEST_WITH(test_bad_configs, NULL, machine_end)
{
    static const struct {
        uint64_t base, block_bytes, nr_blocks;
    } cases[] = {
        {MACHINE_BASE, 3 * MIB + 2 * KIB, 4}, {MACHINE_BASE, 0, 4},
        {MACHINE_BASE + MIB, 2 * MIB, 4},     {0, 2 * MIB, 4}, /* microvm */
        {(uint64_t)1 << 46, 2 * MIB, 4},      {~(uint64_t)0 << 23, 2 * MIB, 4},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        machine.device.base = cases[i].base;
        machine.device.block_bytes = cases[i].block_bytes;
        machine.device.nr_blocks = cases[i].nr_blocks;
        fake_vmem_update(&machine.device);
        expect_refused();
    }
    machine.device.base = MACHINE_BASE;
    machine.device.block_bytes = MACHINE_BLOCK;
    fake_vmem_update(&machine.device);
    machine_attach(&machine);
}

TEST_WITH(test_bad_devices, NULL, machine_end)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    struct fake_transport *transport = &machine.device.transport;
    transport->config_bytes = 48; /* OpenVMM, a broken device of another vendor */
    expect_refused();
    assert_int_equal(fake_host_said("its config space cannot be read: range"), 1);
    transport->config_bytes = 56;
    transport->faults.generation_runs = true;
    expect_refused();
    transport->faults.generation_runs = false;
    transport->nr_queues = 0;
    expect_refused();
    transport->nr_queues = 1;
    transport->faults.irq_enable_status = VMEM_E_NOMEM;
    expect_refused();
    transport->faults.irq_enable_status = VMEM_OK;
    transport->faults.refuse_features_ok = true;
    expect_refused();
    transport->faults.refuse_features_ok = false;
    transport->offered = 0;
    expect_refused();
    transport->offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    transport->faults.reset_reads = ~0u;
    expect_refused();
    transport->faults.reset_reads = 3;
    machine_attach(&machine);
}

/* The allocator refuses the region: it overlaps another. */
TEST_WITH(test_region_is_refused, NULL, machine_end)
{
    static const int errors[] = {VMEM_E_EXIST, VMEM_E_RANGE, VMEM_E_NOMEM};
    machine_boot(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
        machine.memory.knobs.add_region_error = errors[i];
        expect_refused();
    }
    machine.memory.knobs.add_region_error = VMEM_OK;
    machine_attach(&machine);
    machine_resize(&machine, 64 * MIB, 1);
    machine_expect(&machine, 64 * MIB);
}

/* With each allocation more there is one more step that succeeds; what fails leaves nothing. */
TEST_WITH(test_memory_for_the_driver, NULL, machine_end)
{
    unsigned nr_failures = 0;
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, 64 * KIB, 262144);
    for (;;) {
        fake_host_fail_after(nr_failures, false);
        if (machine_try_attach(&machine) == VMEM_OK)
            break;
        assert_int_equal(fake_host_allocated(), 0);
        assert_int_equal(fake_host_count(VMEM_LOG_ERROR), ++nr_failures);
    }
    assert_in_range(nr_failures, 4, 10);
    assert_false(fake_host_failed());
    machine_resize(&machine, GIB, 1);
    machine_expect(&machine, GIB);
}

/* M4, M3, M16 */
TEST_WITH(test_features, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    assert_int_equal(machine_status(&machine).features,
                     VIRTIO_FEATURE(VIRTIO_F_VERSION_1) |
                         VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE) |
                         VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM));
    assert_false(vmem_allows_suspend(machine.driver));
    machine_end();

    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.offered |= VIRTIO_FEATURE(VIRTIO_MEM_F_PERSISTENT_SUSPEND);
    machine_attach(&machine);
    assert_true(vmem_allows_suspend(machine.driver));
    machine_end();

    machine_boot(&machine, FAKE_VMEM_CLOUD_HYPERVISOR); /* offers nothing but VERSION_1 */
    machine.device.transport.offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    machine_attach(&machine);
    machine_resize(&machine, GIB, 1);
    machine_expect(&machine, GIB);
    machine_end();

    machine_boot(&machine, FAKE_VMEM_QEMU); /* what is masked is not accepted */
    machine.options.features_masked = VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM);
    machine_attach(&machine);
    assert_int_equal(machine_status(&machine).features & machine.options.features_masked, 0);
}

TEST_WITH(test_status_counts_interrupts, NULL, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    uint64_t interrupts = machine_status(&machine).interrupts;
    story_interrupt(&machine, 0);
    assert_int_equal(machine_status(&machine).interrupts, interrupts + 1);
}

/* M3: the device's word on its node with ACPI_PXM; without, the allocator is asked. */
TEST_WITH(test_node, NULL, machine_end)
{
    for (unsigned has_pxm = 0; has_pxm < 2; has_pxm++) {
        machine_boot(&machine, FAKE_VMEM_QEMU);
        machine.memory.knobs.node_id = 5;
        machine.device.node_id = 3;
        if (!has_pxm)
            machine.device.transport.offered &= ~VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM);
        fake_vmem_update(&machine.device);
        machine_attach(&machine);
        assert_int_equal(machine.memory.region.has_node_id, has_pxm);
        assert_int_equal(machine_status(&machine).config.node_id, has_pxm ? 3 : 0);
        assert_int_equal(machine_status(&machine).node_id, has_pxm ? 3 : 5);
        machine_end();
    }
}

TEST_WITH(test_region_of_nothing, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {1, READY, SETTLED, PLUGGED(0)},
        {1, GUEST(detach, VMEM_OK)},
    };
    machine_boot_region(&machine, FAKE_VMEM_QEMU, 0, MACHINE_BLOCK, 0);
    machine_attach(&machine);
    PLAY(rows);
}

/* ---- memory plugged before ---- */

/* M5: UNPLUG ALL until it works, and then the requested size. */
TEST_WITH(test_gives_back, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(busy, 8), STATE(RELEASING), WAITS(DEVICE_BUSY)},
        {2549, STATE(RELEASING), NOT_READY, UNSETTLED, COUNTS(IS(ONLINES, 0))},
        {2649, PLUGGED(0), STATE(TRACKING), READY, SETTLED, COUNTS(IS(UNPLUG_ALL, 9))},
        {2649, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
    };
    for (enum fake_vmem_manner manner = 0; manner < FAKE_VMEM_MANNERS; manner++) {
        machine_boot(&machine, manner);
        fake_vmem_plug(&machine.device, 3, 100);
        fake_vmem_plug(&machine.device, 200, 1);
        machine_attach(&machine);
        PLAY(rows);
        machine_end();
    }
}

/* StratoVirt lets go of nothing that is requested, and of some runs before it says so. */
TEST_WITH(test_giving_back_is_refused, NULL, machine_end)
{
    static const uint64_t requested[] = {1, 40, 101, 102, 300};
    for (unsigned i = 0; i < ARRAY_SIZE(requested); i++) {
        const struct story_row rows[] = {
            {1000, PLUGGED(requested[i] * MACHINE_BLOCK), SETTLED, STATE(TRACKING),
             COUNTS(IS(UNPLUG_ALL, 1))},
        };
        machine_boot(&machine, FAKE_VMEM_STRATOVIRT);
        fake_vmem_plug(&machine.device, 3, 50);
        fake_vmem_plug(&machine.device, 100, 50);
        fake_vmem_plug(&machine.device, 200, 1);
        fake_vmem_set_requested(&machine.device, requested[i] * MACHINE_BLOCK);
        machine_attach(&machine);
        PLAY(rows);
        machine_end();
    }
}

/* Nor may the driver leave before the host wants nothing: it loses and doubles no block by trying.
 */
TEST_WITH(test_leaving_is_refused, NULL, machine_end)
{
    static const struct story_row first[] = {{0, ANSWER(busy, 1), PLUGGED(51 * MACHINE_BLOCK)}};
    static const struct story_row leave[] = {
        {0, GUEST(detach, STATUS(VMEM_E_AGAIN))},
        {1000, UNSETTLED},
    };
    static const struct story_row end[] = {
        {0, HOST(request, 0)},
        {5000, PLUGGED(0), COUNTS(FROM_TO(UNPLUG_ALL, 3, 21))},
        {5000, GUEST(detach, VMEM_OK)},
    };
    machine_boot(&machine, FAKE_VMEM_STRATOVIRT);
    machine.options.init = VMEM_INIT_STATE;
    fake_vmem_plug(&machine.device, 0, 1);
    fake_vmem_plug(&machine.device, 100, 50);
    fake_vmem_set_requested(&machine.device, 40 * MACHINE_BLOCK);
    machine_attach(&machine);
    PLAY(first); /* still 51 blocks, in two runs */
    for (unsigned i = 0; i < 20; i++)
        PLAY(leave);
    assert_int_equal(machine.device.plugged_bytes, 50 * MACHINE_BLOCK);
    PLAY(end);
}

TEST_WITH(test_gives_back_never_works, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(error, ~0u)},         {60000, IS_BROKEN, COUNTS(IS(ONLINES, 0))},
        {60000, GUEST(detach, VMEM_OK)}, {60000, ANSWER(error, 0), GUEST(attach, 0)},
        {60010, PLUGGED(0), SETTLED},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_plug(&machine.device, 3, 100);
    machine_attach(&machine);
    PLAY(rows);
}

/* ---- detach ---- */

TEST_WITH(test_detach, NULL, machine_end)
{
    static const struct story_row stay[] = {
        {0, HOST(request, 64 * MIB)},
        {1, GUEST(hold, 0)},
        {1, GUEST(detach, STATUS(VMEM_E_BUSY))},
        {1001, PLUGGED(64 * MIB)}, /* still attached, still following */
        {1001, HOST(request, 128 * MIB), PLUGGED(128 * MIB), GUEST(free_all, 0)},
    };
    static const struct story_row again[] = {
        {0, GUEST(attach, 0)},
        {10, PLUGGED(128 * MIB), SETTLED},
        {10, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
    };
    for (enum fake_vmem_manner manner = 0; manner < FAKE_VMEM_MANNERS; manner++) {
        machine_boot(&machine, manner);
        machine_attach(&machine);
        PLAY(stay);
        if (manner == FAKE_VMEM_STRATOVIRT) /* it lets the driver go with nothing requested only */
            machine_resize(&machine, 0, 1);
        machine_detach(&machine, VMEM_OK);
        assert_int_equal(machine.device.plugged_bytes, 0);
        assert_false(machine.memory.has_region);
        assert_int_equal(machine.device.transport.status, 0);
        assert_int_equal(fake_host_allocated(), 0);
        fake_vmem_set_requested(&machine.device, 128 * MIB);
        PLAY(again);
        machine_end();
    }
}

/* The device is busy: detaching goes on in the loop, and plugs nothing meanwhile. */
TEST_WITH(test_detach_takes_time, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(busy, 5), GUEST(detach, STATUS(VMEM_E_AGAIN)), HOST(request, 256 * MIB)},
        {1000, PLUGGED(0), COUNTS(IS(PLUG, 1))},
        {1000, GUEST(detach, VMEM_OK)},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    PLAY(rows);
    assert_null(machine.driver);
}

/* Nothing is online yet, but a request is on its way: its answer comes first. */
STORY(test_detach_while_the_first_blocks_come, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(keep_answers, 1)},
    {0, HOST(request, 64 * MIB)},
    {0, GUEST(detach, STATUS(VMEM_E_AGAIN)), HOST(keep_answers, 0)},
    {1000, PLUGGED(0), COUNTS(IS(PLUG, 1))},
    {1000, GUEST(detach, VMEM_OK)},
};

/* The allocator does not let go of the region: the device stays as it is. */
TEST_WITH(test_region_is_kept, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.memory.knobs.remove_region_error = VMEM_E_BUSY;
    machine_detach(&machine, VMEM_E_BUSY);
    assert_true(machine.memory.has_region);
    machine.memory.knobs.remove_region_error = VMEM_OK;
    machine_detach(&machine, VMEM_OK);
}

/* L2: a device that does not reset may write to its ring and its buffers for ever. */
TEST_WITH(test_detach_without_a_reset, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.faults.reset_reads = ~0u;
    machine_detach(&machine, VMEM_OK);
    assert_true(fake_host_allocated() > 0);
}

/* Pages were taken before the device agreed: it stays, and follows the host as before. */
STORY(test_detach_given_up, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(busy, 1), GUEST(detach, STATUS(VMEM_E_AGAIN))},
    {0, GUEST(hold, 0)},
    {0, GUEST(detach, STATUS(VMEM_E_BUSY)), HOST(request, 128 * MIB)},
    {100, PLUGGED(128 * MIB), SETTLED},
};

/* A broken device is let go once its memory is idle; the next attach gives it back. */
STORY(test_detach_broken, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold, 0), HOST(reset_takes, ~0u)},
    {0, HOST(needs_reset, 0)},
    {5000, IS_BROKEN},
    {5000, GUEST(detach, STATUS(VMEM_E_BUSY)), IS_BROKEN, PLUGGED(64 * MIB)},
    {5000, GUEST(free_all, 0), HOST(be_sane, 0)},
    {5000, GUEST(detach, VMEM_OK)},
    {5000, GUEST(attach, 0)},
    {5010, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(UNPLUG_ALL, 1))},
};

/* A system reset moved the region: attach again finds it where it is now. */
TEST_WITH(test_region_moved_between_attaches, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(attach, 0)},
        {10, PLUGGED(64 * MIB), SETTLED},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_detach(&machine, VMEM_OK);
    machine.device.base += 16 * GIB;
    fake_vmem_update(&machine.device);
    PLAY(rows);
    assert_true(fake_memory_is_online(&machine.memory, MACHINE_BASE + 16 * GIB, 64 * MIB));
}
