/* SPDX-License-Identifier: BSD-2-Clause */
/* Config space as memory, and the root buses beside bus 0. */
#ifndef TIDE_EXTRAS_ECAM_H
#define TIDE_EXTRAS_ECAM_H

#include "include/types.h"

/* One window of memory-mapped config space: 1 MiB a bus, first_bus at base. */
struct platform_ecam {
    paddr_t base;
    u16 segment;
    u8 first_bus;
    u8 last_bus;
};

/* The index-th window of ACPI's MCFG, as the table says it; E_NODEV past the end or without ACPI.
 */
must_check int platform_pci_ecam(unsigned index, struct platform_ecam *ecam);

/* The index-th window in use, or NULL past the end. */
const struct platform_ecam *ecam_window(unsigned index);

#endif
