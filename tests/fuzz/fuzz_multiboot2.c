/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the list of tags that a loader of Multiboot2 leaves, and the command line in
 * it. The first byte says where the list ends, and whether its header says so. No byte is read
 * behind the page; the memory map that comes out is sorted and disjoint, and no byte of it is RAM
 * that the loader called anything else; each option is read or refused.
 */
#include <sys/mman.h>

#include "boot/boot.h"
#include "extras/cmdline/cmdline.h"
#include "extras/multiboot2/multiboot2.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fuzz/fuzz.h"

#define HEADER_BYTES 8

static u8 *page; /* below 4 GiB, an inaccessible page behind it */

static void map_page(void)
{
    page = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    FUZZ_CHECK(page != MAP_FAILED);
    FUZZ_CHECK(mprotect(page + PAGE_BYTES, PAGE_BYTES, PROT_NONE) == 0);
}

static u64 last_of(const struct boot_memory_range *range)
{
    return range->base + (range->bytes - 1); /* a range may end at 2^64 */
}

static bool is_reserved(const struct memory_map *map, const struct boot_memory_range *range)
{
    for (u32 i = 0; i < map->nr_entries; i++) {
        const struct boot_memory_range *entry = &map->entries[i];
        if (entry->type != BOOT_MEMORY_RAM && entry->base <= last_of(range) &&
            range->base <= last_of(entry))
            return true;
    }
    return false;
}

static void check_map(const struct memory_map *map, struct boot_info *info)
{
    memory_map_resolve(map, info);
    FUZZ_CHECK(info->nr_ranges <= BOOT_MEMORY_RANGES);
    for (u32 i = 0; i < info->nr_ranges; i++) {
        const struct boot_memory_range *range = &info->ranges[i];
        FUZZ_CHECK(range->bytes != 0 && last_of(range) >= range->base);
        if (i > 0)
            FUZZ_CHECK(last_of(&range[-1]) < range->base);
        if (range->type == BOOT_MEMORY_RAM)
            FUZZ_CHECK(!is_reserved(map, range));
    }
}

static void check_options(const struct boot_info *info)
{
    struct options options;
    struct cmdline_option option;
    const char *cursor = info->cmdline;

    FUZZ_CHECK(strnlen(info->cmdline, BOOT_CMDLINE_BYTES) < BOOT_CMDLINE_BYTES);
    for (const char *before = cursor; cmdline_next(&cursor, &option); before = cursor) {
        FUZZ_CHECK(cursor > before && cursor <= info->cmdline + strlen(info->cmdline));
        FUZZ_CHECK(strnlen(option.key, sizeof(option.key)) < sizeof(option.key));
        FUZZ_CHECK(strnlen(option.value, sizeof(option.value)) < sizeof(option.value));
    }
    options_parse(info->cmdline, info->cmdline_truncated, &options);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    static struct boot_info info;
    static struct memory_map map;
    struct fuzz_input input = {data, bytes, 0};

    if (!page)
        map_page();
    u8 flags = (u8)fuzz_take(&input, 1);
    size_t nr_tag_bytes = min_u64(bytes - input.at, PAGE_BYTES - HEADER_BYTES);
    u32 list_bytes = flags & 1 ? (u32)fuzz_take(&input, 2) : (u32)(HEADER_BYTES + nr_tag_bytes);
    nr_tag_bytes = min_u64(nr_tag_bytes, bytes - input.at);
    /* Up to its last whole word the list ends with the page. */
    u8 *list = page + align_down(PAGE_BYTES - HEADER_BYTES - nr_tag_bytes, HEADER_BYTES);
    if (list_bytes > (u64)(page + PAGE_BYTES - list))
        list_bytes = (u32)(page + PAGE_BYTES - list);
    memset(list, 0, (size_t)(page + PAGE_BYTES - list));
    memcpy(list, &list_bytes, sizeof(list_bytes));
    memcpy(list + HEADER_BYTES, data + input.at, nr_tag_bytes);
    memset(&info, 0, sizeof(info));
    memset(&map, 0, sizeof(map));
    fake_console_clear();
    if (multiboot2_parse((u32)virt_to_phys(list), &info, &map) == OK) {
        check_map(&map, &info);
        check_options(&info);
    }
    FUZZ_CHECK(info.rsdp == 0 || (phys_to_virt(info.rsdp) < (void *)page ||
                                  phys_to_virt(info.rsdp) >= (void *)(page + PAGE_BYTES)));
    return 0;
}
