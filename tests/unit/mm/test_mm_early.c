/* SPDX-License-Identifier: BSD-2-Clause */
/* Early memory: what it leaves alone, what it gives out, and what it hands to the page allocator.
 */
#include <string.h>

#include "include/low_memory.h"
#include "include/units.h"
#include "mm/early.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static struct boot_info boot;

static void setup(void)
{
    fake_boot(&boot, 16 * MIB);
}

static void teardown(void)
{
    fake_shutdown();
}

TEST_WITH(gives_zeroed_pages_in_order, setup, teardown)
{
    early_init(&boot);
    paddr_t first = early_alloc(1);
    paddr_t second = early_alloc(PAGE_BYTES + 1);
    assert_int_equal(first, FAKE_RAM_BASE + MIB);
    assert_int_equal(second, first + PAGE_BYTES);
    const u8 *bytes = phys_to_virt(second);
    for (u64 i = 0; i < 2 * PAGE_BYTES; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(early_alloc(1), second + 2 * PAGE_BYTES);
}

TEST_WITH(hands_over_what_is_left, setup, teardown)
{
    struct early_range ranges[EARLY_RANGES_MAX];
    early_init(&boot);
    early_alloc(3 * PAGE_BYTES);
    assert_int_equal(early_finish(ranges), 1);
    assert_int_equal(ranges[0].base, FAKE_RAM_BASE + MIB + 3 * PAGE_BYTES);
    assert_int_equal(ranges[0].bytes, 15 * MIB - 3 * PAGE_BYTES);
    assert_panics(early_alloc(1), "after page_init");
}

TEST_WITH(hands_over_no_range_of_nothing, setup, teardown)
{
    struct early_range ranges[EARLY_RANGES_MAX];
    early_init(&boot);
    early_alloc(15 * MIB);
    assert_int_equal(early_finish(ranges), 0);
}

/* What lies behind the entries that the loader counted is none. */
TEST_WITH(takes_the_entries_that_are_counted, setup, teardown)
{
    struct early_range ranges[EARLY_RANGES_MAX];
    boot.ranges[boot.nr_ranges] = (struct boot_memory_range){64 * MIB, MIB, BOOT_MEMORY_RAM};
    early_init(&boot);
    assert_int_equal(early_finish(ranges), 1);
    assert_int_equal(ranges[0].base, FAKE_RAM_BASE + MIB);
}

/* A map as SeaBIOS gives it, the kernel in the middle of a range, and entries that are nonsense. */
TEST_WITH(cuts_holes_and_odd_edges, setup, teardown)
{
    static const struct boot_memory_range map[] = {
        {0, 0x9fc00, BOOT_MEMORY_RAM},           {0x9fc00, 0x400, BOOT_MEMORY_RESERVED},
        {MIB, 15 * MIB, BOOT_MEMORY_RAM},        {32 * MIB, 0, BOOT_MEMORY_RAM},
        {4 * GIB + 1, 2 * MIB, BOOT_MEMORY_RAM}, {~(u64)0xfff, 0x2000, BOOT_MEMORY_RAM},
    };
    struct early_range ranges[EARLY_RANGES_MAX];
    memcpy(boot.ranges, map, sizeof(map));
    boot.nr_ranges = ARRAY_SIZE(map);
    boot.kernel_base = 2 * MIB;
    boot.kernel_bytes = MIB;
    early_init(&boot);
    assert_int_equal(early_finish(ranges), 4);
    assert_int_equal(ranges[0].base, LOW_PAGES_END);
    assert_int_equal(ranges[0].bytes, 0x9f000 - LOW_PAGES_END);
    assert_int_equal(ranges[1].base, MIB);
    assert_int_equal(ranges[1].bytes, MIB);
    assert_int_equal(ranges[2].base, 3 * MIB);
    assert_int_equal(ranges[2].bytes, 13 * MIB);
    assert_int_equal(ranges[3].base, 4 * GIB + PAGE_BYTES);
    assert_int_equal(ranges[3].bytes, 2 * MIB - PAGE_BYTES);
    assert_non_null(strstr(fake_console(), "runs past 2^64"));
}

TEST_WITH(ends_the_kernel_when_ram_is_out, setup, teardown)
{
    early_init(&boot);
    if (setjmp(*fake_expect_exit()) == 0) {
        early_alloc(16 * MIB);
        fake_no_exit_came("early_alloc");
    }
    fake_exit_was(EXIT_BOOT, "0x1000000 bytes more");
}

/* Before the kernel, behind it, unaligned, and next to it: what is free is free around both. */
TEST_WITH(leaves_the_module_alone, setup, teardown)
{
    static const struct {
        u64 base, bytes;
        struct early_range left[3];
        unsigned nr_left;
    } cases[] = {
        {4 * MIB + 1,
         MIB,
         {{MIB, MIB}, {3 * MIB, MIB}, {5 * MIB + PAGE_BYTES, 11 * MIB - PAGE_BYTES}},
         3},
        {MIB + 5, 4091, {{MIB + PAGE_BYTES, MIB - PAGE_BYTES}, {3 * MIB, 13 * MIB}}, 2},
        {3 * MIB, 2 * MIB, {{MIB, MIB}, {5 * MIB, 11 * MIB}}, 2},
        {15 * MIB, MIB, {{MIB, MIB}, {3 * MIB, 12 * MIB}}, 2},
    };
    struct early_range ranges[EARLY_RANGES_MAX];
    boot.nr_ranges = 1;
    boot.ranges[0] = (struct boot_memory_range){MIB, 15 * MIB, BOOT_MEMORY_RAM};
    boot.kernel_base = 2 * MIB;
    boot.kernel_bytes = MIB;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        boot.module = (struct boot_module){cases[i].base, cases[i].bytes};
        early_init(&boot);
        assert_int_equal(early_finish(ranges), cases[i].nr_left);
        for (unsigned j = 0; j < cases[i].nr_left; j++) {
            assert_int_equal(ranges[j].base, cases[i].left[j].base);
            assert_int_equal(ranges[j].bytes, cases[i].left[j].bytes);
        }
    }
}
