/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning and the end: devices that are refused, memory plugged by an
 * earlier life given back, letting go and taking over again.
 */
#include "extras/numa/node.h"
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

/* ---- attach ---- */

static void expect_refused(const char *reason)
{
    struct vmem_device *driver = NULL;
    struct page_stats before;
    struct page_stats after;
    page_get_stats(&before);
    int status = fake_attach(&machine.device.transport.device, "vmem0", VMEM_IRQ_AUTO,
                             VMEM_INIT_UNPLUG_ALL, &driver);
    if (status == OK || !strstr(fake_console(), reason))
        fail_msg("status %d, console: %s, expected: %s", status, fake_console(), reason);
    assert_non_null(strstr(fake_console(), "error"));
    page_get_stats(&after);
    assert_int_equal(after.boot_used - after.metadata_bytes / PAGE_BYTES,
                     before.boot_used - before.metadata_bytes / PAGE_BYTES);
    assert_false(machine.device.transport.irq_enabled);
    assert_int_equal(fake_vmem_requests(&machine.device), 0);
}

TEST_WITH(test_bad_configs, NULL, shut_down)
{
    static const struct {
        u64 base, block_bytes, nr_blocks;
        const char *reason;
    } cases[] = {
        {MACHINE_BASE, 3 * MIB + 2 * KIB, 4, "block_size 0x300800 is not a multiple of 4096"},
        {MACHINE_BASE, 0, 4, "block_size 0x0"},
        {MACHINE_BASE + MIB, 2 * MIB, 4, "addr 0x100100000 is not a multiple"},
        {0, 2 * MIB, 4, "addr is 0"}, /* microvm */
        {FAKE_RAM_BASE, 2 * MIB, 4, "region 0x10000000 + 0x800000 cannot be used: it overlaps"},
        {(u64)1 << 46, 2 * MIB, 4, "ends above"},
        {~(u64)0 << 23, 2 * MIB, 4, "ends above"},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        machine.device.base = cases[i].base;
        machine.device.block_bytes = cases[i].block_bytes;
        machine.device.nr_blocks = cases[i].nr_blocks;
        fake_vmem_update(&machine.device);
        fake_console_clear();
        expect_refused(cases[i].reason);
    }
    /* And with good values the same device is taken. */
    machine.device.base = MACHINE_BASE;
    machine.device.block_bytes = MACHINE_BLOCK;
    fake_vmem_update(&machine.device);
    machine_attach(&machine);
}

TEST_WITH(test_bad_devices, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    struct fake_transport *transport = &machine.device.transport;
    transport->config_bytes = 48; /* OpenVMM, a broken device of another vendor */
    expect_refused("config space has 48 bytes");
    transport->config_bytes = 56;
    transport->faults.generation_runs = true;
    expect_refused("config space");
    transport->faults.generation_runs = false;
    transport->nr_queues = 0;
    expect_refused("queue");
    transport->nr_queues = 1;
    transport->faults.irq_enable_status = E_NOMEM;
    expect_refused("no way to interrupt");
    transport->faults.irq_enable_status = OK;
    transport->faults.refuse_features_ok = true;
    expect_refused("FEATURES_OK");
    transport->faults.refuse_features_ok = false;
    transport->offered = 0;
    expect_refused("VERSION_1");
    transport->offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    transport->faults.reset_reads = ~0u;
    expect_refused("after a reset");
    transport->faults.reset_reads = 3;
    machine_attach(&machine);
}

TEST_WITH(test_overlap_of_devices, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    static struct fake_vmem other;
    struct vmem_device *driver;
    fake_vmem_init(&other, FAKE_VMEM_QEMU, MACHINE_BASE + GIB / 2, MACHINE_BLOCK, MACHINE_NR);
    assert_int_equal(
        fake_attach(&other.transport.device, "vmem1", VMEM_IRQ_AUTO, VMEM_INIT_UNPLUG_ALL, &driver),
        E_EXIST);
    assert_true(machine_said("vmem1: error") >= 1);
    machine_resize(&machine, 64 * MIB, 1); /* the first is served on */
    machine_expect(&machine, 64 * MIB);
    fake_vmem_free(&other);
}

/* With each page more there is one more step that succeeds; what fails leaves nothing behind. */
TEST_WITH(test_memory_for_the_driver, NULL, shut_down)
{
    static paddr_t pages[16384];
    unsigned nr_pages = 0;
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, 64 * KIB, 262144);
    while ((pages[nr_pages] = page_alloc(0, PAGE_KERNEL)) != PADDR_NONE)
        nr_pages++;
    struct vmem_device *driver;
    unsigned nr_failures = 0;
    while (fake_attach(&machine.device.transport.device, "vmem0", VMEM_IRQ_AUTO,
                       VMEM_INIT_UNPLUG_ALL, &driver) != OK) {
        struct page_stats stats;
        page_get_stats(&stats);
        assert_int_equal(stats.boot_frames - stats.boot_used, nr_failures);
        nr_failures++;
        page_free(pages[--nr_pages], 0);
    }
    assert_in_range(nr_failures, 5, 200);
    assert_true(machine_said("no memory for the driver's own data") >= 2);
    assert_true(machine_said("its queue cannot be set up: nomem") >= 1);
    assert_true(machine_said("no memory for the map of its 0x400000000 bytes") >= 1);
}

/* M4, M3, M16 */
TEST_WITH(test_features, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    u64 features = machine_status(&machine).features;
    assert_true((features & VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE)) != 0);
    assert_true((features & VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM)) != 0);
    assert_false(vmem_allows_suspend(machine.driver));
    machine_shutdown(&machine);

    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.offered |= VIRTIO_FEATURE(VIRTIO_MEM_F_PERSISTENT_SUSPEND);
    machine.device.node_id = 3;
    fake_vmem_update(&machine.device);
    machine_attach(&machine);
    assert_true(vmem_allows_suspend(machine.driver));
    assert_int_equal(machine_status(&machine).config.node_id, 3);
    machine_shutdown(&machine);

    machine_boot(&machine, FAKE_VMEM_CLOUD_HYPERVISOR); /* offers nothing but VERSION_1 */
    machine.device.transport.offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    machine.device.node_id = 0xffff;
    fake_vmem_update(&machine.device);
    machine_attach(&machine);
    assert_int_equal(machine_status(&machine).config.node_id, 0);
    machine_resize(&machine, GIB, 1);
    machine_expect(&machine, GIB);
}

/* M3: the device's word on its node with ACPI_PXM, firmware's without; mm is told that one. */
TEST_WITH(test_node, NULL, shut_down)
{
    static const struct platform_node_range all = {.bytes = ~(u64)0, .node_id = 5};
    for (unsigned i = 0; i < 4; i++) {
        bool has_pxm = (i & 1) != 0;
        bool has_srat = (i & 2) != 0;
        u32 expected = has_pxm ? 3 : has_srat ? 5 : 0;
        machine_boot(&machine, FAKE_VMEM_QEMU);
        fake_set_nodes(&all, has_srat);
        node_init();
        machine.device.node_id = 3;
        if (!has_pxm)
            machine.device.transport.offered &= ~VIRTIO_FEATURE(VIRTIO_MEM_F_ACPI_PXM);
        fake_vmem_update(&machine.device);
        machine_attach(&machine);
        assert_int_equal(machine_status(&machine).node_id, expected);
        machine_resize(&machine, 64 * MIB, 100);
        paddr_t paddr = page_alloc_on_node(0, expected);
        assert_true(paddr >= MACHINE_BASE && paddr < MACHINE_BASE + GIB);
        page_free(paddr, 0);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

TEST_WITH(test_region_of_nothing, NULL, shut_down)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, 0, MACHINE_BLOCK, 0);
    machine_attach(&machine);
    machine_run(&machine, 1);
    assert_true(machine_status(&machine).is_ready);
    assert_int_equal(vmem_detach(machine.driver), OK);
}

/* ---- memory plugged before ---- */

/* M5: UNPLUG ALL until it works, and then the host's wish. */
TEST_WITH(test_gives_back, NULL, shut_down)
{
    for (enum fake_vmem_manner manner = 0; manner < FAKE_VMEM_MANNERS; manner++) {
        machine_boot(&machine, manner);
        fake_vmem_plug(&machine.device, 3, 100);
        fake_vmem_plug(&machine.device, 200, 1);
        machine.device.moods.busy = 8;
        machine_attach(&machine);
        machine_run(&machine, 2549);
        assert_int_equal(machine.device.plugged_bytes, 101 * MACHINE_BLOCK);
        assert_int_equal(fake_mapped_bytes(), 0);
        assert_int_equal(machine_status(&machine).state, VMEM_STATE_RELEASING);
        assert_false(machine_status(&machine).is_ready);
        machine_run(&machine, 100);
        machine_expect(&machine, 0);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 9);
        machine_resize(&machine, 64 * MIB, 1);
        machine_expect(&machine, 64 * MIB);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* StratoVirt lets go of nothing that is requested, and of some runs before it says so. */
TEST_WITH(test_giving_back_is_refused, NULL, shut_down)
{
    static const u64 requested[] = {1, 40, 101, 102, 300};
    for (unsigned i = 0; i < ARRAY_SIZE(requested); i++) {
        machine_boot(&machine, FAKE_VMEM_STRATOVIRT);
        fake_vmem_plug(&machine.device, 3, 50);
        fake_vmem_plug(&machine.device, 100, 50);
        fake_vmem_plug(&machine.device, 200, 1);
        fake_vmem_set_requested(&machine.device, requested[i] * MACHINE_BLOCK);
        machine_attach(&machine);
        machine_run(&machine, 1000);
        machine_expect(&machine, requested[i] * MACHINE_BLOCK);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 1);
        assert_true(machine_status(&machine).is_settled);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* Nor may the driver leave before the host wants nothing: it loses and doubles no block by trying.
 */
TEST_WITH(test_leaving_is_refused, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_STRATOVIRT);
    machine.init = VMEM_INIT_STATE;
    fake_vmem_plug(&machine.device, 0, 1);
    fake_vmem_plug(&machine.device, 100, 50);
    fake_vmem_set_requested(&machine.device, 40 * MACHINE_BLOCK);
    machine.device.moods.busy = 1; /* still 51 blocks, in two runs */
    machine_attach(&machine);
    (void)vmem_service(machine.driver, platform_now_ms());
    assert_int_equal(machine.device.plugged_bytes, 51 * MACHINE_BLOCK);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(vmem_detach(machine.driver), E_AGAIN);
        machine_run(&machine, 1000);
    }
    assert_int_equal(machine.device.plugged_bytes, 50 * MACHINE_BLOCK);
    assert_in_range(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 3, 20);
    machine_resize(&machine, 0, 5000);
    assert_int_equal(machine.device.plugged_bytes, 0);
    assert_int_equal(vmem_detach(machine.driver), OK);
}

TEST_WITH(test_gives_back_never_works, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_plug(&machine.device, 3, 100);
    machine.device.moods.error = ~0u;
    machine_attach(&machine);
    machine_run(&machine, 60000);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_BROKEN);
    assert_int_equal(fake_mapped_bytes(), 0);
    assert_int_equal(vmem_detach(machine.driver), OK);
    machine.device.moods.error = 0;
    machine_attach(&machine);
    machine_run(&machine, 10);
    machine_expect(&machine, 0);
}

/* ---- detach ---- */

TEST_WITH(test_detach, NULL, shut_down)
{
    for (enum fake_vmem_manner manner = 0; manner < FAKE_VMEM_MANNERS; manner++) {
        machine_boot(&machine, manner);
        struct page_stats before;
        struct page_stats after;
        page_get_stats(&before);
        machine_attach(&machine);
        machine_resize(&machine, 64 * MIB, 1);
        paddr_t page = page_alloc(0, PAGE_USER);
        assert_int_equal(vmem_detach(machine.driver), E_BUSY);
        machine_run(&machine, 1000); /* still attached, still following */
        machine_resize(&machine, 128 * MIB, 1);
        machine_expect(&machine, 128 * MIB);
        page_free(page, 0);
        u64 requested = machine.device.requested_bytes;
        if (manner == FAKE_VMEM_STRATOVIRT) /* it lets the driver go with nothing requested only */
            machine_resize(&machine, 0, 1);
        assert_int_equal(vmem_detach(machine.driver), OK);
        fake_vmem_set_requested(&machine.device, requested);
        assert_int_equal(machine.device.plugged_bytes, 0);
        assert_int_equal(fake_mapped_bytes(), 0);
        assert_int_equal(machine.device.transport.status, 0);
        page_get_stats(&after);
        assert_int_equal(after.boot_used - after.metadata_bytes / PAGE_BYTES,
                         before.boot_used - before.metadata_bytes / PAGE_BYTES);
        machine_attach(&machine);
        machine_run(&machine, 10);
        machine_expect(&machine, 128 * MIB);
        machine_resize(&machine, 64 * MIB, 10);
        machine_expect(&machine, 64 * MIB);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* The device is busy: detaching goes on in the loop, and plugs nothing meanwhile. */
TEST_WITH(test_detach_takes_time, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    machine.device.moods.busy = 5;
    assert_int_equal(vmem_detach(machine.driver), E_AGAIN);
    fake_vmem_set_requested(&machine.device, 256 * MIB);
    machine_run(&machine, 1000);
    assert_int_equal(machine.device.plugged_bytes, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 1);
    assert_int_equal(vmem_detach(machine.driver), OK);
}

/* Pages were taken before the device agreed: it stays, and follows the host as before. */
TEST_WITH(test_detach_given_up, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 1;
    assert_int_equal(vmem_detach(machine.driver), E_AGAIN);
    machine_hold_page(&machine);
    assert_int_equal(vmem_detach(machine.driver), E_BUSY);
    machine_resize(&machine, 128 * MIB, 100);
    machine_expect(&machine, 128 * MIB);
    machine_expect_page(&machine);
}

/* A broken device is let go once its memory is idle; the next life gives it back. */
TEST_WITH(test_detach_broken, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    paddr_t page = page_alloc(0, PAGE_USER);
    machine.device.transport.faults.reset_reads = ~0u;
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 5000);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_BROKEN);
    assert_int_equal(vmem_detach(machine.driver), E_BUSY);
    page_free(page, 0);
    machine.device.transport.faults.reset_reads = 0;
    machine.device.transport.reset_reads_left = 0;
    assert_int_equal(vmem_detach(machine.driver), OK);
    assert_int_equal(fake_mapped_bytes(), 0);
    machine_attach(&machine);
    machine_run(&machine, 10);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 1);
}

/* A system reset moved the region: attach again finds it where it is now. */
TEST_WITH(test_region_moved_between_lives, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 64 * MIB, 1);
    assert_int_equal(vmem_detach(machine.driver), OK);
    machine.device.base += 16 * GIB;
    fake_vmem_update(&machine.device);
    machine_attach(&machine);
    machine_run(&machine, 10);
    machine_expect(&machine, 64 * MIB);
    assert_true(fake_is_mapped(MACHINE_BASE + 16 * GIB, 64 * MIB));
}
