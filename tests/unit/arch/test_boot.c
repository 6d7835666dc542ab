/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader's tables: memory maps out of order, overlapping, empty or too long,
 * and PVH start infos that are wrong.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "boot/boot.h"
#include "extras/handover/handover_plan.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static struct memory_map map;
static struct boot_info info;

static void setup(void)
{
    memset(&map, 0, sizeof(map));
    memset(&info, 0, sizeof(info));
    fake_console_clear();
}

/* ---- memory map ---- */

static void add(u64 base, u64 bytes, u32 type)
{
    assert_int_equal(memory_map_add(&map, base, bytes, type), OK);
}

/* The resolved map as text: "base+bytes/type " each, in hexadecimal. */
static const char *resolved(void)
{
    static char text[4096];
    size_t used = 0;

    memory_map_resolve(&map, &info);
    text[0] = '\0';
    for (u32 i = 0; i < info.nr_ranges; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%llx+%llx/%u ",
                                 (unsigned long long)info.ranges[i].base,
                                 (unsigned long long)info.ranges[i].bytes, info.ranges[i].type);
    return text;
}

TEST_WITH(test_sorted_and_joined, setup, NULL)
{
    add(0x300000, 0x1000, BOOT_MEMORY_RAM);
    add(0x100000, 0x1000, BOOT_MEMORY_RAM);
    add(0x101000, 0x1000, BOOT_MEMORY_RAM);
    add(0, 0, BOOT_MEMORY_RAM);
    add(0x9fc00, 0x400, BOOT_MEMORY_RESERVED);
    assert_string_equal(resolved(), "9fc00+400/2 100000+2000/1 300000+1000/1 ");
    assert_int_equal(info.nr_ranges_dropped, 0);
}

TEST_WITH(test_ram_loses_overlaps, setup, NULL)
{
    add(0x200000, 0x2000, BOOT_MEMORY_RESERVED);
    add(0x100000, 0x200000, BOOT_MEMORY_RAM);
    add(0x110000, 0x1000, BOOT_MEMORY_ACPI);
    add(0x110800, 0x1000, BOOT_MEMORY_BAD);
    add(0x120000, 0x1000, 12345);
    assert_string_equal(resolved(),
                        "100000+10000/1 110000+800/3 110800+1000/5 111800+e800/1 "
                        "120000+1000/12345 121000+df000/1 200000+2000/2 202000+fe000/1 ");
}

TEST_WITH(test_ram_loses_to_type_0, setup, NULL)
{
    add(0x100000, 0x1000, 0);
    add(0x100000, 0x200000, BOOT_MEMORY_RAM);
    assert_string_equal(resolved(), "100000+1000/2 101000+1ff000/1 ");
}

TEST_WITH(test_end_of_address_space, setup, NULL)
{
    add(0xfffffffffffff000, 0x5000, BOOT_MEMORY_RESERVED);
    add(0, ~(u64)0, BOOT_MEMORY_RAM);
    assert_string_equal(resolved(), "0+fffffffffffff000/1 fffffffffffff000+1000/2 ");
}

/* 2^64 bytes do not fit a range. */
TEST_WITH(test_all_of_the_address_space, setup, NULL)
{
    add(0, 0x1000, BOOT_MEMORY_RAM);
    add(0x1000, ~(u64)0, BOOT_MEMORY_RAM);
    assert_string_equal(resolved(), "0+1000/1 1000+fffffffffffff000/1 ");
}

TEST_WITH(test_too_many_entries, setup, NULL)
{
    for (u64 i = 0; i < MEMORY_MAP_ENTRIES; i++)
        add(i * 0x10000, 0x1000, BOOT_MEMORY_RAM);
    add(~(u64)0xfff, 0x1000, BOOT_MEMORY_RAM);
    /* Reserved memory takes the place of RAM. */
    add(0x10000, 0x800, BOOT_MEMORY_RESERVED);
    memory_map_resolve(&map, &info);
    assert_int_equal(info.nr_ranges, BOOT_MEMORY_RANGES);
    assert_int_equal(info.ranges[0].base, 0x10000);
    assert_int_equal(info.ranges[0].type, BOOT_MEMORY_RESERVED);
    assert_int_equal(info.ranges[1].base, 0x10800);
    assert_int_equal(info.ranges[1].type, BOOT_MEMORY_RAM);
    assert_true(info.nr_ranges_dropped >= 2);

    memset(&map, 0, sizeof(map));
    for (u64 i = 0; i < MEMORY_MAP_ENTRIES; i++)
        add(i * 0x10000, 0x1000, BOOT_MEMORY_RESERVED);
    assert_int_equal(memory_map_add(&map, 0, 1, BOOT_MEMORY_NVS), E_NOMEM);
}

/* ---- the module ---- */

TEST_WITH(test_module_must_lie_in_ram, setup, NULL)
{
    static const struct {
        u64 base, bytes;
        bool kept;
    } cases[] = {
        {0x300000, 0x100000, true},       {0x3fffff, 1, true},
        {0x300001, 0x100000, false}, /* ends a byte behind the range */
        {0x1ff000, 0x1000, true},    /* right before the kernel */
        {0x1ff001, 0x1000, false},        {0x24ffff, 0x1000, false}, /* in its last page */
        {0x250000, 0x1000, true},         {0x500000, 0x1000, false}, /* reserved */
        {0x600000, 0x1000, false},                                   /* nothing */
        {(u64)4 << 30, 0x1000, false},    {0x300000, ~(u64)0, false},
        {~(u64)0 - 0xfff, 0x1000, false},
    };
    add(0x100000, 0x300000, BOOT_MEMORY_RAM);
    add(0x500000, 0x100000, BOOT_MEMORY_RESERVED);
    add((u64)4 << 30, 0x100000, BOOT_MEMORY_RAM);
    memory_map_resolve(&map, &info);
    info.kernel_base = 0x200000;
    info.kernel_bytes = 0x50000;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        fake_console_clear();
        info.module = (struct boot_module){cases[i].base, cases[i].bytes};
        assert_int_equal(handover_accepts_module(&info), cases[i].kept);
        assert_int_equal(strstr(fake_console(), "boot: error: module of 0x") != NULL,
                         !cases[i].kept);
    }
}

/* ---- PVH ---- */

struct start_info {
    u32 magic, version, flags, nr_modules;
    u64 modules, cmdline, rsdp, memmap;
    u32 memmap_entries, reserved;
};

struct memmap_entry {
    u64 base, bytes;
    u32 type, reserved;
};

/* In the first 4 GiB, as a loader's tables are: the last page of a mapping, nothing behind it. */
struct loader_page {
    struct start_info start;
    struct memmap_entry entries[4];
    u64 module[4];
    char cmdline[PAGE_BYTES - sizeof(struct start_info) - 4 * sizeof(struct memmap_entry) - 32];
};

static struct loader_page *page;

static void setup_pvh(void)
{
    setup();
    page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
                -1, 0);
    assert_true(page != MAP_FAILED);
    page->start = (struct start_info){.magic = 0x336ec578,
                                      .version = 1,
                                      .cmdline = virt_to_phys(page->cmdline),
                                      .rsdp = 0xf5000,
                                      .memmap = virt_to_phys(page->entries),
                                      .memmap_entries = 2};
    page->entries[0] = (struct memmap_entry){0x100000, 0x700000, BOOT_MEMORY_RAM, 0};
}

static void teardown_pvh(void)
{
    assert_int_equal(munmap(page, PAGE_BYTES), 0);
}

static int parse(void)
{
    return pvh_parse((u32)virt_to_phys(&page->start), &info, &map);
}

TEST_WITH(test_pvh, setup_pvh, teardown_pvh)
{
    strcpy(page->cmdline, "log=debug run=exit");
    assert_true(pvh_detect((u32)virt_to_phys(&page->start)));
    assert_int_equal(parse(), OK);
    assert_string_equal(info.protocol, "pvh");
    assert_string_equal(info.cmdline, "log=debug run=exit");
    assert_false(info.cmdline_truncated);
    assert_int_equal(info.rsdp, 0xf5000);
    assert_string_equal(resolved(), "100000+700000/1 "); /* the second entry is empty */
    assert_string_equal(fake_console(), "");
    page->start.magic++;
    assert_false(pvh_detect((u32)virt_to_phys(&page->start)));
    assert_false(pvh_detect(0xfffffff0)); /* too near to the end of what is mapped */
}

TEST_WITH(test_pvh_cmdline, setup_pvh, teardown_pvh)
{
    memset(page->cmdline, 'x', BOOT_CMDLINE_BYTES + 1);
    assert_int_equal(parse(), OK);
    assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_BYTES - 1);
    assert_true(info.cmdline_truncated);

    page->start.cmdline = (u64)1 << 40;
    info.cmdline[0] = '\0';
    assert_int_equal(parse(), OK);
    assert_string_equal(info.cmdline, "");
    assert_non_null(strstr(fake_console(), "boot: error: PVH command line at 0x10000000000"));
    page->start.cmdline = 0;
    fake_console_clear();
    assert_int_equal(parse(), OK);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_pvh_overwritten_by_the_command_line, setup_pvh, teardown_pvh)
{
    u32 start = (u32)virt_to_phys(page) + 100;
    strcpy((char *)page + 60, "nothing of a command line's text");
    assert_false(pvh_is_overwritten(start));
    memset(page, 'x', 100);
    assert_true(pvh_is_overwritten(start));
    ((char *)page)[99] = '\0';
    assert_false(pvh_is_overwritten(start));
    assert_false(pvh_is_overwritten(0));
    assert_false(pvh_is_overwritten(15));
}

TEST_WITH(test_pvh_module, setup_pvh, teardown_pvh)
{
    page->module[0] = 0x345000;
    page->module[1] = 0x678;
    page->start.modules = virt_to_phys(page->module);
    assert_int_equal(parse(), OK);
    assert_int_equal(info.module.bytes, 0); /* the list is of no module */
    page->start.nr_modules = 2;
    assert_int_equal(parse(), OK);
    assert_int_equal(info.module.base, 0x345000);
    assert_int_equal(info.module.bytes, 0x678);
    info.module.bytes = 0;
    page->start.modules = 0xfffffff0;
    assert_int_equal(parse(), OK);
    assert_int_equal(info.module.bytes, 0);
    assert_non_null(strstr(fake_console(), "boot: error: PVH module list at 0xfffffff0"));
}

TEST_WITH(test_pvh_bad_memory_maps, setup_pvh, teardown_pvh)
{
    static const struct {
        u32 version;
        u64 memmap;
        u32 entries;
        int status;
    } cases[] = {
        {0, 0x1000, 1, E_UNSUPPORTED},    {1, 0, 1, E_UNSUPPORTED},
        {1, 0x1000, 0, E_UNSUPPORTED},    {1, 0x1000, 1025, E_RANGE},
        {1, (u64)1 << 32, 1, E_RANGE},    {1, 0xffffffe0, 2, E_RANGE},
        {1, ~(u64)0 - 24, 1000, E_RANGE},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        fake_console_clear();
        page->start.version = cases[i].version;
        page->start.memmap = cases[i].memmap;
        page->start.memmap_entries = cases[i].entries;
        assert_int_equal(parse(), cases[i].status);
        assert_non_null(strstr(fake_console(), "boot: error: PVH "));
    }
}
