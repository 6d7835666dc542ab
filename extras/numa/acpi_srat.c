/* SPDX-License-Identifier: BSD-2-Clause */
/* See acpi_srat.h. Advanced Configuration and Power Interface 6.5, "System Resource Affinity
 * Table". */
#include "extras/numa/acpi_srat.h"

#include "arch/x86_64/acpi.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/string.h"

#define ENTRIES_AT 48 /* 12 reserved bytes behind the header */

#define ENTRY_MEMORY 1

#define FLAG_ENABLED     (1 << 0)
#define FLAG_HOTPLUG     (1 << 1)
#define FLAG_NONVOLATILE (1 << 2)

struct memory_entry {
    u8 type;
    u8 length;
    u32 node_id; /* ACPI's proximity domain; of revision 1, 8 bits */
    u16 reserved;
    u64 base;
    u64 bytes;
    u32 reserved_2;
    u32 flags;
    u64 reserved_3;
} packed_abi;

_Static_assert(sizeof(struct memory_entry) == 40, "ACPI's layout");

struct result {
    struct platform_node_range *ranges;
    unsigned nr;
    unsigned nr_max;
};

static const struct platform_node_range *find_overlap(const struct result *result, u64 base,
                                                      u64 bytes)
{
    for (unsigned i = 0; i < result->nr; i++) {
        if (ranges_overlap(base, bytes, result->ranges[i].base, result->ranges[i].bytes))
            return &result->ranges[i];
    }
    return NULL;
}

static void add(struct result *result, const struct memory_entry *entry, u32 node_id)
{
    const struct platform_node_range *other;

    if (entry->bytes == 0)
        return;
    if (range_overflows(entry->base, entry->bytes)) {
        log_warning(LOG_ARCH, "acpi", "SRAT: 0x%llx bytes at 0x%llx run past 2^64; left out",
                    (unsigned long long)entry->bytes, (unsigned long long)entry->base);
        return;
    }
    other = find_overlap(result, entry->base, entry->bytes);
    if (other != NULL) {
        log_warning(LOG_ARCH, "acpi",
                    "SRAT: 0x%llx bytes at 0x%llx of node %u overlap node %u's at 0x%llx; left out",
                    (unsigned long long)entry->bytes, (unsigned long long)entry->base, node_id,
                    other->node_id, (unsigned long long)other->base);
        return;
    }
    if (result->nr == result->nr_max) {
        log_warning(LOG_ARCH, "acpi", "SRAT: more than %u ranges; 0x%llx is left out",
                    result->nr_max, (unsigned long long)entry->base);
        return;
    }
    result->ranges[result->nr++] = (struct platform_node_range){
        .base = entry->base,
        .bytes = entry->bytes,
        .node_id = node_id,
        .is_hotplug = (entry->flags & FLAG_HOTPLUG) != 0,
    };
}

unsigned acpi_srat_parse(const void *table, u32 bytes, struct platform_node_range *ranges,
                         unsigned nr_max)
{
    struct result result = {.ranges = ranges, .nr_max = nr_max};
    const u8 *srat = table;
    struct acpi_header header;
    struct memory_entry entry;

    if (bytes < ENTRIES_AT)
        return 0;
    memcpy(&header, srat, sizeof(header));
    for (u32 at = ENTRIES_AT; at + 2 <= bytes; at += srat[at + 1]) {
        u8 length = srat[at + 1];

        if (length < 2 || length > bytes - at) {
            log_warning(LOG_ARCH, "acpi",
                        "SRAT: entry of %u bytes at %u of %u; the rest is ignored", length, at,
                        bytes);
            break;
        }
        if (srat[at] != ENTRY_MEMORY || length < sizeof(entry))
            continue;
        memcpy(&entry, srat + at, sizeof(entry));
        if ((entry.flags & (FLAG_ENABLED | FLAG_NONVOLATILE)) == FLAG_ENABLED)
            add(&result, &entry, header.revision <= 1 ? entry.node_id & 0xff : entry.node_id);
    }
    return result.nr;
}
