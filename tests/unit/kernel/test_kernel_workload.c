/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load that runs beside the monitor: each kind to its end, chunks that move or refuse to
 * while the device shrinks, a page with the wrong contents, and what is refused.
 */
#include "mm/page.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/unit/unit.h"

static struct fake_vmem *vmem;

static void set_up(void)
{
    vmem = kernel_boot_simply();
}

static void tear_down(void)
{
    kernel_type("workload stop");
    kernel_stop_empty(vmem);
}

TEST_WITH(test_each_kind_to_its_end, set_up, tear_down)
{
    static const char *const lines[] = {
        "workload ramp size=4M ticks=5",
        "workload sawtooth size=4M low=1M period=6 ticks=20",
        "workload bursts size=4M function=512K life=4 ticks=20",
        "workload random size=4M ticks=10 movable=50",
        "workload verify size=2M ticks=2 chunk=128K",
        "workload verify size=2M ticks=2 movable=100 tick=0",
    };
    kernel_resize(vmem, 16 * MIB);
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++) {
        kernel_expect(lines[i], "workload: state=running ");
        kernel_run(20000);
        fake_console_has("workload: done kind=");
        kernel_expect("workload", "workload: state=done ");
        kernel_expect("workload stop", "workload: state=idle tick=");
    }
}

TEST_WITH(test_steady_holds_until_it_is_stopped, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"workload", "workload: state=idle "},
        {"workload stop", "workload: state=idle "},
        {"workload steady size=4M", "workload: state=running "},
        {"workload steady size=4M", "error: workload: "},
    };
    kernel_resize(vmem, 16 * MIB);
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    kernel_run(5000);
    kernel_expect("workload", " held=4194304 target=4194304 allocs=64 frees=0 denied=0 ");
    kernel_expect("occupancy", "workload: state=");
    kernel_expect("workload stop", "workload: state=idle tick=");
}

TEST_WITH(test_steady_holds_what_is_wanted, set_up, tear_down)
{
    static const struct kernel_line wrong[] = {
        {"workload hold", "error: workload hold: "},
        {"workload hold much", "error: workload hold: 'much': expected "},
        {"workload hold 5M", "error: workload hold: '5M': expected at most the size of a steady"},
    };
    kernel_resize(vmem, 16 * MIB);
    kernel_expect("workload hold 0", "error: workload hold: '0': expected at most the size of");
    kernel_type("workload steady size=4M");
    kernel_run(5000);
    kernel_expect_each(wrong, ARRAY_SIZE(wrong));
    kernel_expect("workload hold 1M", " held=4194304 target=1048576 ");
    kernel_run(5000);
    kernel_expect("workload", " held=1048576 target=1048576 allocs=64 frees=48 denied=0 ");
    kernel_expect("workload hold 4M", " held=1048576 target=4194304 ");
    kernel_run(5000);
    kernel_expect("workload", " held=4194304 target=4194304 allocs=112 frees=48 denied=0 ");
    kernel_expect("workload stop", "workload: state=idle tick=");
}

/* The device asks for blocks back that hold movable chunks: they move, or refuse. */
TEST_WITH(test_chunks_move, set_up, tear_down)
{
    kernel_resize(vmem, 32 * MIB);
    kernel_type("workload random size=24M occupancy=30 movable=100 ticks=3 chunk=128K");
    kernel_run(20000);
    fake_console_has("workload: done kind=random");
    kernel_resize(vmem, 12 * MIB);
    assert_int_equal(vmem->plugged_bytes, 12 * MIB);
    kernel_expect_not("workload", " moved=0 ");
    kernel_expect_not("workload stop", "error");
}

TEST_WITH(test_chunks_refuse, set_up, tear_down)
{
    kernel_resize(vmem, 32 * MIB);
    kernel_type("workload random size=24M occupancy=30 movable=100 refuse=100 ticks=3");
    kernel_run(20000);
    kernel_resize(vmem, 0);
    kernel_expect("workload", " moved=0 ");
    kernel_expect_not("workload", " refused=0\n");
    kernel_expect_not("workload stop", "error");
}

TEST_WITH(test_more_than_there_is, set_up, tear_down)
{
    kernel_type("workload steady size=64M");
    kernel_run(5000);
    kernel_expect_not("workload", " denied=0 ");
    kernel_type("workload stop");
    kernel_expect("workload steady size=1T chunk=4K",
                  "error: workload: not enough memory for its table of chunks\n");
}

TEST_WITH(test_refused, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"workload colour", "error: workload: 'colour': expected steady, ramp, sawtooth, bursts"},
        {"workload steady size", "error: workload: 'size': expected seed= size="},
        {"workload steady size=4097", "error: workload: 'size=4097': expected size=SIZE, whole"},
        {"workload steady occupancy=101", "expected occupancy=PERCENT from 0 to 100\n"},
        {"workload steady movable=5 chunk=12K", "expected with movable=, chunk= a power of two"},
        {"workload ramp size=4M low=8M", "expected chunk= and low= at most size="},
    };
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    kernel_expect("workload", "workload: state=idle ");
}

/* And `exit` tells of it. */
TEST_WITH(test_a_wrong_page_is_found, set_up, tear_down)
{
    kernel_resize(vmem, 16 * MIB);
    kernel_type("workload steady size=8M chunk=2M");
    kernel_run(2000);
    for (u64 at = 0; at < vmem->plugged_bytes; at += PAGE_BYTES)
        *(u64 *)phys_to_virt(vmem->base + at) = 0x5eed;
    kernel_type("workload stop");
    fake_console_has("workload: error chunk=");
    fake_console_has(" found=0x0000000000005eed expected=0x");
    kernel_expect_exit("exit", EXIT_CHECK_FAILED);
}
