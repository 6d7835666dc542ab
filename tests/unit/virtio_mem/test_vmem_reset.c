/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices that end in a reset: answers that are none, silence,
 * DEVICE_NEEDS_RESET, one that vanishes. STATE tells what is true afterwards; a
 * reset that does not help ends in a broken device and a kernel that goes on.
 */
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

/* ---- no valid answer ---- */

TEST_WITH(test_invalid_answers, NULL, shut_down)
{
    static const size_t moods[] = {
        offsetof(struct fake_vmem_moods, bad_type),
        offsetof(struct fake_vmem_moods, nothing),
        offsetof(struct fake_vmem_moods, needs_reset),
    };
    for (unsigned i = 0; i < ARRAY_SIZE(moods); i++) {
        machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
        machine_hold_page(&machine);
        unsigned *mood = (unsigned *)(void *)((char *)&machine.device.moods + moods[i]);
        *mood = 1;
        machine_resize(&machine, 128 * MIB, 1000);
        machine_expect(&machine, 128 * MIB);
        assert_int_equal(machine_status(&machine).resets, 1);
        *mood = 1;
        machine_resize(&machine, 32 * MIB, 1000);
        machine_expect(&machine, 32 * MIB);
        *mood = 100;
        machine_resize(&machine, 128 * MIB, 10000);
        machine_expect_broken(&machine, "3 resets did not help");
        machine_expect_page(&machine);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* ---- silence ---- */

/* Not done and not answered; and done and not answered: STATE tells which, after a reset. */
TEST_WITH(test_silence, NULL, shut_down)
{
    for (unsigned is_done = 0; is_done < 2; is_done++) {
        machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
        machine_hold_page(&machine);
        unsigned *mood = is_done ? &machine.device.moods.lost : &machine.device.moods.silent;
        *mood = 1;
        machine_resize(&machine, 128 * MIB, 59999);
        assert_int_equal(machine_status(&machine).state, VMEM_STATE_TRACKING);
        assert_false(machine_status(&machine).is_settled);
        assert_int_equal(machine_status(&machine).timeouts, 0);
        assert_true(machine.nr_calls < 100); /* no spinning meanwhile */
        machine_run(&machine, 100);
        assert_int_equal(machine_status(&machine).timeouts, 1);
        machine_expect(&machine, 128 * MIB);
        *mood = 1;
        machine_resize(&machine, 2 * MIB, 70000);
        machine_expect(&machine, 2 * MIB);
        machine_expect_page(&machine);
        *mood = 1;
        machine_resize(&machine, 0, 75000);
        machine_expect(&machine, 0);
        *mood = 1; /* a fourth reset: those before it helped */
        machine_resize(&machine, 16 * MIB, 70000);
        machine_expect(&machine, 16 * MIB);
        assert_int_equal(machine_status(&machine).resets, 4);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

TEST_WITH(test_silence_for_ever, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.moods.silent = ~0u;
    machine_resize(&machine, 128 * MIB, 60 * 60 * 1000);
    machine_expect_broken(&machine, "it did not answer in time, and 3 resets did not help");
    assert_int_equal(machine_status(&machine).timeouts, 4);
    machine_expect_page(&machine);
}

/* UNPLUG ALL was done and not answered: the usable region is gone, and with it the doubt. */
TEST_WITH(test_lost_unplug_all, NULL, shut_down)
{
    static paddr_t pages[3];
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 3; i++)
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    machine_resize(&machine, 6 * MIB, 1);
    page_free(pages[1], PAGE_ORDER_MAX);
    machine_resize(&machine, 4 * MIB, 1);
    page_free(pages[0], PAGE_ORDER_MAX);
    page_free(pages[2], PAGE_ORDER_MAX);
    machine.device.moods.lost = 1;
    machine_resize(&machine, 0, 65000);
    machine_expect(&machine, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 1);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_STATE], 0);
    assert_int_equal(machine_status(&machine).resets, 1);
}

/* A slow device that answers within the limit is no trouble at all. */
TEST_WITH(test_slow_answer, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.hold = true;
    machine_resize(&machine, 128 * MIB, 50000);
    machine_expect(&machine, 64 * MIB);
    assert_true(machine_status(&machine).is_ready);
    machine.device.transport.hold = false;
    fake_transport_process(&machine.device.transport, 0);
    machine_run(&machine, 1);
    machine_expect(&machine, 128 * MIB);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* ---- DEVICE_NEEDS_RESET ---- */

TEST_WITH(test_needs_reset_at_rest, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 100);
    assert_int_equal(machine_status(&machine).resets, 1);
    assert_true(machine_status(&machine).is_settled);
    machine_resize(&machine, 128 * MIB, 100);
    machine_expect(&machine, 128 * MIB);
    machine_expect_page(&machine);
}

/* A device that fails at each first request and does the second: each reset helped, so no limit. */
TEST_WITH(test_needs_reset_with_progress, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 10; i++) {
        u64 bytes = i % 2 == 0 ? 128 * MIB : 64 * MIB;
        machine.device.moods.needs_reset = 1;
        machine_resize(&machine, bytes, 200);
        machine_expect(&machine, bytes);
    }
    assert_int_equal(machine_status(&machine).resets, 10);
}

/* A device that was just reset is left alone for 10 ms, whatever the host wants meanwhile. */
TEST_WITH(test_reset_backs_off, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.needs_reset = 1;
    machine_resize(&machine, 128 * MIB, 0);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_DEVICE_RESET);
    u64 before = fake_vmem_requests(&machine.device);
    machine_resize(&machine, 192 * MIB, 9);
    assert_int_equal(fake_vmem_requests(&machine.device), before);
    machine_run(&machine, 1);
    machine_expect(&machine, 192 * MIB);
}

/* Now and then it is recovered for ever; again and again, without a calm time between, it is not.
 */
TEST_WITH(test_needs_reset_again, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 10; i++) {
        fake_transport_fail(&machine.device.transport);
        machine_run(&machine, 20000);
    }
    assert_int_equal(machine_status(&machine).resets, 10);
    for (unsigned i = 0; i < 4; i++) {
        fake_transport_fail(&machine.device.transport);
        machine_run(&machine, 1000);
    }
    machine_expect_broken(&machine,
                          "it asks for a reset (DEVICE_NEEDS_RESET), and 3 resets did not help");
}

/* The interrupt that tells of it is lost: the slow look finds it. */
TEST_WITH(test_needs_reset_unnoticed, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.faults.no_interrupts = true;
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 1100);
    assert_int_equal(machine_status(&machine).resets, 1);
}

/* The reset works, and then the device takes no features, has no queue or no interrupt. */
TEST_WITH(test_restart_fails, NULL, shut_down)
{
    for (unsigned i = 0; i < 3; i++) {
        machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
        machine_hold_page(&machine);
        struct fake_transport *transport = &machine.device.transport;
        transport->faults.refuse_features_ok = i == 0;
        transport->faults.queue_enable_status = i == 1 ? E_UNSUPPORTED : OK;
        transport->faults.irq_enable_status = i == 2 ? E_NOMEM : OK;
        fake_transport_fail(transport);
        machine_run(&machine, 5000);
        static const char *const reasons[] = {
            "it refused the features", "its queue cannot be set up", "it has no way to interrupt"};
        machine_expect_broken(&machine, reasons[i]);
        assert_int_equal(vmem_verify(machine.driver), E_BROKEN);
        assert_int_equal(fake_mapped_bytes(), 64 * MIB);
        assert_int_equal(vmem_detach(machine.driver), E_BUSY);
        machine_expect_page(&machine);
        memset(&transport->faults, 0, sizeof(transport->faults));
        assert_int_equal(vmem_detach(machine.driver), OK);
        machine_attach(&machine);
        machine_run(&machine, 10);
        machine_expect(&machine, 64 * MIB);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

TEST_WITH(test_reset_never_ends, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.transport.faults.reset_reads = ~0u;
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 10000);
    machine_expect_broken(&machine, "after a reset");
    machine_expect_page(&machine);
}

TEST_WITH(test_vanished, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.transport.faults.vanished = true;
    machine_run(&machine, 10000);
    machine_expect_broken(&machine, "vanished");
    machine_expect_page(&machine);
}

/* After a reset the region is another: that is not the device we knew. */
TEST_WITH(test_region_moves_at_reset, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.base += GIB;
    fake_vmem_update(&machine.device);
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 10000);
    machine_expect_broken(&machine, "addr changed from 0x100000000 to 0x140000000");
    machine_expect_page(&machine);
}

/* ---- suspend to RAM ---- */

/* The device lost all but its blocks: nothing is asked again, and the next wish is followed. */
TEST_WITH(test_sleep_at_rest, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    u64 nr_requests = fake_vmem_requests(&machine.device);
    fake_transport_power_off(&machine.device.transport);
    vmem_resume(machine.driver, platform_now_ms());
    machine_run(&machine, 1000);
    machine_expect(&machine, 64 * MIB);
    machine_expect_page(&machine);
    assert_int_equal(fake_vmem_requests(&machine.device), nr_requests);
    assert_int_equal(machine_status(&machine).resets, 0);
    machine_resize(&machine, 128 * MIB, 1000);
    machine_expect(&machine, 128 * MIB);
}

/* A request was on its way: it may have been done or not, and STATE tells. */
TEST_WITH(test_sleep_in_the_middle_of_a_request, NULL, shut_down)
{
    for (unsigned is_done = 0; is_done < 2; is_done++) {
        machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
        machine_hold_page(&machine);
        *(is_done ? &machine.device.moods.lost : &machine.device.moods.silent) = 1;
        machine_resize(&machine, 128 * MIB, 100);
        fake_transport_power_off(&machine.device.transport);
        vmem_resume(machine.driver, platform_now_ms());
        machine_run(&machine, 1000);
        machine_expect(&machine, 128 * MIB);
        machine_expect_page(&machine);
        assert_true(machine.device.count[VIRTIO_MEM_REQ_STATE] > 0);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

TEST_WITH(test_sleep_of_a_broken_device, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.faults.reset_reads = ~0u;
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 10000);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_BROKEN);
    vmem_resume(machine.driver, platform_now_ms());
    machine_run(&machine, 1000);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_BROKEN);
}

/* ---- another kernel's turn, which then does not come ---- */

/* Whatever comes: an interrupt that was under way, the end of any wait, freed memory. */
static void expect_nothing_happens(void)
{
    struct vmem_virtio *virtio = &machine.device.transport.device;
    u64 before = fake_vmem_requests(&machine.device);
    u64 nr_resets = machine.device.transport.nr_resets;
    for (unsigned i = 0; i < 10; i++) {
        vmem_virtio_post_events(virtio, VIRTIO_EVENT_CONFIG | VIRTIO_EVENT_QUEUE);
        assert_int_equal(vmem_service(machine.driver, platform_now_ms()), VMEM_NEVER);
        assert_int_equal(virtio->events, 0); /* or the kernel would never sleep */
        assert_int_equal(vmem_verify(machine.driver), i == 0 ? OK : E_BUSY);
        fake_advance_ms(70000);
    }
    assert_int_equal(fake_vmem_requests(&machine.device), before);
    assert_int_equal(machine.device.transport.nr_resets, nr_resets);
}

/* In the middle of a request: nothing of it comes any more, no block changes, and all goes on. */
TEST_WITH(test_quiesce, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.moods.silent = 1;
    machine_resize(&machine, 128 * MIB, 100);
    assert_int_equal(vmem_quiesce(machine.driver), OK);
    assert_int_equal(machine.device.transport.status, 0);
    assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
    expect_nothing_happens();
    vmem_resume(machine.driver, platform_now_ms());
    machine_run(&machine, 1000);
    machine_expect(&machine, 128 * MIB);
    machine_expect_page(&machine);
}

TEST_WITH(test_quiesce_fails, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.transport.faults.reset_reads = ~0u;
    assert_int_equal(vmem_quiesce(machine.driver), E_TIMEOUT);
    assert_int_equal(vmem_service(machine.driver, platform_now_ms()), VMEM_NEVER);
    vmem_resume(machine.driver, platform_now_ms());
    machine_run(&machine, 1000);
    machine_expect_broken(&machine, "after a reset");
    machine_expect_page(&machine);
    assert_int_equal(vmem_quiesce(machine.driver), OK); /* told, not waited for */
    machine_expect_broken(&machine, "after a reset");
}
