/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extras/handover/elf_image.c and extras/handover/handover_plan.c: an image as the linker makes it,
 * and modules that are cut, wrong, or that are for another machine. The file ends where the
 * readable page ends, so that a byte read behind it is a fault.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/mman.h>

#include "extras/handover/handover_plan.h"
#include "include/status.h"
#include "include/units.h"

#define FILE_BYTES 4096
#define HEADERS    64 /* where the program headers begin */
#define NOTE       0x200
#define TEXT       0x300

struct header {
    u32 type, flags;
    u64 offset, vaddr, paddr, file_bytes, bytes, alignment;
};

static u8 *page; /* below 4 GiB, an inaccessible page behind it */
static u8 file[FILE_BYTES];
static struct header headers[4];
static unsigned nr_headers;
static struct boot_info boot;
static struct elf_image image;
static struct handover_plan plan;
static char reason[ELF_REASON_BYTES];

static void setup(void)
{
    page = mmap(NULL, 2 * FILE_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    assert_true(page != MAP_FAILED);
    assert_int_equal(mprotect(page + FILE_BYTES, FILE_BYTES, PROT_NONE), 0);
}

static void put(unsigned at, const void *bytes, unsigned nr_bytes)
{
    memcpy(file + at, bytes, nr_bytes);
}

static void put16(unsigned at, u16 value)
{
    put(at, &value, sizeof(value));
}

static void put32(unsigned at, u32 value)
{
    put(at, &value, sizeof(value));
}

static void put64(unsigned at, u64 value)
{
    put(at, &value, sizeof(value));
}

/* Text at 1 MiB, data with .bss behind it, and the note. */
static void begin(void)
{
    memset(file, 0, sizeof(file));
    put(0, "\177ELF\2\1\1", 7);
    put16(16, 2);
    put16(18, 62);
    put64(32, HEADERS);
    put16(54, sizeof(struct header));
    put16(56, 3);
    put32(NOTE, 4);
    put32(NOTE + 4, 8);
    put32(NOTE + 8, 18);
    put(NOTE + 12, "Xen", 4);
    put64(NOTE + 16, MIB + 0x60);
    headers[0] = (struct header){1, 5, TEXT, MIB, MIB, 0x400, 0x400, 4096};
    headers[1] = (struct header){1, 6, 0x700, 2 * MIB, 2 * MIB, 0x100, 0x3000, 4096};
    headers[2] = (struct header){4, 4, NOTE, 0, 0, 24, 24, 4};
    nr_headers = 3;
    boot = (struct boot_info){.nr_ranges = 3};
    boot.ranges[0] = (struct boot_memory_range){0, 0x9fc00, BOOT_MEMORY_RAM};
    boot.ranges[1] = (struct boot_memory_range){MIB, 3 * GIB, BOOT_MEMORY_RAM};
    boot.ranges[2] = (struct boot_memory_range){0xfff00000, MIB, BOOT_MEMORY_RESERVED};
}

/* Parse the first `bytes` of the file. */
static int parse(u64 bytes)
{
    for (unsigned i = 0; i < nr_headers; i++)
        put(HEADERS + i * (unsigned)sizeof(headers[i]), &headers[i], sizeof(headers[i]));
    memcpy(page + FILE_BYTES - bytes, file, bytes);
    strcpy(reason, "none");
    return elf_image_parse(page + FILE_BYTES - bytes, bytes, &image, reason);
}

static int make_plan(void)
{
    (void)parse(FILE_BYTES);
    boot.module = (struct boot_module){(uintptr_t)page, FILE_BYTES};
    return handover_make_plan(&boot, &plan, reason);
}

#define assert_refused(status, text)                        \
    do {                                                    \
        assert_int_equal((status), E_INVAL);                \
        assert_non_null(strstr(reason, (text)));            \
        assert_true(strlen(reason) + 1 < ELF_REASON_BYTES); \
    } while (0)

TEST_WITH(test_image, begin, NULL)
{
    assert_int_equal(parse(FILE_BYTES), OK);
    assert_int_equal(image.entry, MIB + 0x60);
    assert_int_equal(image.nr_segments, 2);
    assert_int_equal(image.segments[1].paddr, 2 * MIB);
    assert_int_equal(image.segments[1].bytes, 0x3000);
    assert_int_equal(image.segments[1].file_offset, 0x700);
    assert_int_equal(image.segments[1].file_bytes, 0x100);
}

TEST_WITH(test_plan, begin, NULL)
{
    assert_int_equal(make_plan(), OK);
    assert_int_equal(plan.entry, MIB + 0x60);
    assert_int_equal(plan.nr_copies, 2);
    assert_int_equal(plan.copies[1].to, 2 * MIB);
    assert_int_equal(plan.copies[1].from, (u32)(uintptr_t)page + 0x700);
    assert_int_equal(plan.copies[1].bytes, 0x100);
    assert_int_equal(plan.copies[1].zero_bytes, 0x2f00);
}

/* Every length below the whole is refused, or has all that it names. */
TEST_WITH(test_truncated, begin, NULL)
{
    for (u64 bytes = 0; bytes < 0x800; bytes++)
        assert_int_equal(parse(bytes), E_INVAL);
    assert_int_equal(parse(0x800), OK);
    assert_refused(parse(0), "0 bytes, expected an ELF header of 64");
    assert_refused(parse(0x7ff), "segment 1 is 0x100 bytes at 0x700, but the file ends at 0x7ff");
    assert_refused(parse(100), "program headers at 0x40, but the file ends at 0x64");
}

TEST_WITH(test_other_files, begin, NULL)
{
    static const struct {
        unsigned at;
        u8 value;
        const char *text;
    } cases[] = {
        {0, 0x1f, "begins with 1f 45 4c 46"},
        {4, 1, "ELF class 1"},
        {5, 2, "encoding 2"},
        {16, 3, "type 3"},
        {18, 3, "machine 3"},
        {54, 55, "program headers of 55 bytes"},
        {56, 0, "0 program headers"},
        {56, 65, "65 program headers"},
        {39, 0xff, "program headers at 0xff"},
        {NOTE + 8, 17, "no PVH note"},
        {NOTE + 13, 'X', "no PVH note"},
        {NOTE + 0, 5, "no PVH note"},
        {NOTE + 4, 3, "no PVH note"},
        {NOTE + 7, 0xff, "no PVH note"},
        {NOTE + 3, 0xff, "no PVH note"},
        {NOTE + 20, 1, "entry 0x100100060 is in no"},
        {NOTE + 18, 0x20, "entry 0x200060 is in no executable"},
        {NOTE + 17, 0x4, "entry 0x100460 is in no"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        begin();
        file[cases[i].at] = cases[i].value;
        assert_refused(parse(FILE_BYTES), cases[i].text);
    }
}

TEST_WITH(test_bad_segments, begin, NULL)
{
    headers[1].paddr = MIB + 0x3ff;
    assert_refused(parse(FILE_BYTES), "the segments for 0x100000 and 0x1003ff overlap");
    begin();
    headers[1].file_bytes = 0x3001;
    headers[1].offset = 0;
    assert_refused(parse(FILE_BYTES), "but the file ends");
    headers[1].bytes = 0xff;
    headers[1].file_bytes = 0x100;
    assert_refused(parse(FILE_BYTES), "0xff bytes, 0x100 of them in the file");
    begin();
    headers[1].bytes = ~(u64)0;
    assert_refused(parse(FILE_BYTES), "expected an end below 4 GiB");
    begin();
    headers[1].paddr = 4 * GIB - 0x2fff;
    assert_refused(parse(FILE_BYTES), "expected an end below 4 GiB");
    begin();
    headers[1].offset = ~(u64)0 - 0x10;
    assert_refused(parse(FILE_BYTES), "but the file ends");
    begin();
    headers[0].flags = 4;
    assert_refused(parse(FILE_BYTES), "in no executable segment");
    begin();
    headers[0].bytes = 0; /* found by the fuzzer: the entry would be in it, and it is not loaded */
    assert_refused(parse(FILE_BYTES), "0x0 bytes, 0x400 of them in the file");
    begin();
    headers[1].bytes = headers[1].file_bytes = 0; /* nothing to load */
    assert_int_equal(parse(FILE_BYTES), OK);
    assert_int_equal(image.nr_segments, 1);
}

TEST_WITH(test_segments_that_have_no_place, begin, NULL)
{
    static const struct {
        u64 paddr;
        const char *text;
    } cases[] = {
        {0x8000, "0x3000 bytes for 0x8000, expected RAM at or above 0x100000"},
        {0x9f000, "expected RAM"},
        {0xfff00000, "expected RAM"},
        {MIB + 3 * GIB - 0x2fff, "expected RAM"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        begin();
        headers[1].paddr = cases[i].paddr;
        assert_refused(make_plan(), cases[i].text);
    }
    begin();
    headers[1].paddr = (uintptr_t)page - 0x2fff;
    assert_refused(make_plan(), "where the module itself lies");
    headers[1].paddr = (uintptr_t)page - 0x3000;
    assert_int_equal(make_plan(), OK);
    boot.module.bytes = 0;
    assert_int_equal(handover_make_plan(&boot, &plan, reason), E_NODEV);
}

/* Any bytes changed: refused, or an image that keeps the contract. */
TEST_WITH(test_noise, begin, NULL)
{
    u32 seed = 1;
    unsigned nr_good = 0;
    for (unsigned round = 0; round < 50000; round++) {
        begin();
        (void)parse(FILE_BYTES);
        nr_headers = 0;
        for (unsigned i = 0; i < 1 + round % 3; i++) {
            seed = seed * 1664525 + 1013904223;
            unsigned at = (seed >> 20) % 0x240;
            file[at] = (u8)(seed >> 8);
        }
        if (parse(0x800) != OK)
            continue;
        nr_good++;
        assert_true(image.nr_segments <= ELF_SEGMENTS_MAX);
        for (unsigned i = 0; i < image.nr_segments; i++) {
            const struct elf_segment *segment = &image.segments[i];
            assert_true(segment->bytes != 0 && segment->file_bytes <= segment->bytes);
            assert_true(segment->file_offset <= 0x800);
            assert_true(segment->file_bytes <= 0x800 - segment->file_offset);
            assert_true(segment->paddr + segment->bytes <= 4 * GIB);
        }
    }
    assert_true(nr_good > 1000);
}

TEST_GROUP(setup, NULL)
