/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extras/multiboot2/multiboot2.c against lists of tags: as GRUB writes them, and as no
 * loader should. The list ends where the readable page ends, so that a byte read behind it
 * is a fault.
 */
#include "tests/unit/unit.h"

#include <sys/mman.h>

#include "boot/boot.h"
#include "extras/multiboot2/multiboot2.h"
#include "include/platform.h"
#include "include/status.h"

#define LIST_BYTES 4096

static struct boot_info info;
static struct memory_map map;
static u8 *page; /* below 4 GiB, an inaccessible page behind it */
static u8 list[LIST_BYTES];
static u32 list_bytes;

static void setup(void)
{
    page = mmap(NULL, 2 * LIST_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(mprotect(page + LIST_BYTES, LIST_BYTES, PROT_NONE), 0);
}

static void begin(void)
{
    memset(&info, 0, sizeof(info));
    memset(&map, 0, sizeof(map));
    list_bytes = 8;
}

static void put(const void *bytes, u32 nr_bytes)
{
    memcpy(list + list_bytes, bytes, nr_bytes);
    list_bytes += nr_bytes;
}

static void put32(u32 value)
{
    put(&value, sizeof(value));
}

static void put64(u64 value)
{
    put(&value, sizeof(value));
}

static void pad(void)
{
    while (list_bytes % 8 != 0)
        list[list_bytes++] = 0xee;
}

static void put_text(const char *text)
{
    put32(1);
    put32(8 + (u32)strlen(text) + 1);
    put(text, (u32)strlen(text) + 1);
    pad();
}

static void put_map(u32 entry_bytes, u64 base, u64 bytes, u32 type)
{
    put32(6);
    put32(16 + entry_bytes);
    put32(entry_bytes);
    put32(0);
    put64(base);
    put64(bytes);
    put32(type);
    for (u32 i = 20; i < entry_bytes; i += 4)
        put32(0);
    pad();
}

static void put_end(void)
{
    put32(0);
    put32(8);
}

/* Place the list so that it ends with the page, and parse it. */
static int parse(u32 said_bytes)
{
    u8 *start = page + LIST_BYTES - list_bytes;
    memcpy(list, &said_bytes, sizeof(said_bytes));
    memset(list + 4, 0, 4);
    memcpy(start, list, list_bytes);
    return multiboot2_parse((u32)(uintptr_t)start, &info, &map);
}

TEST(test_detect)
{
    assert_true(multiboot2_detect(0x36d76289));
    assert_false(multiboot2_detect(0x2badb002));
}

TEST_WITH(test_what_grub_says, begin, NULL)
{
    static const u8 rsdp_1[20] = "RSD PTR 1";
    static const u8 rsdp_2[36] = "RSD PTR 2";
    put32(2); /* the loader's name: nobody asked */
    put32(8 + 5);
    put("GRUB", 5);
    pad();
    put_text("console=vga \"run=memory; wait\"");
    put_map(24, 0x100000, 0xff00000, BOOT_MEMORY_RAM);
    put32(15);
    put32(8 + sizeof(rsdp_2));
    put(rsdp_2, sizeof(rsdp_2));
    pad();
    put32(14);
    put32(8 + sizeof(rsdp_1));
    put(rsdp_1, sizeof(rsdp_1));
    pad();
    put32(8); /* a frame buffer */
    put32(8 + 24);
    put64(0xc0000000);
    put32(3200);
    put32(800);
    put32(600);
    put("\x20\x01\x00\x00", 4);
    put_end();
    assert_int_equal(parse(list_bytes), OK);
    assert_string_equal(info.protocol, "multiboot2");
    assert_string_equal(info.cmdline, "console=vga \"run=memory; wait\"");
    assert_false(info.cmdline_truncated);
    assert_int_equal(map.nr_entries, 1);
    assert_int_equal(map.entries[0].base, 0x100000);
    assert_int_equal(map.entries[0].bytes, 0xff00000);
    assert_memory_equal(phys_to_virt(info.rsdp), "RSD PTR 2", 9);
    assert_int_equal(info.screen.kind, BOOT_SCREEN_PIXELS);
    assert_int_equal(info.screen.base, 0xc0000000);
    assert_int_equal(info.screen.pitch_bytes, 3200);
    assert_int_equal(info.screen.width, 800);
    assert_int_equal(info.screen.height, 600);
    assert_int_equal(info.screen.bits_per_pixel, 32);
}

static void put_module(u32 start, u32 end)
{
    put32(3);
    put32(16 + 5);
    put32(start);
    put32(end);
    put("name", 5);
    pad();
}

TEST_WITH(test_first_module_counts, begin, NULL)
{
    put_module(0x400000, 0x400000); /* nothing in it */
    put_module(0x500000, 0x400000);
    put_module(0x600000, 0x612345);
    put_module(0x700000, 0x700001);
    put_end();
    assert_int_equal(parse(list_bytes), OK);
    assert_int_equal(info.module.base, 0x600000);
    assert_int_equal(info.module.bytes, 0x12345);
}

TEST_WITH(test_larger_entries_of_a_later_version, begin, NULL)
{
    put_map(32, 0x200000, 0x1000, BOOT_MEMORY_ACPI);
    put_end();
    assert_int_equal(parse(list_bytes), OK);
    assert_int_equal(map.nr_entries, 1);
    assert_int_equal(map.entries[0].type, BOOT_MEMORY_ACPI);
}

TEST_WITH(test_entries_too_small_are_refused, begin, NULL)
{
    put_map(20, 0x200000, 0x1000, BOOT_MEMORY_RAM);
    put_end();
    assert_int_equal(parse(list_bytes), E_RANGE);
}

/* At the end of what is mapped, as the last bytes below 4 GiB are. */
TEST_WITH(test_address_that_is_not_aligned_is_not_read, begin, NULL)
{
    u32 address = (u32)(uintptr_t)(page + LIST_BYTES - 4);
    assert_int_equal(multiboot2_parse(address, &info, &map), E_RANGE);
}

TEST_WITH(test_sizes_that_are_no_list_are_refused, begin, NULL)
{
    put_end();
    assert_int_equal(parse(0x40000000), E_RANGE);
    begin();
    put_end();
    list[list_bytes++] = 0; /* an odd address */
    assert_int_equal(parse(list_bytes), E_RANGE);
}

/* The tags before one that breaks the list's bounds count. */
TEST_WITH(test_tags_beyond_the_list_end_it, begin, NULL)
{
    static const u32 sizes[] = {0, 7, 4096, 0xffffffff};
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        begin();
        put_text("log=debug");
        put_map(24, 0x100000, 0x1000, BOOT_MEMORY_RAM);
        put32(6);
        put32(sizes[i]);
        assert_int_equal(parse(list_bytes), OK);
        assert_string_equal(info.cmdline, "log=debug");
        assert_int_equal(map.nr_entries, 1);
    }
}

TEST_WITH(test_short_tags_hold_nothing, begin, NULL)
{
    static const u32 types[] = {1, 3, 6, 8, 14, 15};
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        put32(types[i]);
        put32(8);
    }
    put_end();
    assert_int_equal(parse(list_bytes), OK);
    assert_string_equal(info.cmdline, "");
    assert_int_equal(map.nr_entries, 0);
    assert_int_equal(info.rsdp, 0);
    assert_int_equal(info.module.bytes, 0);
    assert_int_equal(info.screen.kind, BOOT_SCREEN_UNKNOWN);
}

TEST_WITH(test_long_command_line_is_cut, begin, NULL)
{
    put32(1);
    put32(8 + BOOT_CMDLINE_BYTES + 8);
    memset(list + list_bytes, 'x', BOOT_CMDLINE_BYTES + 8); /* and not terminated */
    list_bytes += BOOT_CMDLINE_BYTES + 8;
    put_end();
    assert_int_equal(parse(list_bytes), OK);
    assert_true(info.cmdline_truncated);
    assert_int_equal(strlen(info.cmdline), BOOT_CMDLINE_BYTES - 1);
}

/* Random bytes: any answer, but none from outside the list. */
TEST_WITH(test_noise, begin, NULL)
{
    u32 seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        begin();
        while (list_bytes < 256) {
            seed = seed * 1664525 + 1013904223;
            put32(seed >> 28 < 4 ? seed : seed >> 20 & 0x3f);
        }
        int status = parse(list_bytes);
        assert_true(status == OK || status == E_RANGE);
        assert_true(strlen(info.cmdline) < BOOT_CMDLINE_BYTES);
    }
}

TEST_GROUP(setup, NULL)
