/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver with a device that behaves, in the manner of each real
 * one: every resize ends at what the host asked for, in as few requests as
 * there are runs, and is reported once.
 */
#include "lib/log.h"
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

TEST_WITH(test_starts_empty, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_expect(&machine, 0);
    assert_int_equal(fake_vmem_requests(&machine.device), 0);
    assert_int_equal(machine_said("vmem0: settled requested=0 plugged=0 usable=0 requests=0\n"), 1);
    assert_true(machine_status(&machine).is_settled);
}

static void follow_story(enum fake_vmem_manner manner)
{
    static const u64 story[] = {512 * MIB, 1 * GIB, 256 * MIB, 258 * MIB, 2 * MIB, 0, 1 * GIB, 0};
    machine_start(&machine, manner);
    for (unsigned i = 0; i < ARRAY_SIZE(story); i++) {
        u64 before = fake_vmem_requests(&machine.device);
        machine_resize(&machine, story[i], 1);
        machine_expect(&machine, story[i]);
        assert_int_equal(fake_vmem_requests(&machine.device), before + 1);
    }
    assert_int_equal(machine_status(&machine).resizes, ARRAY_SIZE(story) + 1);
    assert_int_equal(machine_said("settled requested="), ARRAY_SIZE(story) + 1);
    assert_int_equal(machine_said(" requests=1\n"), ARRAY_SIZE(story));
    assert_int_equal(machine_said("warning"), 0);
    assert_int_equal(machine_said("error"), 0);
}

TEST_WITH(test_qemu, NULL, shut_down)
{
    follow_story(FAKE_VMEM_QEMU);
}

TEST_WITH(test_cloud_hypervisor, NULL, shut_down)
{
    follow_story(FAKE_VMEM_CLOUD_HYPERVISOR);
}

TEST_WITH(test_firecracker, NULL, shut_down)
{
    follow_story(FAKE_VMEM_FIRECRACKER);
}

TEST_WITH(test_stratovirt, NULL, shut_down)
{
    follow_story(FAKE_VMEM_STRATOVIRT);
}

/* Firecracker's place for the region: 512 GiB. */
TEST_WITH(test_high_region, NULL, shut_down)
{
    machine_boot_region(&machine, FAKE_VMEM_FIRECRACKER, 512 * GIB, MACHINE_BLOCK, MACHINE_NR);
    machine_attach(&machine);
    machine_resize(&machine, GIB, 1);
    machine_expect(&machine, GIB);
}

/* Issue: 8 GiB in one request each way, of any block size. */
TEST_WITH(test_one_request, NULL, shut_down)
{
    static const u64 block_sizes[] = {MIB, 2 * MIB, 128 * MIB, GIB};
    for (unsigned i = 0; i < ARRAY_SIZE(block_sizes); i++) {
        machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, block_sizes[i],
                            16 * GIB / block_sizes[i]);
        machine_attach(&machine);
        machine_resize(&machine, 8 * GIB, 1);
        machine_expect(&machine, 8 * GIB);
        machine_resize(&machine, 0, 1);
        machine_expect(&machine, 0);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 1);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 1);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* Blocks smaller than mm's areas, and as small as a page. */
TEST_WITH(test_small_blocks, NULL, shut_down)
{
    static const u64 block_sizes[] = {4 * KIB, 64 * KIB, 512 * KIB};
    for (unsigned i = 0; i < ARRAY_SIZE(block_sizes); i++) {
        u64 block = block_sizes[i];
        machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, block, 1000);
        machine_attach(&machine);
        machine_resize(&machine, 777 * block, 1);
        machine_expect(&machine, 777 * block);
        machine_resize(&machine, 333 * block, 1);
        machine_expect(&machine, 333 * block);
        machine_resize(&machine, 0, 1);
        machine_expect(&machine, 0);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* A size that the host set before the driver was up comes without an interrupt. */
TEST_WITH(test_requested_before_start, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    machine_attach(&machine);
    machine_run(&machine, 0);
    machine_expect(&machine, 64 * MIB);
}

/* Set between the first snapshot and DRIVER_OK: no event tells, so the driver must look again. */
TEST_WITH(test_requested_during_start, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine_attach(&machine);
    machine.device.requested_bytes = machine.device.usable_bytes = 64 * MIB;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 0);
    machine_expect(&machine, 64 * MIB);
}

/* No interrupt ever comes: the slow look finds the resize, and the answer to a held request. */
TEST_WITH(test_lost_interrupts, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.faults.no_interrupts = true;
    machine_resize(&machine, 64 * MIB, 1000);
    machine_expect(&machine, 64 * MIB);

    machine.device.transport.hold = true;
    machine_resize(&machine, 32 * MIB, 1000);
    assert_true(machine.due_ms <= platform_now_ms() + 1000);
    machine.device.transport.hold = false;
    assert_int_equal(fake_transport_process(&machine.device.transport, 0), 1);
    machine_run(&machine, 1000);
    machine_expect(&machine, 32 * MIB);
}

TEST_WITH(test_polling, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.irq_mode = VMEM_IRQ_POLL;
    machine_attach(&machine);
    machine_run(&machine, 100);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    assert_true(machine.due_ms <= platform_now_ms() + 10);
    machine_run(&machine, 10);
    machine_expect(&machine, 64 * MIB);
}

/* Nothing to do costs nothing: no config read, no register access but on events. */
TEST_WITH(test_idle_is_cheap, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    u32 reads = machine.device.transport.nr_config_reads;
    for (unsigned i = 0; i < 100; i++)
        (void)vmem_service(machine.driver, platform_now_ms());
    assert_int_equal(machine.device.transport.nr_config_reads, reads);
    assert_int_equal(machine_said("settled requested=67108864"), 1);
    machine_run(&machine, 60000);
    assert_int_equal(machine_said("settled requested=67108864"), 1);
    assert_true(machine.nr_calls < 80);
}

static paddr_t pages[512];

static void allocate_one_in_each(u64 nr_blocks)
{
    for (u64 i = 0; i < nr_blocks; i++) {
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
        assert_in_range(pages[i], MACHINE_BASE, MACHINE_BASE + GIB - 1);
    }
}

/* Pages in use keep their blocks, once said; freed, they let the resize finish. */
TEST_WITH(test_pages_in_use, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    allocate_one_in_each(32);
    machine_resize(&machine, 16 * MIB, 5000);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 0);
    assert_int_equal(machine_said("warning"), 1);
    assert_int_equal(machine_said("24 blocks stay plugged while pages in them are in use"), 1);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_PAGES_IN_USE);
    assert_true(machine_status(&machine).is_ready);

    for (unsigned i = 0; i < 10; i++)
        page_free(pages[i], PAGE_ORDER_MAX);
    machine_run(&machine, 0); /* at once, not at the next slow look */
    machine_expect(&machine, 44 * MIB);
    assert_int_equal(machine_said("settled requested=16777216"), 0);
    for (unsigned i = 10; i < 32; i++)
        page_free(pages[i], PAGE_ORDER_MAX);
    machine_run(&machine, 0);
    machine_expect(&machine, 16 * MIB);
    assert_int_equal(machine_said("warning"), 1);
    assert_int_equal(machine_said("settled requested=16777216"), 1);
}

/* What is in use at the bottom and the top: the runs between go first, then one UNPLUG ALL. */
TEST_WITH(test_to_zero_around_pages, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    allocate_one_in_each(32);
    for (unsigned i = 0; i < 32; i++) {
        if (i % 8 != 0)
            page_free(pages[i], PAGE_ORDER_MAX);
    }
    machine_resize(&machine, 0, 1);
    machine_expect(&machine, 8 * MIB);
    u64 notifies = machine.device.transport.nr_notifies;
    for (unsigned i = 0; i < 32; i += 8)
        page_free(pages[i], PAGE_ORDER_MAX);
    machine_run(&machine, 0);
    machine_expect(&machine, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 1);
    assert_int_equal(machine.device.transport.nr_notifies, notifies + 1);
    assert_int_equal(machine.device.usable_bytes, 0);
    assert_int_equal(machine_status(&machine).config.usable_bytes, 0); /* read again */
    machine_resize(&machine, GIB, 1);
    machine_expect(&machine, GIB);
}

/* Scattered runs go several at a time, on one notification. */
TEST_WITH(test_scattered_runs_share_a_notify, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    allocate_one_in_each(32);
    for (unsigned i = 0; i < 32; i += 2)
        page_free(pages[i], PAGE_ORDER_MAX);
    u64 notifies = machine.device.transport.nr_notifies;
    machine_resize(&machine, 32 * MIB, 1);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 16);
    assert_int_equal(machine.device.transport.nr_notifies, notifies + 1);
    machine_resize(&machine, 256 * MIB, 1); /* the hole at the end is the largest: one request */
    machine_expect(&machine, 256 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 2);
    machine_resize(&machine, GIB, 1); /* and then the 16 holes, on a notification or two */
    machine_expect(&machine, GIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 2 + 1 + 16);
    assert_in_range(machine.device.transport.nr_notifies, notifies + 3, notifies + 4);
}

/* More runs than one call of vmem_service() does: it comes back, and the rest of the kernel runs.
 */
TEST_WITH(test_many_runs, NULL, shut_down)
{
    static paddr_t many[2500];
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, MACHINE_BLOCK, 2500);
    machine_attach(&machine);
    machine_resize(&machine, 2500 * MACHINE_BLOCK, 1);
    for (unsigned i = 0; i < 2500; i++)
        many[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    for (unsigned i = 0; i < 2500; i += 2)
        page_free(many[i], PAGE_ORDER_MAX);
    fake_fail_map_after(0); /* nothing is unmapped for a request that finds no room */
    fake_vmem_set_requested(&machine.device, 1250 * MACHINE_BLOCK);
    u64 now_ms = platform_now_ms();
    assert_int_equal(vmem_service(machine.driver, now_ms), now_ms + 10);
    assert_in_range(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 512, 1024);
    machine_run(&machine, 20);
    machine_expect(&machine, 1250 * MACHINE_BLOCK);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 1250);
    assert_int_equal(machine_said("warning"), 0);
}

/* Each decision is a line at log=vmem:debug. */
TEST_WITH(test_debug_lines, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    assert_int_equal(log_configure("vmem:debug"), OK);
    machine_resize(&machine, 4 * MIB, 1);
    assert_int_equal(log_configure("vmem:info"), OK);
    assert_int_equal(machine_said("vmem0: PLUG 2 blocks from 0\n"), 1);
    assert_int_equal(machine_said("vmem0: PLUG 2 blocks from 0: ACK (type 0, 10 bytes)\n"), 1);
}

static void shrink_wish_to_8m(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    device->before_request = NULL;
    fake_vmem_set_requested(device, 8 * MIB);
}

/* A wish that changes while the request is on its way: NACK, look, and the new plan at once. */
TEST_WITH(test_newest_wish_wins, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
    machine.device.before_request = shrink_wish_to_8m;
    machine_resize(&machine, 512 * MIB, 1);
    machine_expect(&machine, 8 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 2);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 0);
    assert_int_equal(machine_said("settled requested="), 2);
}

/* Work toward the old wish stops between requests: here after the first of five. */
TEST_WITH(test_new_wish_stops_work, NULL, shut_down)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, 4 * KIB, 400000);
    machine_attach(&machine);
    machine_run(&machine, 1);
    machine.device.transport.hold = true;
    machine_resize(&machine, 300000 * 4 * KIB, 1);
    assert_int_equal(fake_vmem_requests(&machine.device), 0);
    fake_vmem_set_requested(&machine.device, 0);
    machine.device.transport.hold = false;
    machine.device.is_strict = false;
    fake_transport_process(&machine.device.transport, 0);
    machine_run(&machine, 1);
    machine_expect(&machine, 0);
}

/* Two devices, side by side; one busy, the other not held up. */
TEST_WITH(test_two_devices, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    static struct fake_vmem other_device;
    struct vmem_device *other;
    fake_vmem_init(&other_device, FAKE_VMEM_QEMU, MACHINE_BASE + GIB, 128 * MIB, 8);
    assert_int_equal(fake_attach(&other_device.transport.device, "vmem1", VMEM_IRQ_AUTO,
                                 VMEM_INIT_UNPLUG_ALL, &other),
                     OK);
    machine.device.moods.busy = 1000;
    machine_resize(&machine, 512 * MIB, 1);
    fake_vmem_set_requested(&other_device, 512 * MIB);
    (void)vmem_service(other, platform_now_ms());
    assert_int_equal(other_device.plugged_bytes, 512 * MIB);
    assert_int_equal(machine.device.plugged_bytes, 0);
    assert_int_equal(machine_said("vmem1: settled requested=536870912"), 1);
    fake_vmem_free(&other_device);
}

TEST_WITH(test_describe_address, NULL, shut_down)
{
    char text[96];
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 4 * MIB, 1);
    assert_true(vmem_describe_address(machine.driver, MACHINE_BASE + 3 * MIB, text, sizeof(text)));
    assert_string_equal(text, "vmem0 block 1 at 0x100200000, plugged");
    assert_true(vmem_describe_address(machine.driver, MACHINE_BASE + 4 * MIB, text, sizeof(text)));
    assert_string_equal(text, "vmem0 block 2 at 0x100400000, unplugged");
    assert_false(vmem_describe_address(machine.driver, MACHINE_BASE - 1, text, sizeof(text)));
    assert_false(vmem_describe_address(machine.driver, MACHINE_BASE + GIB, text, sizeof(text)));
    assert_true(vmem_block_is_plugged(machine.driver, 1));
    assert_false(vmem_block_is_plugged(machine.driver, 2));
}
