/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: what a loader and firmware leave in memory, a kernel image and ACPI's
 * SRAT. The first byte chooses. The rest is parsed as it is, in a copy whose end
 * the sanitizer watches, and what comes out keeps the contract.
 */
#include "extras/handover/elf_image.h"
#include "extras/numa/acpi_srat.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fuzz/fuzz.h"

#define RANGES_MAX 8

static void parse_image(const u8 *file, size_t bytes)
{
    struct elf_image image;
    char reason[ELF_REASON_BYTES];
    bool is_entered = false;

    if (elf_image_parse(file, bytes, &image, reason) != OK) {
        FUZZ_CHECK(strlen(reason) < ELF_REASON_BYTES);
        return;
    }
    FUZZ_CHECK(image.nr_segments > 0 && image.nr_segments <= ELF_SEGMENTS_MAX);
    for (unsigned i = 0; i < image.nr_segments; i++) {
        const struct elf_segment *segment = &image.segments[i];

        FUZZ_CHECK(segment->bytes != 0 && segment->file_bytes <= segment->bytes);
        FUZZ_CHECK(segment->file_offset <= bytes);
        FUZZ_CHECK(segment->file_bytes <= bytes - segment->file_offset);
        FUZZ_CHECK(segment->paddr < 4 * GIB && segment->bytes <= 4 * GIB - segment->paddr);
        is_entered |=
            image.entry >= segment->paddr && image.entry - segment->paddr < segment->file_bytes;
        for (unsigned j = 0; j < i; j++)
            FUZZ_CHECK(!ranges_overlap(segment->paddr, segment->bytes, image.segments[j].paddr,
                                       image.segments[j].bytes));
    }
    FUZZ_CHECK(is_entered);
}

static void parse_srat(const u8 *table, size_t bytes)
{
    struct platform_node_range ranges[RANGES_MAX];
    unsigned nr = acpi_srat_parse(table, (u32)bytes, ranges, RANGES_MAX);

    FUZZ_CHECK(nr <= RANGES_MAX);
    for (unsigned i = 0; i < nr; i++) {
        FUZZ_CHECK(ranges[i].bytes != 0 && !range_overflows(ranges[i].base, ranges[i].bytes));
        for (unsigned j = 0; j < i; j++)
            FUZZ_CHECK(
                !ranges_overlap(ranges[i].base, ranges[i].bytes, ranges[j].base, ranges[j].bytes));
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    u8 *copy = malloc(bytes);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, data + 1, bytes - 1);
    copy = realloc(copy, bytes > 1 ? bytes - 1 : 1);
    FUZZ_CHECK(copy != NULL);
    fake_console_clear();
    if (data[0] % 2 == 0)
        parse_image(copy, bytes - 1);
    else
        parse_srat(copy, bytes - 1);
    free(copy);
    return 0;
}
