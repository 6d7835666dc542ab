/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel from its start to the prompt, and the turns of its loop: what it says, in
 * which order, and what the host's events do to it.
 */
#include "extras/power/power.h"
#include "kernel/devices.h"
#include "mm/page.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/unit.h"

TEST_WITH(test_to_the_prompt, NULL, kernel_tear_down)
{
    struct fake_vmem *vmem = kernel_boot_simply();
    fake_console_has("Tide, by fake, 16384 KiB of boot RAM\n");
    fake_console_has("tide: ready\ntide> ");
    assert_int_equal(vmem->plugged_bytes, 0);
    kernel_resize(vmem, 8 * MIB);
    assert_int_equal(vmem->plugged_bytes, 8 * MIB);
    kernel_expect("status", "vmem0: pci 0000:00:04.0, settled\n");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
}

TEST_WITH(test_the_hosts_first_wish_comes_before_ready, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    fake_vmem_set_requested(kernel_add_vmem(4), 16 * MIB);
    kernel_boot("");
    const char *settled = strstr(fake_console(), "vmem0: settled requested=16777216");
    assert_non_null(settled);
    assert_non_null(strstr(settled, "tide: ready"));
}

TEST_WITH(test_without_a_device, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_boot("");
    fake_console_has("no virtio-mem device is in use");
    kernel_expect("status", "no virtio-mem device is in use\n");
    kernel_expect("verify", "");
    kernel_expect("map", "");
}

TEST_WITH(test_what_the_loader_cut, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    kernel_boot_info()->cmdline_truncated = true;
    kernel_boot_info()->nr_ranges_dropped = 3;
    kernel_boot("log=info");
    fake_console_has("boot: warning: the command line is longer than 2047 bytes and was cut");
    fake_console_has("boot: warning: 3 memory ranges did not fit and are not used");
}

TEST_WITH(test_processors_start_when_devices_are_ready, NULL, kernel_tear_down)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    fake_cpus_reset(4);
    fake_cpu_lose(1);
    kernel_boot("");
    kernel_expect("cpus", "cpus: running=3\ncpus: 1 did not start\ncpus: 2 idle\ncpus: 3 idle\n");
}

/* Tables and stacks come from the page allocator, and go back to it. */
TEST_WITH(test_memory_for_tables_and_stacks, NULL, kernel_tear_down)
{
    struct page_stats before;
    struct page_stats after;
    kernel_boot_simply();
    page_get_stats(&before);
    paddr_t table = fake_board.alloc_table();
    paddr_t stacks = fake_board.alloc_stacks(2);
    page_get_stats(&after);
    assert_int_equal(after.boot_used, before.boot_used + 5);
    fake_board.release_table(table);
    page_free(stacks, 2);
}

TEST_WITH(test_an_address_is_described, NULL, kernel_tear_down)
{
    char text[128];
    struct fake_vmem *vmem = kernel_boot_simply();
    assert_true(
        vmem_describe_address(devices_at(0), vmem->base + 5 * KERNEL_BLOCK, text, sizeof(text)));
    assert_non_null(strstr(text, "vmem0"));
    assert_non_null(strstr(text, "block 5"));
    assert_false(vmem_describe_address(devices_at(0), 0x1000, text, sizeof(text)));
}

TEST_WITH(test_power_button, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    fake_acpi_raise(ACPI_EVENT_POWER_BUTTON);
    kernel_expect_exit("", EXIT_OK);
    assert_int_equal(fake_board.nr_power_offs, 1);
    fake_console_has("\ntide: power button\n");
}

TEST_WITH(test_acpi_says_that_a_device_came, NULL, kernel_tear_down)
{
    kernel_boot_simply();
    struct fake_vmem *second = kernel_add_vmem(5);
    fake_acpi_raise(ACPI_EVENT_PCI_HOTPLUG);
    kernel_run(50);
    kernel_expect("status", "vmem1: pci 0000:00:05.0, settled");
    kernel_resize(second, 4 * MIB);
    assert_int_equal(second->plugged_bytes, 4 * MIB);
}
