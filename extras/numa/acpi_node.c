/* SPDX-License-Identifier: BSD-2-Clause */
/* Which node memory belongs to: ACPI's table SRAT, read once. acpi_srat.c does the checking. */
#include "arch/x86_64/arch.h"
#include "extras/numa/acpi_srat.h"
#include "extras/numa/node.h"
#include "include/status.h"

#define RANGES_MAX 64

static struct platform_node_range ranges[RANGES_MAX];
static unsigned nr_ranges;
static bool is_read;

int platform_memory_node(unsigned index, struct platform_node_range *range)
{
    if (!is_read) {
        u32 bytes;
        const void *srat = acpi_find_table("SRAT", &bytes);

        is_read = true;
        nr_ranges = srat != NULL ? acpi_srat_parse(srat, bytes, ranges, RANGES_MAX) : 0;
    }
    if (index >= nr_ranges)
        return E_NODEV;
    *range = ranges[index];
    return OK;
}
