/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that a user of the monitor holds: alloc, free, fill, check, vm, memory, stats. */
#include <stdio.h>

#include "extras/vm/vm_areas.h"
#include "extras/workload/workload.h"

#include "mm/page.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/unit.h"

static struct fake_vmem *vmem;

static void set_up(void)
{
    vmem = kernel_boot_simply();
}

/* All is given back: the device's memory to the host, and boot RAM. */
static void tear_down(void)
{
    kernel_type("free all");
    kernel_type("vm free all");
    kernel_stop_empty(vmem);
}

/* ---- alloc and free ---- */

TEST_WITH(test_holdings, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"alloc 1", "alloc: 0: 4K in 1 run, from 0x2"},
        {"alloc 5000", "alloc: 1: 8K in 1 run, from 0x2"},
        {"alloc 64K 3", "alloc: 2: 64K in 1 run"},
        {"free 1", "free: 1: 8K in 1 run, from 0x2"},
        {"alloc 1M", "alloc: 1: 1M in 1 run"}, /* the lowest free number */
        {"free", "free: 4: 64K in 1 run"},
        {"free 4", "error: free: no such holding\n"},
        {"free all", "free: 3: 64K in 1 run"},
        {"free", "error: free: no such holding\n"},
        {"free all", "free all\ntide> "},
        {"fill all", "fill all\ntide> "},
    };
    kernel_resize(vmem, 8 * MIB);
    kernel_expect_each(lines, ARRAY_SIZE(lines));
}

TEST_WITH(test_alloc_refused, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"alloc", "error: alloc: expected 'alloc SIZE [COUNT] [node=N]'\n"},
        {"alloc x", "error: alloc: 'x': expected a size above 0: 4096, 512K, 2M, 1G\n"},
        {"alloc 0", "error: alloc: '0': expected a size above 0"},
        {"alloc -1", "error: alloc: '-1': expected a size above 0"},
        {"alloc 1X", "error: alloc: '1X': expected a size above 0"},
        {"alloc 99999999999999999999", "error: alloc: '99999999999999999999': expected a size"},
        {"alloc 4K 0", "error: alloc: '0': expected a count from 1 to 4096"},
        {"alloc 4K 4097", "error: alloc: '4097': expected a count from 1 to 4096"},
        {"alloc 4K many", "error: alloc: 'many': expected a count"},
        {"alloc 4K node=", "error: alloc: 'node=': expected a count"},
        {"alloc 4K node=4294967296", "error: alloc: 'node=4294967296': expected a count"},
        {"alloc 1G", "error: alloc: 1G: not enough free memory\n"},
        {"alloc 0xffffffffffffffff", "error: alloc: 0xffffffffffffffff: "},
        {"alloc 4K node=7", "error: alloc: 4K: not enough free memory of this node\n"},
        {"free x", "error: free: 'x': expected the number of one holding, or 'all'\n"},
        {"free 4096", "error: free: no such holding\n"},
        {"free 18446744073709551615", "error: free: no such holding\n"},
    };
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    kernel_expect("free all", "free all\ntide> ");
}

/* A holding of many runs, whose table is more than a page. */
TEST_WITH(test_a_holding_in_pieces, set_up, tear_down)
{
    kernel_resize(vmem, 4 * MIB);
    kernel_type("alloc 4K 1024");
    for (unsigned i = 0; i < 1024; i += 2) {
        char line[24];
        snprintf(line, sizeof(line), "free %u", i);
        kernel_type(line);
    }
    kernel_expect("alloc 10M", "alloc: 0: 10M in ");
    kernel_expect("fill 0", "fill: 0: 10M in ");
    kernel_expect("check 0", "check: ok: 0: 10M in ");
    kernel_expect("alloc 10M", "error: alloc: 10M: ");
    kernel_expect("check 0", "check: ok: 0: 10M in ");
}

TEST_WITH(test_alloc_on_a_node, set_up, tear_down)
{
    kernel_resize(vmem, 8 * MIB);
    kernel_expect("alloc 3M node=0", "alloc: 0: 3M in ");
    kernel_expect("alloc 4K 2 node=0", "alloc: 2: 4K in 1 run");
    kernel_expect("alloc 1G node=0", "error: alloc: 1G: not enough free memory of this node");
}

TEST_WITH(test_too_many_holdings, set_up, tear_down)
{
    kernel_resize(vmem, 32 * MIB);
    kernel_type("alloc 4K 4096");
    kernel_expect("alloc 4K", "error: alloc: 4K: all 4096 holdings are in use\n");
    kernel_type("free 17");
    kernel_expect("alloc 4K", "alloc: 17: 4K in 1 run");
}

/* ---- fill and check ---- */

TEST_WITH(test_fill_and_check, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"check", "error: check: no such holding\n"},
        {"alloc 20M", "alloc: 0: 20M in "},
        {"alloc 8K", "alloc: 1: 8K in "},
        {"check", "check: skipped: 1: not filled yet\n"},
        {"fill 0", "fill: 0: 20M in "},
        {"fill 0 4095", "error: fill: '4095': expected a size of 4096 bytes or more\n"},
        {"fill 0 x", "error: fill: 'x': expected a size"},
        {"fill 7", "error: fill: no such holding\n"},
        {"check all", "check: ok: 0: 20M in "},
        {"fill all 2M", "fill: 0: 20M in "},
        {"check all", "check: ok: 1: 8K in "},
    };
    kernel_resize(vmem, 24 * MIB);
    kernel_expect_each(lines, ARRAY_SIZE(lines));
}

TEST_WITH(test_a_wrong_page_is_found, set_up, tear_down)
{
    kernel_resize(vmem, 8 * MIB);
    kernel_type("alloc 1M");
    kernel_type("fill");
    u64 bytes;
    u64 nr_runs;
    paddr_t first;
    assert_true(workload_describe(0, &bytes, &nr_runs, &first));
    *(u64 *)phys_to_virt(first + 8 * PAGE_BYTES + 16) = 0x5eed;
    kernel_expect("check", "found 0x0000000000005eed, expected 0x");
    fake_console_has("check: error: 0: at 0x20000000");
    kernel_expect_exit("exit", EXIT_CHECK_FAILED);
    kernel_expect_exit("exit 0", EXIT_CHECK_FAILED);
}

/* ---- virtual areas ---- */

TEST_WITH(test_areas, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"vm", "vm: areas=0 bytes=0 "},
        {"vm alloc 3M", "vm: 0: 3M at 0x3000"},
        {"vm alloc 4K 2", ", 0 pages of 2M, 1 of 4K\n"},
        {"vm list", "vm: areas=3 bytes="},
        {"vm check 0", "vm: check: skipped: 0: not filled yet\n"},
        {"vm fill 0", "vm: fill: 0: 3M at 0x3000"},
        {"vm list", ", filled\n"},
        {"vm fill all", "vm: fill: 2: 4K at"},
        {"vm check", "vm: check: ok: 2: 4K"},
        {"vm check all", "vm: check: ok: 0: 3M"},
        {"vm free 1", "vm: free: 1: 4K"},
        {"vm free 1", "error: vm free: no such area\n"},
        {"vm alloc 8K", "vm: 1: 8K at"},
        {"vm free", "vm: free: 2: 4K"},
        {"vm free all", "vm: free: 0: 3M"},
        {"vm free", "error: vm free: no such area\n"},
        {"vm free all", "vm free all\ntide> "},
        {"vm list", "vm: areas=0 bytes=0 "},
    };
    kernel_resize(vmem, 16 * MIB);
    kernel_expect_each(lines, ARRAY_SIZE(lines));
}

TEST_WITH(test_areas_refused, set_up, tear_down)
{
    static const struct kernel_line lines[] = {
        {"vm colour", "error: vm: 'colour': expected alloc, fill, check, free, touch, list\n"},
        {"vm alloc", "error: vm alloc: expected 'vm alloc SIZE [COUNT]'\n"},
        {"vm alloc 0", "error: vm alloc: '0': expected a size above 0"},
        {"vm alloc 4K 0", "error: vm alloc: '0': expected a count from 1 to 256\n"},
        {"vm alloc 4K 257", "error: vm alloc: '257': expected a count from 1 to 256\n"},
        {"vm alloc 1T", "error: vm alloc: not enough free memory\n"},
        {"vm fill x", "error: vm fill: 'x': expected the number of one area, or 'all'\n"},
        {"vm fill 256", "error: vm fill: no such area\n"},
        {"vm check 5", "error: vm check: no such area\n"},
    };
    kernel_expect_each(lines, ARRAY_SIZE(lines));
    kernel_type("vm alloc 4K 256");
    kernel_expect("vm alloc 4K", "error: vm alloc: ");
}

TEST_WITH(test_a_wrong_word_of_an_area_is_found, set_up, tear_down)
{
    bool filled;
    kernel_resize(vmem, 8 * MIB);
    kernel_type("vm alloc 1M");
    kernel_type("vm fill");
    u64 *words = vm_areas_base(0, &filled);
    assert_true(filled);
    words[512 + 100] = 0x5eed;
    kernel_expect("vm check", "vm: check: error: 0: at 0x30");
    fake_console_has("found 0x0000000000005eed, expected 0x");
    kernel_expect_exit("exit", EXIT_CHECK_FAILED);
}

/* An area keeps its words while the device takes the blocks below it. */
TEST_WITH(test_an_area_moves, set_up, tear_down)
{
    kernel_resize(vmem, 8 * MIB);
    kernel_type("vm alloc 1M");
    kernel_type("vm fill");
    kernel_resize(vmem, 0);
    assert_int_equal(vmem->plugged_bytes, 0);
    kernel_expect("vm check", "vm: check: ok: 0: 1M");
    kernel_expect_not("vm", " moves=0 ");
}

/* ---- what tells of it ---- */

TEST_WITH(test_stats, set_up, tear_down)
{
    kernel_resize(vmem, 8 * MIB);
    kernel_type("alloc 12K");
    kernel_type("stats");
    fake_console_has("stats: boot frames=");
    fake_console_has("stats: plugged frames=2048 used=3\n");
    fake_console_has("stats: metadata bytes=");
    fake_console_has("stats: uptime ms=");
    kernel_expect("stats check", "stats: check: ok\n");
    kernel_expect("stats x", "error: stats: 'x': expected check\n");
}

TEST_WITH(test_memory, set_up, tear_down)
{
    static const struct platform_node_range nodes[] = {
        {0x10000000, 16 * MIB, 0, false},
        {FAKE_REGION_BASE, GIB, 1, true},
    };
    struct boot_info *boot = kernel_boot_info();
    kernel_expect("memory",
                  "memory: the map of fake\n  0x000010000000 to 0x000010ffffff        16M"
                  "  RAM\n  0x200000000000 to 0x200002ffffff        48M  vmem0, node 0\n");
    for (u32 type = BOOT_MEMORY_RESERVED; type <= BOOT_MEMORY_BAD; type++)
        boot->ranges[boot->nr_ranges++] = (struct boot_memory_range){type * MIB, MIB, type};
    boot->module = (struct boot_module){9 * MIB, 64 * KIB};
    fake_set_nodes(nodes, 1);
    node_init();
    kernel_expect_not("memory", "ACPI\n");
    fake_set_nodes(nodes, 2);
    node_init();
    kernel_type("memory");
    static const char *const texts[] = {
        "memory: the nodes of ACPI\n",
        "16M  node 0\n",
        "1G  node 1, for what may come\n",
        "1M  reserved\n",
        "  ACPI tables\n",
        "  ACPI NVS\n",
        "  bad\n",
        "        64K  the loader's module\n",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
        fake_console_has(texts[i]);
}
