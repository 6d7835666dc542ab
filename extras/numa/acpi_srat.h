/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's System Resource Affinity Table (SRAT): which memory is near which
 * processors. Pure; nothing the table says is trusted.
 */
#ifndef TIDE_EXTRAS_NUMA_ACPI_SRAT_H
#define TIDE_EXTRAS_NUMA_ACPI_SRAT_H

#include "extras/numa/node.h"

/*
 * Copy the enabled ranges of a table of `bytes`, in its order, at most nr_max of them, and return
 * how many. Entries that are empty, run past 2^64 or overlap an earlier one are left out, the
 * latter two with a warning. An entry that breaks the table's bounds ends the list.
 */
unsigned acpi_srat_parse(const void *table, u32 bytes, struct platform_node_range *ranges,
                         unsigned nr_max);

#endif
