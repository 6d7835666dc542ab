/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver over Tide's own mm: regions that mm refuses, boot RAM that is too small,
 * the node that pages come from, and that nothing of mm's is lost. tests/unit/virtio_mem/
 * tests the driver alone.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "extras/numa/node.h"
#include "include/status.h"
#include "mm/page.h"
#include "tests/fakes/fake_machine.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static struct machine machine;

/* Boot RAM that is in use for anything but mm's metadata, in frames. */
static u64 boot_used(void)
{
    struct page_stats stats;
    page_get_stats(&stats);
    return stats.boot_used - stats.metadata_bytes / PAGE_BYTES;
}

/* Attach, follow, keep pages in use, detach: boot RAM is as before. */
TEST_WITH(test_a_life, NULL, machine_end)
{
    static const u64 story[] = {512 * MIB, GIB, 256 * MIB, 258 * MIB, 2 * MIB, GIB, 64 * MIB};
    machine_boot(&machine, FAKE_VMEM_QEMU);
    u64 before = boot_used();
    machine_attach(&machine);
    for (unsigned i = 0; i < ARRAY_SIZE(story); i++) {
        machine_resize(&machine, story[i], 1);
        machine_expect(&machine, story[i]);
    }
    machine_hold_page(&machine);
    machine_resize(&machine, 0, 1000);
    machine_expect(&machine, MACHINE_BLOCK);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_PAGES_IN_USE);
    machine_detach(&machine, E_BUSY);
    machine_expect_page(&machine);
    machine_run(&machine, 0); /* at once, not at the next slow look */
    machine_expect(&machine, 0);
    machine_detach(&machine, OK);
    assert_int_equal(fake_mapped_bytes(), 0);
    assert_int_equal(boot_used(), before);
}

/* ---- what mm refuses ---- */

TEST_WITH(test_overlap_of_boot_ram, NULL, machine_end)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, FAKE_RAM_BASE, MACHINE_BLOCK, 4);
    u64 before = boot_used();
    assert_int_equal(machine_try_attach(&machine), E_EXIST);
    assert_int_equal(fake_console_said("region 0x10000000 + 0x800000 cannot be used: it overlaps"),
                     1);
    assert_int_equal(boot_used(), before);
}

TEST_WITH(test_overlap_of_devices, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    static struct machine other;
    machine_add(&other, FAKE_VMEM_QEMU, "vmem1", MACHINE_BASE + GIB / 2, MACHINE_BLOCK, MACHINE_NR);
    assert_int_equal(machine_try_attach(&other), E_EXIST);
    assert_true(fake_console_said("vmem1: error") >= 1);
    machine_resize(&machine, 64 * MIB, 1); /* the first is served on */
    machine_expect(&machine, 64 * MIB);
}

/* M3: the device's word on its node with ACPI_PXM, firmware's without; mm is told that one. */
TEST_WITH(test_node, NULL, machine_end)
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
        machine_end();
    }
}

/* ---- boot RAM that is too small for the region ---- */

#define HUGE_BLOCK (128 * MIB)
#define HUGE_NR    2048
#define HUGE_BYTES (HUGE_NR * HUGE_BLOCK)

/* It grows as far as boot RAM carries it, says so once and is quiet; and goes on when some is
 * freed. */
TEST_WITH(test_no_room_in_boot_ram, NULL, machine_end)
{
    static paddr_t hogs[64 * MIB / PAGE_BYTES];
    u64 nr_hogs = 0;
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, HUGE_BLOCK, HUGE_NR);
    machine_attach(&machine);
    while ((hogs[nr_hogs] = page_alloc_table()) != PADDR_NONE)
        nr_hogs++;
    for (unsigned i = 0; i < 200; i++)
        page_free(hogs[--nr_hogs], 0);
    machine_resize(&machine, HUGE_BYTES, 100000);
    u64 plugged = machine.device.plugged_bytes;
    assert_in_range(plugged, 32 * GIB, 200 * GIB);
    machine_expect(&machine, plugged);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 0);
    u64 nr_plugs = machine.device.count[VIRTIO_MEM_REQ_PLUG];
    assert_true(nr_plugs <= 16);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_ROOM);
    assert_int_equal(fake_console_said("blocks are missing, boot RAM has no room"), 1);
    assert_int_equal(fake_console_said("warning"), 1);
    for (unsigned i = 0; i < 100; i++)
        page_free(hogs[--nr_hogs], 0);
    machine_run(&machine, 2000);
    assert_true(machine.device.plugged_bytes > plugged);
    machine_resize(&machine, 0, 1000);
    machine_expect(&machine, 0);
    while (nr_hogs > 0)
        page_free(hogs[--nr_hogs], 0);
    machine_resize(&machine, HUGE_BYTES, 1000);
    machine_expect(&machine, HUGE_BYTES);
    assert_int_equal(fake_console_said("warning"), 1);
}
