/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel with a balloon: which pages it takes, who gets them back when, what is reported. */
#include <asm/cpu.h>

#include "drivers/virtio/balloon/spec.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/include/vmem/balloon.h"
#include "extras/device_control/device_control.h"
#include "include/status.h"
#include "mm/page.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/unit.h"

#define FEATURE(name) VIRTIO_FEATURE(VIRTIO_BALLOON_F_##name)
#define SLOT          5
#define REGION_BASE   (512 * MIB) /* what the balloon can name */

static struct fake_transport device;
static struct fake_vmem *vmem;
static u32 nr_in_balloon, nr_outside_boot;
static u64 nr_told[FAKE_QUEUES]; /* pages of idle memory, by queue */
#define nr_reported nr_told[VIRTIO_BALLOON_QUEUE_REPORTING_QEMU]

/* Counts pages, and those that are not boot RAM; keeps statistics; believes every report. */
static void on_request(void *context, struct fake_request *request)
{
    (void)context;
    if (request->queue == VIRTIO_BALLOON_QUEUE_STATS)
        request->no_answer = true;
    nr_told[request->queue] += request->reply_capacity / PAGE_BYTES;
    if (request->queue > VIRTIO_BALLOON_QUEUE_DEFLATE)
        return;
    u32 nr_pages = request->readable_bytes / 4;
    nr_in_balloon += request->queue == VIRTIO_BALLOON_QUEUE_INFLATE ? nr_pages : -nr_pages;
    for (u32 i = 0; i < nr_pages; i++) {
        u32 page;
        memcpy(&page, request->readable + 4 * i, sizeof(page));
        nr_outside_boot += (u64)page * PAGE_BYTES >= REGION_BASE;
    }
}

static void on_reset(void *context)
{
    (void)context;
    nr_in_balloon = 0;
}

static void on_config_write(void *context, u32 offset, u32 value)
{
    (void)context;
    assert_int_equal(offset, 4);
    assert_int_equal(value, nr_in_balloon);
}

static void prepare_device(u64 features)
{
    fake_transport_init(&device, VMEM_VIRTIO_ID_BALLOON, features, 16);
    device.nr_queues = features & FEATURE(FREE_PAGE_HINT) ? 5 : 4;
    device.on_request = on_request;
    device.on_reset = on_reset;
    device.on_config_write = on_config_write;
    nr_in_balloon = nr_outside_boot = 0;
    memset(nr_told, 0, sizeof(nr_told));
}

static void boot_with_region(paddr_t base, u64 features, const char *cmdline)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_choose_base(base);
    prepare_device(features);
    kernel_add_virtio(SLOT, VMEM_VIRTIO_ID_BALLOON, &device);
    vmem = kernel_add_vmem(4);
    kernel_boot(cmdline);
}

static void boot(u64 features, const char *cmdline)
{
    boot_with_region(REGION_BASE, features, cmdline);
}

static void tear_down(void)
{
    kernel_type("free all");
    kernel_stop();
}

static void want(u64 bytes)
{
    u32 nr_pages = (u32)(bytes / PAGE_BYTES);
    memcpy(device.config, &nr_pages, sizeof(nr_pages));
    fake_transport_raise_config(&device);
    kernel_run(3000);
}

/* Boot RAM first, with memory plugged and without; both end at what the host asks for. */
TEST_WITH(test_takes_boot_ram, NULL, tear_down)
{
    boot(0, "");
    for (unsigned i = 0; i < 2; i++) {
        nr_outside_boot = 0;
        kernel_resize(vmem, i * 32 * MIB);
        want(5 * MIB + 5 * PAGE_BYTES);
        assert_int_equal(nr_in_balloon, 5 * 256 + 5);
        assert_int_equal(nr_outside_boot, 0);
        kernel_expect("balloon", "running, holds 5140K of 5140K\n");
        kernel_expect("stats check", "check: ok");
        kernel_resize(vmem, 0);
        want(256 * MIB); /* the rest is the kernel's, or kept for growth */
        assert_in_range(nr_in_balloon, 8 * 256, 15 * 256);
        kernel_expect("balloon", "(no more can be taken)");
        assert_int_equal(nr_outside_boot, 0);
        kernel_resize(vmem, 48 * MIB);
        assert_int_equal(vmem->plugged_bytes, 48 * MIB);
        want(0);
        assert_int_equal(nr_in_balloon, 0);
        kernel_resize(vmem, 0);
        assert_int_equal(vmem->plugged_bytes, 0);
    }
}

/* Then plugged memory, and what virtio-mem must unplug comes back: all of it, or as much as is
 * needed. When it grows again the balloon does, too. */
TEST_WITH(test_takes_plugged_memory, NULL, tear_down)
{
    boot(0, "");
    want(256 * MIB);
    u64 boot_pages = nr_in_balloon;
    kernel_resize(vmem, 32 * MIB);
    kernel_run(3000);
    assert_int_equal(nr_in_balloon, boot_pages + 32 * 256);
    kernel_expect("alloc 2M", "not enough free memory");
    kernel_resize(vmem, 12 * MIB);
    assert_int_equal(vmem->plugged_bytes, 12 * MIB);
    kernel_run(3000);
    assert_int_equal(nr_in_balloon, boot_pages + 12 * 256);
    kernel_expect("stats check", "check: ok");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
    assert_int_equal(nr_in_balloon, boot_pages);
    kernel_resize(vmem, 40 * MIB);
    want((boot_pages + 3 * 512 + 7) * PAGE_BYTES);
    assert_int_equal(nr_in_balloon, boot_pages + 3 * 512 + 7);
    kernel_expect("alloc 20M", "alloc: 0: 20M");
    kernel_expect("fill", "fill: 0");
    kernel_resize(vmem, 24 * MIB); /* two blocks are bookkeeping */
    assert_int_equal(vmem->plugged_bytes, 24 * MIB);
    kernel_expect("check", "check: ok");
    kernel_type("free all");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
    want(0);
    assert_int_equal(nr_in_balloon, 0);
}

/* A page number has 32 bits: what is beyond them cannot be in the balloon. */
TEST_WITH(test_out_of_reach, NULL, tear_down)
{
    boot_with_region(FAKE_REGION_BASE, 0, "");
    want(256 * MIB);
    u64 boot_pages = nr_in_balloon;
    kernel_resize(vmem, 32 * MIB);
    kernel_run(3000);
    assert_int_equal(nr_in_balloon, boot_pages);
    kernel_resize(vmem, 0);
}

/* Pages in use keep blocks plugged: the balloon has given back what it had there, and waits. */
TEST_WITH(test_makes_way_in_vain, NULL, tear_down)
{
    boot(0, "");
    kernel_resize(vmem, 32 * MIB);
    kernel_expect("alloc 10M", "alloc: 0: 10M");
    want(256 * MIB);
    u64 all = nr_in_balloon;
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 10 * MIB);
    assert_in_range(nr_in_balloon, all - 22 * 256, all - 22 * 256 + 1);
    kernel_resize(vmem, 32 * MIB);
    kernel_run(3000);
    assert_in_range(nr_in_balloon, all, all + 1);
    kernel_type("free all");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
}

/* In need the guest gets pages back, where the host allows it; not on another processor. */
TEST_WITH(test_reclaim, NULL, tear_down)
{
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        if (allowed)
            kernel_stop();
        boot(allowed ? FEATURE(DEFLATE_ON_OOM) : 0, "");
        want(10 * MIB);
        assert_int_equal(nr_in_balloon, 10 * 256);
        kernel_expect("alloc 8M", allowed ? "alloc: 0: 8M" : "not enough free memory");
        kernel_run(1000);
        assert_true(allowed ? nr_in_balloon < 8 * 256 : nr_in_balloon == 10 * 256);
        kernel_expect_not("balloon", allowed ? "holds 10M" : "out of memory");
        kernel_type("free all");
        want(0);
        want(3 * MIB);
        assert_int_equal(nr_in_balloon, 3 * 256);
    }
}

/* A device that does not answer: the allocation waits for a while, and fails. */
TEST_WITH(test_reclaim_in_vain, NULL, tear_down)
{
    boot(FEATURE(DEFLATE_ON_OOM) | FEATURE(MUST_TELL_HOST), "");
    want(10 * MIB);
    device.hold = true;
    kernel_expect("alloc 8M", "not enough free memory");
    device.hold = false;
    fake_transport_process(&device, VIRTIO_BALLOON_QUEUE_DEFLATE);
    kernel_run(1000);
    kernel_expect("alloc 2M", "alloc: 0: 2M");
}

/* Idle pageblocks, once; what was used again is told again, and nothing else. */
TEST_WITH(test_reports, NULL, tear_down)
{
    boot(FEATURE(PAGE_REPORTING) | FEATURE(STATS_VQ), "");
    kernel_run(1000);
    u64 at_first = nr_reported;
    assert_in_range(at_first, 512, 7 * 512); /* boot RAM, but for what is in use */
    kernel_resize(vmem, 32 * MIB);
    kernel_run(1000);
    assert_int_equal(nr_reported, at_first); /* the host has never backed it */
    kernel_type("alloc 10M");
    kernel_run(1000);
    assert_int_equal(nr_reported, at_first);
    kernel_expect("fill", "fill: 0");
    kernel_type("free");
    kernel_run(1000);
    assert_int_equal(nr_reported, at_first + 5 * 512);
    kernel_expect("balloon", "features: STATS_VQ PAGE_REPORTING");
    kernel_expect("stats check", "check: ok");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
}

static u64 hint(u32 id)
{
    u64 before = nr_told[VIRTIO_BALLOON_QUEUE_HINT];
    memcpy(device.config + 8, &id, sizeof(id));
    fake_transport_raise_config(&device);
    kernel_run(1000);
    return nr_told[VIRTIO_BALLOON_QUEUE_HINT] - before;
}

/* A migration is told of all that is idle, reported or not, and of nothing that is in use. */
TEST_WITH(test_hints, NULL, tear_down)
{
    boot(FEATURE(FREE_PAGE_HINT) | FEATURE(PAGE_REPORTING), "");
    kernel_resize(vmem, 32 * MIB);
    kernel_run(1000);
    u64 idle = hint(2);
    assert_in_range(idle, 16 * 512, (16 + 7) * 512);
    kernel_expect("alloc 10M", "alloc: 0: 10M");
    assert_int_equal(hint(3), idle - 5 * 512);
    kernel_expect("fill", "fill: 0");
    kernel_expect("check", "check: ok");
    kernel_type("free");
    u64 reported = nr_told[VIRTIO_BALLOON_QUEUE_REPORTING];
    assert_int_equal(hint(4), idle);
    assert_int_equal(nr_told[VIRTIO_BALLOON_QUEUE_REPORTING], reported + 5 * 512);
    assert_int_equal(hint(5), idle);
    assert_int_equal(nr_told[VIRTIO_BALLOON_QUEUE_REPORTING], reported + 5 * 512);
    kernel_expect("stats check", "check: ok");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
}

/* Meanwhile the device has used the hints; the boot processor goes on while another one waits. */
static void while_it_waits(void)
{
    u32 self = fake_cpu_id;
    fake_clock_was_read = NULL;
    device.hold = false;
    fake_transport_process(&device, VIRTIO_BALLOON_QUEUE_HINT);
    fake_cpu_id = 0;
    if (self != 0)
        kernel_run(100);
    fake_cpu_id = self;
}

/* What is on its way is memory all the same: whoever needs some waits for it, for a while. */
TEST_WITH(test_hints_and_need, NULL, tear_down)
{
    boot(FEATURE(FREE_PAGE_HINT), "");
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        device.hold = true;
        hint(2 + cpu);
        fake_transport_process(&device, VIRTIO_BALLOON_QUEUE_HINT);
        kernel_run(100);
        kernel_expect("alloc 8M", "not enough free memory");
        fake_cpu_id = cpu;
        assert_false(page_reclaim());
        fake_clock_was_read = while_it_waits;
        assert_true(page_reclaim());
        fake_clock_was_read = NULL;
        fake_cpu_id = 0;
        device.hold = false;
        kernel_run(100);
        kernel_expect("alloc 8M", "alloc: 0: 8M");
        kernel_type("free all");
        assert_false(page_reclaim());
    }
}

TEST_WITH(test_report_order, NULL, tear_down)
{
    boot(FEATURE(PAGE_REPORTING), "balloon.report_order=11");
    kernel_resize(vmem, 32 * MIB);
    kernel_run(1000);
    u64 at_first = nr_reported;
    assert_int_equal(at_first % (4 * 512), 0);
    kernel_type("alloc 18M"); /* 9 pageblocks, of which 8 are two runs */
    kernel_type("free");
    kernel_run(1000);
    assert_int_equal(nr_reported, at_first + 8 * 512);
}

TEST_WITH(test_wrong_option, NULL, tear_down)
{
    boot(0, "balloon.report_order=16");
    fake_console_has("balloon.report_order=16: expected an order of pages from 9 (2 MiB) to 15");
}

/* Reset for another kernel, and started again. */
TEST_WITH(test_stop_and_start, NULL, tear_down)
{
    const char *who;
    boot(0, "");
    want(4 * MIB);
    assert_int_equal(devices_quiesce(&who), OK);
    assert_int_equal(device.status, 0);
    devices_resume();
    kernel_run(1000);
    assert_int_equal(nr_in_balloon, 4 * 256);
    device.faults.reset_reads = ~0u;
    assert_int_equal(devices_quiesce(&who), E_TIMEOUT);
    assert_string_equal(who, "balloon0");
}

/* It comes into a slot, and is pulled out with pages in it. */
TEST_WITH(test_pulled_out, NULL, tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_pci_slot *slot = kernel_add_slot(3);
    kernel_boot("");
    kernel_expect("balloon", "error: balloon: no virtio-balloon device is in use\n");
    for (unsigned i = 0; i < 2; i++) {
        prepare_device(0);
        kernel_plug_virtio(slot, VMEM_VIRTIO_ID_BALLOON, &device);
        kernel_run(10000);
        want(6 * MIB);
        assert_int_equal(nr_in_balloon, 6 * 256);
        device.faults.vanished = true;
        fake_pci_slot_take(slot);
        kernel_run(10000);
        fake_console_has("balloon0: error: the device is no longer used: it was pulled out");
        kernel_expect("balloon", "no virtio-balloon device");
        kernel_expect("alloc 9M", "alloc: 0: 9M");
        kernel_type("free all");
    }
}

/* Unusable, and then broken: it says why, and the rest goes on. */
TEST_WITH(test_trouble, NULL, tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    prepare_device(0);
    device.nr_queues = 1;
    kernel_add_virtio(SLOT, VMEM_VIRTIO_ID_BALLOON, &device);
    kernel_boot("");
    fake_console_has("pci 0000:00:05.0: virtio-balloon device not used (nodev)");
    kernel_stop();
    boot(0, "");
    want(4 * MIB);
    fake_transport_fail(&device);
    kernel_run(1000);
    kernel_expect("balloon", "broken, holds 0 of 4M\n");
    kernel_expect("balloon", "broken: it needs a reset");
    kernel_expect("alloc 9M", "alloc: 0: 9M");
}
