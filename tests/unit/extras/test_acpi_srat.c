/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi_srat.c: a table as QEMU writes it, and tables that are wrong. The table ends where the
 * readable page ends, so that a byte read behind it is a fault.
 */
#include "tests/unit/unit.h"

#include <sys/mman.h>

#include "arch/x86_64/acpi.h"
#include "extras/numa/acpi_srat.h"
#include "include/units.h"
#include "tests/fakes/fake_platform.h"

#define RANGES_MAX 6
#define ENTRIES_AT 48

static u8 *page; /* an inaccessible page behind it */
static u8 table[PAGE_BYTES];
static u32 table_bytes;
static struct platform_node_range ranges[RANGES_MAX];

static void setup(void)
{
    page = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(mprotect(page + PAGE_BYTES, PAGE_BYTES, PROT_NONE), 0);
}

static void begin(void)
{
    memset(table, 0, sizeof(table));
    ((struct acpi_header *)(void *)table)->revision = 3;
    table_bytes = ENTRIES_AT;
    fake_console_clear();
}

static void put_raw(const void *bytes, u32 nr_bytes)
{
    memcpy(table + table_bytes, bytes, nr_bytes);
    table_bytes += nr_bytes;
}

static void put_memory(u32 node_id, u64 base, u64 bytes, u32 flags)
{
    u8 entry[40] = {1, 40};
    memcpy(entry + 2, &node_id, 4);
    memcpy(entry + 8, &base, 8);
    memcpy(entry + 16, &bytes, 8);
    memcpy(entry + 28, &flags, 4);
    put_raw(entry, sizeof(entry));
}

static void put_processor(void)
{
    static const u8 entry[16] = {0, 16, 1, 1, 1};
    put_raw(entry, sizeof(entry));
}

static unsigned parse(void)
{
    u8 *start = page + PAGE_BYTES - table_bytes;
    memcpy(start, table, table_bytes);
    return acpi_srat_parse(start, table_bytes, ranges, RANGES_MAX);
}

static void expect(unsigned i, u64 base, u64 bytes, u32 node_id, bool is_hotplug)
{
    assert_int_equal(ranges[i].base, base);
    assert_int_equal(ranges[i].bytes, bytes);
    assert_int_equal(ranges[i].node_id, node_id);
    assert_int_equal(ranges[i].is_hotplug, is_hotplug);
}

/* Two nodes, and the whole device-memory area given to the last one. */
TEST_WITH(test_what_qemu_says, begin, NULL)
{
    put_processor();
    put_processor();
    put_memory(0, 0, 640 * KIB, 1);
    put_memory(0, MIB, 511 * MIB, 1);
    put_memory(1, 512 * MIB, 512 * MIB, 1);
    put_memory(0, 0, 0, 0);
    put_memory(1, 4 * GIB, 8 * GIB, 3);
    assert_int_equal(parse(), 4);
    expect(0, 0, 640 * KIB, 0, false);
    expect(1, MIB, 511 * MIB, 0, false);
    expect(2, 512 * MIB, 512 * MIB, 1, false);
    expect(3, 4 * GIB, 8 * GIB, 1, true);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_only_what_is_enabled_and_volatile, begin, NULL)
{
    put_memory(1, MIB, MIB, 0);
    put_memory(2, 2 * MIB, MIB, 2);
    put_memory(3, 3 * MIB, MIB, 5);
    put_memory(4, 4 * MIB, 0, 1);
    assert_int_equal(parse(), 0);
    assert_string_equal(fake_console(), "");
}

/* Fields that revision 1 reserves may hold anything. */
TEST_WITH(test_node_of_eight_bits, begin, NULL)
{
    put_memory(0xabcd0107, MIB, MIB, 1);
    assert_int_equal(parse(), 1);
    assert_int_equal(ranges[0].node_id, 0xabcd0107);
    ((struct acpi_header *)(void *)table)->revision = 1;
    assert_int_equal(parse(), 1);
    assert_int_equal(ranges[0].node_id, 7);
}

TEST_WITH(test_overlaps_and_overflows, begin, NULL)
{
    put_memory(0, 2 * MIB, 2 * MIB, 1);
    put_memory(1, 4 * MIB - 1, MIB, 1);
    put_memory(1, 0, 2 * MIB + 1, 1);
    put_memory(1, 0, ~(u64)0, 1);
    put_memory(1, ~(u64)0 - 4, 6, 1);
    put_memory(1, 4 * MIB, MIB, 1);
    put_memory(2, ~(u64)0xfff, 0x1000, 1); /* up to 2^64, not past it */
    assert_int_equal(parse(), 3);
    expect(0, 2 * MIB, 2 * MIB, 0, false);
    expect(1, 4 * MIB, MIB, 1, false);
    expect(2, ~(u64)0xfff, 0x1000, 2, false);
    assert_non_null(strstr(fake_console(),
                           "SRAT: 0x100000 bytes at 0x3fffff of node 1 overlap node "
                           "0's at 0x200000; left out"));
    assert_non_null(strstr(fake_console(), "SRAT: 0x6 bytes at 0xfffffffffffffffb run past 2^64"));
}

TEST_WITH(test_too_many, begin, NULL)
{
    for (u32 i = 0; i < RANGES_MAX + 2; i++)
        put_memory(i, i * MIB, MIB, 1);
    assert_int_equal(parse(), RANGES_MAX);
    assert_non_null(strstr(fake_console(), "SRAT: more than 6 ranges; 0x600000 is left out"));
}

/* The entries before one that breaks the list's bounds count. */
TEST_WITH(test_lengths, begin, NULL)
{
    static const u8 lengths[] = {0, 1, 41, 255};
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        begin();
        put_memory(1, MIB, MIB, 1);
        put_memory(2, 2 * MIB, MIB, 1);
        table[ENTRIES_AT + 40 + 1] = lengths[i];
        assert_int_equal(parse(), 1);
        assert_non_null(strstr(fake_console(), "bytes at 88 of 128; the rest is ignored"));
    }
    begin();
    put_memory(1, MIB, MIB, 1);
    put_raw("\1\12\2\2\2\2\2\2\2\2", 10); /* too short for what it says it is */
    put_memory(2, 2 * MIB, MIB, 1);
    put_raw("\1", 1); /* half an entry's head */
    assert_int_equal(parse(), 2);
    for (table_bytes = 0; table_bytes < ENTRIES_AT + 40; table_bytes++)
        assert_int_equal(parse(), 0);
}

TEST_WITH(test_noise, begin, NULL)
{
    u32 seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        begin();
        for (unsigned i = 0; i < 5; i++)
            put_memory(i % 3, i * GIB, GIB, 1 + 2 * (i == 4));
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            seed = seed * 1664525 + 1013904223;
            table[ENTRIES_AT + (seed >> 16) % (table_bytes - ENTRIES_AT)] = (u8)(seed >> 8);
        }
        unsigned nr = parse();
        assert_true(nr <= RANGES_MAX);
        for (unsigned i = 0; i < nr; i++) {
            assert_true(ranges[i].bytes != 0);
            assert_false(range_overflows(ranges[i].base, ranges[i].bytes));
            for (unsigned j = 0; j < i; j++)
                assert_false(ranges_overlap(ranges[i].base, ranges[i].bytes, ranges[j].base,
                                            ranges[j].bytes));
        }
    }
}

TEST_GROUP(setup, NULL)
