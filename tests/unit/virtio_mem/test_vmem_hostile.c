/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver and a device that means ill: config space that never
 * holds still, goes bad or flaps, a queue that is too small, interrupts
 * without end. The device is given up or costs its bounded share; the kernel,
 * and the device beside it, go on.
 */
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

/* Threat 19: so many tries, with time between, then broken. */
TEST_WITH(test_config_never_still, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.transport.faults.generation_runs = true;
    machine_run(&machine, 2000);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_CONFIG_UNSTEADY);
    machine_run(&machine, 60000);
    machine_expect_broken(&machine, "config space cannot be read");
    machine_expect_page(&machine);
}

/* And when it does hold still again in time, nothing is lost. */
TEST_WITH(test_config_still_again, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.faults.generation_runs = true;
    machine_resize(&machine, 128 * MIB, 60);
    machine_expect(&machine, 64 * MIB);
    machine.device.transport.faults.generation_runs = false;
    machine_run(&machine, 2000);
    machine_expect(&machine, 128 * MIB);
}

/* Threats 20 to 22: values that were good and are so no longer. */
TEST_WITH(test_config_goes_bad, NULL, shut_down)
{
    static const struct {
        u32 offset;
        u64 value;
        const char *reason;
    } cases[] = {
        {offsetof(struct virtio_mem_config_abi, block_size), 4 * MIB, "block_size changed"},
        {offsetof(struct virtio_mem_config_abi, addr), 8 * GIB, "addr changed"},
        {offsetof(struct virtio_mem_config_abi, region_size), 2 * GIB, "region_size changed"},
        {offsetof(struct virtio_mem_config_abi, usable_region_size), GIB + 1, "not a multiple"},
        {offsetof(struct virtio_mem_config_abi, plugged_size), 2 * GIB, "is above region_size"},
        {offsetof(struct virtio_mem_config_abi, requested_size), ~(u64)0 << 21, "is above"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
        machine_hold_page(&machine);
        memcpy(machine.device.transport.config + cases[i].offset, &cases[i].value, sizeof(u64));
        fake_transport_raise_config(&machine.device.transport);
        machine_run(&machine, 10);
        machine_expect_broken(&machine, cases[i].reason);
        assert_int_equal(fake_mapped_bytes(), 64 * MIB);
        machine_expect_page(&machine);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* The usable region shrinks under plugged blocks: they can only leave by UNPLUG ALL. */
TEST_WITH(test_usable_shrinks, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.usable_bytes = 16 * MIB;
    machine.device.requested_bytes = 4 * MIB;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 2000);
    machine_expect(&machine, 48 * MIB);
    assert_int_equal(machine_said("warning"), 1);
    machine.device.requested_bytes = 0;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 2000);
    machine_expect(&machine, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 1);
}

/* Threat 23: a wish that changes with every request is followed at a bounded cost a call. */
static void flap(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    fake_vmem_set_requested(device, device->requested_bytes == 0 ? 64 * MIB : 0);
}

TEST_WITH(test_flapping_wish, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
    machine.device.before_request = flap;
    fake_vmem_set_requested(&machine.device, 0);
    for (unsigned i = 0; i < 100; i++) {
        u64 before = fake_vmem_requests(&machine.device);
        u64 now_ms = platform_now_ms();
        assert_in_range(vmem_service(machine.driver, now_ms), now_ms + 1, now_ms + 1000);
        assert_in_range(fake_vmem_requests(&machine.device) - before, 0, 64);
        fake_vmem_check(&machine.device);
        fake_advance_ms(10);
    }
    machine.device.before_request = NULL;
    machine_resize(&machine, 32 * MIB, 5000);
    machine_expect(&machine, 32 * MIB);
}

/* Interrupts that mean nothing: no request, no line, and the config read each time and no more. */
TEST_WITH(test_spurious_interrupts, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    u64 requests = fake_vmem_requests(&machine.device);
    fake_console_clear();
    for (unsigned i = 0; i < 1000; i++) {
        fake_transport_interrupt(&machine.device.transport,
                                 VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
        (void)vmem_service(machine.driver, platform_now_ms());
    }
    assert_int_equal(fake_vmem_requests(&machine.device), requests);
    assert_string_equal(fake_console(), "");
    assert_true(machine_status(&machine).is_settled);
}

/* Threat 8: an event at the very moment of DRIVER_OK, with nothing changed, and before it. */
static void interrupt_at_reset(void *context)
{
    struct fake_vmem *device = context;
    fake_transport_interrupt(&device->transport, VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
}

TEST_WITH(test_events_around_driver_ok, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.on_reset = interrupt_at_reset;
    machine_attach(&machine);
    interrupt_at_reset(&machine.device);
    machine_run(&machine, 10);
    assert_int_equal(fake_vmem_requests(&machine.device), 0);
    machine_resize(&machine, 64 * MIB, 1);
    machine_expect(&machine, 64 * MIB);
    fake_transport_fail(&machine.device.transport); /* with its event, and one more at the reset */
    machine_run(&machine, 1000);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_status(&machine).resets, 1);
}

/* One entry does not hold the two pieces of a request: broken at once, not waiting for ever. */
TEST_WITH(test_queue_too_small, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.queue_size_max = 1;
    machine_attach(&machine);
    machine_resize(&machine, 64 * MIB, 10);
    machine_expect_broken(&machine, "its queue has no room for one request");
}

/* Four entries hold two requests: more of them just take more rounds. */
TEST_WITH(test_queue_small, NULL, shut_down)
{
    static paddr_t pages[32];
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.queue_size_max = 4;
    machine_attach(&machine);
    machine_resize(&machine, 64 * MIB, 10);
    for (unsigned i = 0; i < 32; i++)
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    for (unsigned i = 0; i < 32; i += 2)
        page_free(pages[i], PAGE_ORDER_MAX);
    machine_resize(&machine, 32 * MIB, 10);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 16);
}

/* Threat 26: ACK, and nothing was done. Found by plugged_size; one lie costs a pass of STATE. */
TEST_WITH(test_false_ack, NULL, shut_down)
{
    static const u64 sizes[] = {128 * MIB, 32 * MIB, 0};
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
        machine.device.is_thief = true; /* mapped after PLUG, until plugged_size is looked at */
        machine.device.moods.false_ack = 1;
        machine_resize(&machine, sizes[i], 10);
        machine.device.is_thief = false;
        fake_vmem_check(&machine.device);
        machine_expect(&machine, sizes[i]);
        assert_int_equal(machine_said(": asking for each block"), 1);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* One that never does what it acknowledges is given up, not asked for ever. */
TEST_WITH(test_false_ack_for_ever, NULL, shut_down)
{
    static const u64 sizes[] = {128 * MIB, 32 * MIB, 0};
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
        machine_hold_page(&machine);
        machine.device.is_thief = true;
        machine.device.moods.false_ack = ~0u;
        u64 before = fake_vmem_requests(&machine.device);
        machine_resize(&machine, sizes[i], 10);
        machine_run(&machine, 600000);
        machine_expect_broken(&machine, "acknowledges what it does not do");
        assert_in_range(fake_vmem_requests(&machine.device) - before, 3, 200);
        assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
        machine_expect_page(&machine);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* Threat 14: more than there was room for was never written, or not there. */
TEST_WITH(test_used_length_lies, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.moods.long_used = 1;
    machine_resize(&machine, 128 * MIB, 10);
    machine_expect_broken(&machine, "used length 11, expected at most 10");
    assert_int_equal(fake_mapped_bytes(), 64 * MIB);
    machine_expect_page(&machine);
}

/* Threat 31: what one device does is nothing to the other. */
TEST_WITH(test_hostile_neighbour, NULL, shut_down)
{
    static struct fake_vmem other_device;
    struct vmem_device *other;
    struct vmem_status status;
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    fake_vmem_init(&other_device, FAKE_VMEM_QEMU, MACHINE_BASE + GIB, MACHINE_BLOCK, 512);
    assert_int_equal(fake_attach(&other_device.transport.device, "vmem1", VMEM_IRQ_AUTO,
                                 VMEM_INIT_UNPLUG_ALL, &other),
                     OK);
    fake_vmem_set_requested(&other_device, 64 * MIB);
    (void)vmem_service(other, platform_now_ms());
    fake_vmem_set_requested(&other_device, 128 * MIB);
    other_device.moods.bad_type = ~0u;
    for (unsigned i = 0; i < 1000; i++) {
        (void)vmem_service(other, platform_now_ms());
        fake_advance_ms(10);
    }
    vmem_get_status(other, &status);
    assert_int_equal(status.state, VMEM_STATE_BROKEN);
    machine_resize(&machine, 256 * MIB, 10);
    assert_int_equal(machine.device.plugged_bytes, 256 * MIB);
    assert_int_equal(fake_mapped_bytes(), (256 + 64) * MIB); /* the other's memory stays */
    machine_resize(&machine, 0, 10);
    assert_int_equal(fake_mapped_bytes(), 64 * MIB);
    fake_vmem_free(&other_device);
}
