/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices from the user's side: which are taken, by options and by what is there;
 * those that come and go while the kernel runs, `off` and `on`; and how they are shown.
 */
#include "kernel/devices.h"

#include "extras/jobs/job.h"
#include "extras/pci_hotplug/slot_spec.h"
#include "kernel/device_memory.h"
#include "kernel/kmain.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/unit.h"

/* ---- which are taken ---- */

TEST_WITH(test_the_list_of_functions, NULL, kernel_tear_down)
{
    static const struct {
        u16 vendor_id;
        u16 device_id;
        u16 class;
        const char *said;
    } functions[] = {
        {0x8086, 0x7010, 0x0101, "8086:7010 class 0101 rev 0 IDE controller\n"},
        {0x8086, 0x2922, 0x0106, "SATA controller\n"},
        {0x8086, 0x10d3, 0x0200, "network controller\n"},
        {0x1234, 0x1111, 0x0300, "VGA controller\n"},
        {0x8086, 0x7000, 0x0601, "ISA bridge\n"},
        {0x8086, 0x7113, 0x0680, "8086:7113 class 0680 rev 0 bridge\n"},
        {0x1b36, 0x000d, 0x0c03, "USB controller\n"},
        {0x8086, 0x2930, 0x0c05, "SMBus\n"},
        {0x1b36, 0x0005, 0x00ff, "1b36:0005 class 00ff rev 0 \n"},
        {0x1af4, 0x1045, 0x00ff, "virtio balloon\n"},
        {0x1af4, 0x1000, 0x0200, "virtio network\n"}, /* transitional */
        {0x1af4, 0x107f, 0x00ff, "virtio unknown\n"},
    };
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_add_vmem(4);
    kernel_add_slot(3);
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
        struct fake_pci_function *function = kernel_add_function(
            (u8)(5 + i), functions[i].vendor_id, functions[i].device_id, functions[i].class);
        if (functions[i].vendor_id == 0x1af4)
            fake_pci_set(function, PCI_SUBSYSTEM, 4, 0x00011af4);
    }
    kernel_boot("");
    kernel_type("devices");
    fake_console_has("0000:00:00.0 8086:1237 class 0600 rev 0 host bridge\n");
    fake_console_has("0000:00:03.0 1b36:0001 class 0604 rev 0 PCI bridge\n");
    fake_console_has("0000:00:04.0 1af4:1058 class 00ff rev 0 virtio memory\n");
    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
        fake_console_has(functions[i].said);
}

TEST_WITH(test_slots_of_the_command_line, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_add_vmem(4);
    kernel_add_vmem(5);
    kernel_add_function(6, 0x1af4, 0x1045, 0x00ff);
    kernel_boot("virtio_mem.slot=5 virtio_mem.slot=6 virtio_mem.slot=0 virtio_mem.slot=1f");
    fake_console_has(
        "virtio_mem.slot=0000:00:06.0: 1af4:1045 there is a virtio balloon device (5), not "
        "memory (24)");
    fake_console_has(
        "virtio_mem.slot=0000:00:00.0: 8086:1237 class 0600 there is not a virtio-mem");
    fake_console_has("virtio_mem.slot=0000:00:1f.0: no device there");
    kernel_expect("status", "vmem0: pci 0000:00:05.0");
    kernel_expect_not("rescan", "vmem1"); /* 4 is not meant */
    kernel_expect_not("status", "00:04.0");
}

TEST_WITH(test_registers_of_the_command_line, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *memory = kernel_add_mmio_vmem(0xd0000000);
    struct fake_vmem *balloon = kernel_add_mmio_vmem(0xd0001000);
    balloon->transport.device.device_type = 5;
    kernel_boot("log=debug virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6 "
                "virtio_mmio.device=4K@0xd0002000:7");
    fake_console_has("a virtio balloon device, left alone");
    kernel_resize(memory, 4 * MIB);
    assert_int_equal(memory->plugged_bytes, 4 * MIB);
    kernel_expect("off vmem0", "off: vmem0 is off\n");
    kernel_expect("on vmem0", "on: vmem0 is on");
}

TEST_WITH(test_a_device_that_cannot_be_used, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *vmem = kernel_add_vmem(4);
    kernel_add_function(5, 0x1af4, 0x1058, 0x00ff); /* without capabilities */
    vmem->transport.faults.refuse_features_ok = true;
    kernel_boot("");
    fake_console_has("devices: error: pci 0000:00:04.0: virtio-mem device not used (unsupported)");
    fake_console_has("devices: error: pci 0000:00:05.0: unusable virtio function (nodev)");
    vmem->transport.faults.refuse_features_ok = false;
    kernel_expect("rescan", "vmem0");
    kernel_expect("status", "vmem0: pci 0000:00:04.0, settled");
}

TEST_WITH(test_more_devices_than_there_is_room_for, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    for (unsigned i = 0; i <= VMEM_DEVICES_MAX; i++)
        kernel_add_vmem((u8)(4 + i));
    kernel_boot("");
    fake_console_has("pci 0000:00:14.0: more than 16 virtio-mem devices, left alone");
    kernel_expect("status", "vmem15: pci 0000:00:13.0");
    kernel_expect_not("status", "vmem16");
}

/* ---- how they are shown ---- */

TEST_WITH(test_status_of_a_broken_and_of_a_waiting_device, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *busy = kernel_add_vmem(4);
    struct fake_vmem *broken = kernel_add_vmem(5);
    kernel_boot("virtio_mem.irq=poll");
    busy->moods.busy = 1000000;
    fake_vmem_set_requested(busy, 4 * MIB);
    kernel_run(1000);
    broken->transport.faults.vanished = true;
    kernel_run(4000);
    kernel_type("status");
    fake_console_has("vmem0: pci 0000:00:04.0, waiting: ");
    fake_console_has("vmem1: pci 0000:00:05.0, broken: ");
    fake_console_has("irq=poll");
}

/* Its events are taken all the same: the loop sleeps, and `wait` ends. */
TEST_WITH(test_a_broken_device_goes_on_interrupting, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    vmem->moods.needs_reset = 100;
    kernel_resize(vmem, 4 * MIB);
    fake_console_has("3 resets did not help");
    fake_transport_interrupt(&vmem->transport, VIRTIO_EVENT_CONFIG);
    kernel_turn();
    assert_true(devices_due_ms() > platform_now_ms());
    assert_true(devices_settled());
}

TEST_WITH(test_status_tells_what_pins_a_block, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_resize(vmem, 8 * MIB);
    kernel_expect("alloc 4K", "alloc: 0: 4K in 1 run, from 0x2");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, KERNEL_BLOCK);
    kernel_expect("status", "\n  pinned ");
    kernel_expect("free", "free: 0: 4K");
    kernel_run(30000);
    assert_int_equal(vmem->plugged_bytes, 0);
}

TEST_WITH(test_map, NULL, kernel_tear_down)
{
    static const struct kernel_line lines[] = {
        {"map", "map: vmem0 0x200000000000 +48M, 24 blocks of 2M, 1 a cell\n"
                "  [##+-....................]\nmap: vmem1 "},
        {"map vmem0 12", ", 2 a cell\n  [#+..........]\ntide>"},
        {"map 7 vmem0", ", 4 a cell\n  [+.....]\ntide>"},
        {"map vmem0 1024", ", 1 a cell\n"},
        {"map 0", "error: map: '0': expected a device such as vmem0, or a number of cells from 1"},
        {"map 1025", "error: map: '1025': expected"},
        {"map vmem7", "error: map: 'vmem7': expected"},
    };
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *vmem = kernel_add_vmem(4);
    kernel_add_vmem(5);
    kernel_boot("");
    kernel_resize(vmem, 8 * MIB);
    kernel_type("alloc 4100K");
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    kernel_resize(vmem, 10 * MIB);
    kernel_expect("map vmem0 12", "[#+:.........]");
    kernel_type("free all");
}

TEST_WITH(test_verify, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_resize(vmem, 8 * MIB);
    static const char *const lines[] = {"verify vmem0", "verify"};
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        kernel_type(lines[i]);
        kernel_run(1000);
        fake_console_has("vmem0: verify blocks=24 corrected=0 requests=2\n");
    }
    kernel_expect("verify vmem1", "error: verify: 'vmem1': expected a device such as vmem0");
    vmem->transport.faults.vanished = true;
    kernel_run(2000);
    kernel_expect("verify", "vmem0: error: it cannot be verified now: ");
}

TEST_WITH(test_occupancy, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    struct fake_vmem *vmem = kernel_add_vmem(4);
    kernel_add_vmem(5);
    kernel_boot("");
    kernel_resize(vmem, 8 * MIB);
    kernel_type("alloc 3M");
    kernel_type("occupancy vmem0");
    fake_console_has(
        "occupancy: vmem0 base=0x200000000000 block=2097152 blocks=24 requested=8388608 "
        "plugged=8388608 usable=50331648 used=3145728 runs=1f1E2e20u\n");
    fake_console_has("occupancy: total boot=");
    fake_console_has("workload: state=idle");
    assert_null(strstr(fake_console(), "vmem1"));
    kernel_expect("occupancy", "runs=24u\n");
    kernel_expect("occupancy vmem2", "error: occupancy: 'vmem2': expected a device such as vmem0");
    kernel_type("free all");
}

/* ---- off and on ---- */

TEST_WITH(test_off_and_on, NULL, kernel_tear_down)
{
    static const struct kernel_line wrong[] = {
        {"off", "error: off: expected 'off DEVICE'\n"},
        {"off vmem1", "error: off: 'vmem1': expected a device such as vmem0"},
        {"on vmem1", "error: on: 'vmem1': expected a device such as vmem0"},
        {"on vmem0", "error: on: vmem0 is on already"},
    };
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_expect_each(wrong, ARRAY_SIZE(wrong));
    kernel_resize(vmem, 8 * MIB);
    kernel_type("alloc 4K");
    kernel_expect("off vmem0", "error: off: vmem0: pages of it are in use");
    kernel_type("free");
    kernel_type("off vmem0");
    kernel_run(30000);
    assert_int_equal(vmem->plugged_bytes, 0);
    kernel_expect("off vmem0", "error: off: vmem0 is off already");
    kernel_expect("status", "no virtio-mem device is in use");
    kernel_expect_not("rescan", "vmem");
    vmem->transport.faults.refuse_features_ok = true;
    kernel_expect("on vmem0", "error: on: vmem0 cannot be used");
    vmem->transport.faults.refuse_features_ok = false;
    kernel_expect("on vmem0", "on: vmem0 is on");
    kernel_run(30000);
    assert_int_equal(vmem->plugged_bytes, 8 * MIB);
}

TEST_WITH(test_off_goes_on_when_the_device_agrees_later, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    kernel_resize(vmem, 8 * MIB);
    vmem->moods.busy = 2;
    kernel_expect("off vmem0", "off: vmem0 goes off when the device agrees");
    kernel_run(30000);
    kernel_expect("off vmem0", "error: off: vmem0 is off already");
    assert_int_equal(vmem->plugged_bytes, 0);
}

TEST_WITH(test_a_new_device_takes_no_name_that_is_off, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    kernel_expect("off vmem0", "off: vmem0 is off");
    kernel_add_vmem(5);
    kernel_type("rescan");
    kernel_expect("status", "vmem1: pci 0000:00:05.0");
}

/* ---- hotplug ---- */

static struct fake_pci_slot *slot;

static struct fake_vmem *boot_and_plug(void)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    slot = kernel_add_slot(3);
    kernel_boot("");
    struct fake_vmem *vmem = kernel_plug(slot);
    kernel_run(1000);
    return vmem;
}

TEST_WITH(test_a_card_comes_and_is_asked_out, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = boot_and_plug();
    kernel_expect("status", "vmem0: pci 0000:01:00.0, settled");
    kernel_resize(vmem, 8 * MIB);
    kernel_type("alloc 4K");
    slot->leaves_with_power = true;
    fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    kernel_run(10000);
    kernel_expect("status", "vmem0"); /* a page of it is in use */
    kernel_type("free");
    kernel_run(10000);
    kernel_expect("status", "no virtio-mem device is in use");
    assert_int_equal(vmem->plugged_bytes, 0);
    assert_null(slot->card);
}

TEST_WITH(test_a_card_that_is_off_is_asked_out, NULL, kernel_tear_down)
{
    boot_and_plug();
    kernel_expect("off vmem0", "off: vmem0 is off");
    slot->leaves_with_power = true;
    fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    kernel_run(10000);
    kernel_expect("on vmem0", "error: on: 'vmem0': expected a device");
    assert_null(slot->card);
}

TEST_WITH(test_a_card_is_pulled_while_it_goes_off, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = boot_and_plug();
    kernel_resize(vmem, 8 * MIB);
    vmem->moods.busy = 1000;
    kernel_expect("off vmem0", "off: vmem0 goes off when the device agrees");
    kernel_pull(slot, vmem);
    kernel_run(5000);
    kernel_expect("on vmem0", "error: on: 'vmem0': expected a device such as vmem0");
}

TEST_WITH(test_a_card_is_pulled_and_another_comes, NULL, kernel_tear_down)
{
    struct fake_vmem *first = boot_and_plug();
    kernel_resize(first, 8 * MIB);
    kernel_pull(slot, first);
    kernel_run(5000);
    kernel_expect("status", "no virtio-mem device is in use");
    struct fake_vmem *second = kernel_plug(slot);
    kernel_run(5000);
    kernel_resize(second, 4 * MIB);
    assert_int_equal(second->plugged_bytes, 4 * MIB);
    kernel_expect("status", "vmem0: pci 0000:01:00.0, settled");
}

/* What a shrink that fell short waits for: it tries again unless what is left stays. */
TEST_WITH(test_what_keeps_blocks, NULL, NULL)
{
    static const struct {
        struct hotplug_pinned pinned;
        enum vmem_migration obstacle;
    } cases[] = {
        {{.nr_failed = 1, .nr_user = 1}, VMEM_MIGRATION_REFUSED},
        {{.nr_movable = 1, .nr_user = 1}, VMEM_MIGRATION_NO_ROOM},
        {{.nr_user = 1}, VMEM_MIGRATION_NONE},
        {{.nr_metadata = 1}, VMEM_MIGRATION_NONE},
        {{.nr_idle = 1}, VMEM_MIGRATION_NO_ROOM}, /* freed since */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        struct device_memory memory = {.session.pinned = cases[i].pinned};
        assert_int_equal(device_memory_ops.migration_obstacle(&memory), cases[i].obstacle);
    }
}
