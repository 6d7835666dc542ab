/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory map of a boot loader, sorted and without overlap.
 *
 * Pure: no hardware, no output. The entries of a loader may be in any
 * order, empty or overlapping; those of struct boot_info are not. The sweep costs O(entries^2), and
 * a map has about ten.
 */
#include "boot/boot.h"
#include "include/status.h"
#include "include/units.h"

static int find_ram_entry(const struct memory_map *map)
{
    for (u32 i = 0; i < map->nr_entries; i++)
        if (map->entries[i].type == BOOT_MEMORY_RAM)
            return (int)i;
    return E_NODEV;
}

int memory_map_add(struct memory_map *map, u64 base, u64 bytes, u32 type)
{
    struct boot_memory_range entry = {base, bytes, type == 0 ? BOOT_MEMORY_RESERVED : type};
    if (bytes == 0)
        return OK;
    if (range_overflows(base, bytes))
        entry.bytes = -base;
    if (map->nr_entries < MEMORY_MAP_ENTRIES) {
        map->entries[map->nr_entries++] = entry;
        return OK;
    }
    map->nr_dropped++;
    if (type == BOOT_MEMORY_RAM)
        return OK;
    int victim = find_ram_entry(map);
    if (victim < 0)
        return E_NOMEM;
    map->entries[victim] = entry;
    return OK;
}

/* Where types overlap, the one with the highest claim wins. */
static unsigned claim(u32 type)
{
    switch (type) {
    case BOOT_MEMORY_RAM:
        return 1;
    case BOOT_MEMORY_ACPI:
        return 2;
    case BOOT_MEMORY_NVS:
        return 3;
    case BOOT_MEMORY_BAD:
        return 5;
    default:
        return 4;
    }
}

static u64 last_byte(const struct boot_memory_range *range)
{
    return range->base + (range->bytes - 1);
}

/*
 * The stretch that begins at `from`: its type (0: no entry covers it), and the
 * last byte before an entry begins or ends.
 */
static u32 next_stretch(const struct memory_map *map, u64 from, u64 *last)
{
    u32 type = 0;

    *last = ~(u64)0;
    for (u32 i = 0; i < map->nr_entries; i++) {
        const struct boot_memory_range *entry = &map->entries[i];

        if (entry->base > from) {
            *last = min_u64(*last, entry->base - 1);
        } else if (last_byte(entry) >= from) {
            *last = min_u64(*last, last_byte(entry));
            if (type == 0 || claim(entry->type) > claim(type))
                type = entry->type;
        }
    }
    return type;
}

static void append_range(struct boot_info *info, u64 base, u64 last, u32 type)
{
    u32 nr = info->nr_ranges;
    struct boot_memory_range previous = nr ? info->ranges[nr - 1] : (struct boot_memory_range){0};

    if (previous.type == type && last_byte(&previous) + 1 == base &&
        last - previous.base != ~(u64)0) {
        info->ranges[nr - 1].bytes += last - base + 1;
        return;
    }
    if (info->nr_ranges == BOOT_MEMORY_RANGES) {
        info->nr_ranges_dropped++;
        return;
    }
    info->ranges[info->nr_ranges++] =
        (struct boot_memory_range){.base = base, .bytes = last - base + 1, .type = type};
}

void memory_map_resolve(const struct memory_map *map, struct boot_info *info)
{
    u64 from = 0;
    u64 last;

    info->nr_ranges = 0;
    info->nr_ranges_dropped = map->nr_dropped;
    do {
        u32 type = next_stretch(map, from, &last);

        if (type != 0)
            append_range(info, from, last, type);
        from = last + 1;
    } while (last != ~(u64)0);
}
