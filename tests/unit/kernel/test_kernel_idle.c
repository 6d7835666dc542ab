/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the loop sleeps for: it takes a turn when something is due, and none in between. An event
 * that comes before the sleep keeps it awake.
 */
#include "extras/power/power.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/fakes/fake_transport.h"
#include "tests/unit/unit.h"

/* Turns of the loop in so long. */
static unsigned turns_in(u64 ms)
{
    unsigned nr_turns = 0;
    fake_board.awake_ms = platform_now_ms() + ms;
    for (u64 end_ms = fake_board.awake_ms; platform_now_ms() < end_ms; nr_turns++)
        kernel_take_turn();
    return nr_turns;
}

/* The earliest of the answers that the loop gets before it sleeps. */
static u64 next_due_ms(void)
{
    u64 next_ms = devices_due_ms();
    for_each_extra (extra) {
        if (extra->due_ms)
            next_ms = min_u64(next_ms, extra->due_ms());
    }
    return next_ms;
}

TEST_WITH(test_settled_devices_are_looked_at_every_three_seconds, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *first = kernel_add_vmem(4);
    struct fake_vmem *second = kernel_add_vmem(5);
    kernel_boot("");
    kernel_resize(first, 8 * MIB);
    kernel_run(700);
    kernel_resize(second, 4 * MIB);
    kernel_run(5000);
    assert_in_range(turns_in(60000), 19,
                    4 * 20 + 8); /* two for each look: it, and to sleep again */
}

TEST_WITH(test_without_a_device_nothing_is_due, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_boot("");
    assert_true(next_due_ms() == UINT64_MAX);
    assert_in_range(turns_in(600000), 1, 2);
}

TEST_WITH(test_hotplug_slots_are_looked_at_once_a_second, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_add_slot(3);
    kernel_boot("");
    kernel_run(5000);
    assert_in_range(turns_in(60000), 58, 124);
}

/* It came after the turn that would have served it. */
TEST_WITH(test_an_event_before_the_sleep, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_run(5000);
    assert_true(next_due_ms() > platform_now_ms());
    fake_transport_interrupt(&vmem->transport, VIRTIO_EVENT_CONFIG);
    assert_int_equal(next_due_ms(), 0);
    kernel_take_turn();
    assert_true(next_due_ms() > platform_now_ms());
    fake_acpi_raise(ACPI_EVENT_PCI_HOTPLUG);
    assert_int_equal(next_due_ms(), 0);
    kernel_take_turn();
    fake_type("x");
    assert_int_equal(next_due_ms(), 0);
    kernel_take_turn();
    assert_int_not_equal(next_due_ms(), 0);
}

/* The driver has nothing to do any more, and its device is let go of all the same. */
TEST_WITH(test_a_device_that_agrees_late_is_released_soon, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_resize(vmem, 8 * MIB);
    vmem->moods.busy = 1;
    kernel_expect("off vmem0", "off: vmem0 goes off when the device agrees");
    kernel_run(300);
    assert_null(devices_at(0));
}

/* QEMU does so at the first request after a start, which the driver cannot ask it not to do. */
static void interrupt_all_the_same(struct fake_vmem *vmem, const struct fake_vmem_request *request)
{
    (void)request;
    fake_transport_interrupt(&vmem->transport, VIRTIO_EVENT_QUEUE);
}

/* The answer is there when the notification returns, and so is its interrupt; the prompt follows
 * the line of the resize. */
TEST_WITH(test_a_resize_takes_one_turn, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    vmem->before_request = interrupt_all_the_same;
    kernel_run(100);
    fake_console_clear();
    fake_vmem_set_requested(vmem, 8 * MIB);
    assert_int_equal(next_due_ms(), 0);
    kernel_take_turn();
    assert_has(fake_console(), "settled requested=8388608 plugged=8388608");
    assert_int_not_equal(next_due_ms(), 0);
}

/* A log line took its place, and nothing else is due soon. */
TEST_WITH(test_the_prompt_comes_back_at_once, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_run(4000 - platform_now_ms() % 2000 + 100); /* the devices were just looked at */
    fake_console_clear();
    kernel_resize(vmem, 8 * MIB);
    fake_vmem_set_requested(vmem, 4 * MIB);
    kernel_run(500);
    assert_has(fake_console(), "settled requested=4194304 plugged=4194304");
    assert_string_equal(strrchr(fake_console(), '\n'), "\ntide> ");
}
