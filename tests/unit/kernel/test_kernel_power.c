/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways out of the kernel: exit, suspend and back, another kernel, and crash. A
 * refusal changes nothing.
 */
#include "arch/x86_64/arch.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "mm/page.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/fakes/fake_mm.h"
#include "tests/unit/unit.h"

static struct fake_vmem *vmem;

static void set_up(void)
{
    kernel_prepare(KERNEL_BOOT_BYTES);
    vmem = kernel_add_vmem(4);
    vmem->transport.offered |= VIRTIO_FEATURE(VIRTIO_MEM_F_PERSISTENT_SUSPEND);
    kernel_boot("");
    kernel_resize(vmem, 8 * MIB);
}

static void tear_down(void)
{
    kernel_resize(vmem, 16 * MIB);
    assert_int_equal(vmem->plugged_bytes, 16 * MIB);
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
    kernel_stop();
}

/* ---- exit ---- */

TEST_WITH(test_exit, set_up, tear_down)
{
    kernel_expect("exit 64", "error: exit: '64': expected a number from 0 to 63\n");
    kernel_expect("exit x", "error: exit: 'x': expected a number from 0 to 63\n");
    kernel_expect_exit("exit", EXIT_OK);
    kernel_expect_exit("exit 0", EXIT_OK);
    kernel_expect_exit("exit 1", EXIT_USER + 1);
    kernel_expect_exit("exit 63", EXIT_USER + 63);
}

/* ---- suspend ---- */

/* The board forgets its state; the device keeps what is plugged. */
static void lose_power(void)
{
    fake_transport_power_off(&vmem->transport);
}

TEST_WITH(test_suspend_and_back, set_up, tear_down)
{
    struct page_stats before;
    struct page_stats after;
    fake_board.sleep_status = OK;
    fake_board.on_sleep = lose_power;
    kernel_type("alloc 3M");
    kernel_type("fill");
    page_get_stats(&before);
    for (unsigned i = 0; i < 3; i++) {
        kernel_expect("suspend", "suspend: awake\n");
        kernel_run(5000);
        assert_int_equal(vmem->plugged_bytes, 8 * MIB);
        kernel_expect("check", "check: ok: 0: 3M");
    }
    assert_int_equal(fake_board.nr_sleeps, 3);
    page_get_stats(&after);
    assert_int_equal(before.boot_used, after.boot_used);
    kernel_type("free");
}

TEST_WITH(test_suspend_refused, set_up, tear_down)
{
    u64 nr_resets = vmem->transport.nr_resets;
    const struct fake_pci_function *beside = kernel_add_function(6, 0x8086, 0x100e, 0x0200);
    kernel_type("rescan");
    unsigned nr_writes = beside->nr_bar_writes;
    fake_board.sleep_refusal = "another processor works";
    kernel_expect("suspend", "error: suspend: refused: another processor works");
    fake_board.sleep_refusal = NULL;
    fake_board.sleep_status = E_TIMEOUT;
    kernel_expect("suspend", "error: suspend: the machine did not go to sleep");
    assert_null(strstr(fake_console(), "suspend: awake"));
    assert_int_equal(vmem->transport.nr_resets, nr_resets);
    assert_int_equal(beside->nr_bar_writes, nr_writes);
}

TEST_WITH(test_suspend_without_memory_for_the_copies, set_up, tear_down)
{
    fake_board.sleep_status = OK;
    fake_take_all_pages();
    kernel_expect("suspend", "error: suspend: refused: no memory");
    assert_int_equal(fake_board.nr_sleeps, 0);
    fake_give_all_pages();
}

TEST_WITH(test_suspend_where_a_device_forgets, set_up, tear_down)
{
    fake_board.sleep_status = OK;
    struct fake_vmem *second = kernel_add_vmem(5);
    kernel_type("rescan");
    kernel_resize(second, 4 * MIB);
    kernel_expect("suspend", "error: suspend: refused: vmem1 does not keep plugged memory");
    assert_int_equal(fake_board.nr_sleeps, 0);
}

/* ---- handover ---- */

/* A kernel of one segment at 3 MiB above the fake RAM's base, which says so in a PVH note. */
static void put_module(u64 bytes_cut)
{
    static const u8 elf_header[64] = {
        0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0,  0,         2,         0,
        62,   0,   1,   0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, [52] = 64, [54] = 56, [56] = 2};
    struct boot_info *boot = kernel_boot_info();
    u8 *module = phys_to_virt(FAKE_RAM_BASE + 12 * MIB);
    u64 load_at = FAKE_RAM_BASE + 3 * MIB;
    u32 load[] = {1, 5, 0x1000, 0, (u32)load_at, 0, (u32)load_at, 0, 64, 0, 128, 0, 0x1000, 0};
    u32 note[] = {4, 4, 0x200, 0, 0, 0, 0, 0, 20, 0, 20, 0, 4, 0};
    u32 pvh[] = {4, 4, 18, 0x006e6558, (u32)load_at};
    memset(module, 0, 0x2000);
    memcpy(module, elf_header, sizeof(elf_header));
    memcpy(module + 64, load, sizeof(load));
    memcpy(module + 120, note, sizeof(note));
    memcpy(module + 0x200, pvh, sizeof(pvh));
    boot->module = (struct boot_module){FAKE_RAM_BASE + 12 * MIB, 0x1040 - bytes_cut};
}

TEST_WITH(test_handover_without_a_kernel, set_up, tear_down)
{
    kernel_expect("handover", "error: handover: the loader brought no module; QEMU's -initrd");
    kernel_boot_info()->module = (struct boot_module){FAKE_RAM_BASE, 4096};
    kernel_expect("handover", "error: handover: the module is no kernel for this machine: ");
    put_module(1);
    kernel_expect("handover", "error: handover: the module is no kernel for this machine: ");
}

TEST_WITH(test_handover, set_up, tear_down)
{
    u64 nr_resets = vmem->transport.nr_resets;
    put_module(0);
    fake_board.handover_allowed = E_BUSY;
    kernel_expect("handover", "error: handover: another processor works or starts\n");
    fake_board.handover_allowed = E_UNSUPPORTED;
    kernel_expect("handover", "error: handover: there is no RAM at 0x8000 to 0xafff\n");
    assert_int_equal(vmem->transport.nr_resets, nr_resets);
    fake_board.handover_allowed = OK;
    kernel_expect("handover one two=3", "handover: entering at 0x10300000 with 'one two=3'\n");
    fake_console_has("error: handover: nomem\n"); /* it comes back only then */
    assert_int_equal(fake_board.handover_entry, 0x10300000);
    assert_int_equal(fake_board.nr_handover_copies, 1);
    assert_string_equal(fake_board.handover_cmdline, "one two=3");
    assert_int_not_equal(vmem->transport.nr_resets, nr_resets);
}

TEST_WITH(test_handover_where_a_device_does_not_reset, set_up, tear_down)
{
    put_module(0);
    vmem->transport.faults.reset_reads = ~(u32)0;
    kernel_expect("handover", "error: handover: vmem0 does not reset (timeout)\n");
    vmem->transport.faults.reset_reads = vmem->transport.reset_reads_left = 0;
    kernel_run(1000);
    kernel_expect("status", "vmem0: pci 0000:00:04.0, broken: its status still reads ");
    kernel_expect("off vmem0", "off: vmem0 is off");
    kernel_expect("on vmem0", "on: vmem0 is on");
}

/* It has no other processor, so that nothing is refused; what it holds is compared in the end. */
TEST_WITH(test_a_job_goes_on_after_the_sleep, set_up, tear_down)
{
    fake_board.sleep_status = OK;
    fake_board.on_sleep = lose_power;
    kernel_expect("workload verify size=6M ticks=60 chunk=128K movable=50", "state=running");
    for (unsigned i = 0; i < 3; i++) {
        kernel_run(100);
        kernel_expect("suspend", "suspend: awake\n");
        kernel_expect("workload", "workload: state=running ");
    }
    put_module(0);
    kernel_expect("handover", "error: handover: nomem\n");
    kernel_expect("workload", "workload: state=running ");
    kernel_run(60000);
    kernel_expect("workload", "workload: state=done ");
    kernel_expect_not("workload stop", "error");
    assert_int_equal(fake_board.nr_sleeps, 3);
}

/* ---- crash ---- */

TEST_WITH(test_crash, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"crash", "crash: kinds: double-free foreign-free panic unplugged watch write-after-free "
                  "fake-trap\n"},
        {"crash colour", "crash: kinds: double-free"},
        {"crash panic 1", "error: crash: '1': expected the number of a processor that runs\n"},
        {"crash panic x", "error: crash: 'x': expected the number of a processor that runs\n"},
        {"crash panic 64", "error: crash: '64': expected the number of a processor that runs\n"},
        {"crash watch", "error: crash: watch needs a device, and a processor other than 0\n"},
        {"crash write-after-free", "error: crash: found by nobody: the kernel was built without"},
    };
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    kernel_expect_exit("crash panic", EXIT_PANIC);
    kernel_expect_exit("crash double-free", EXIT_PANIC);
    kernel_expect_exit("crash foreign-free", EXIT_PANIC);
}

TEST_WITH(test_crash_without_memory, set_up, tear_down)
{
    fake_take_all_pages();
    kernel_expect("crash double-free", "error: crash: no free page to free twice\n");
    kernel_expect("crash write-after-free", "error: crash: no free page to write to\n");
    fake_give_all_pages();
}

TEST_WITH(test_crash_without_an_unplugged_block, set_up, tear_down)
{
    kernel_resize(vmem, KERNEL_NR_BLOCKS * KERNEL_BLOCK);
    kernel_expect("crash unplugged", "error: crash: no device has an unplugged block\n");
}
