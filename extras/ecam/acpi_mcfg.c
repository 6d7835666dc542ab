/* SPDX-License-Identifier: BSD-2-Clause */
/* Where PCI's config space is mapped: ACPI's table MCFG (PCI Firmware Specification 3.3, 4.1.2). */
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "extras/ecam/ecam.h"
#include "include/status.h"

struct acpi_mcfg_entry {
    u64 base;
    u16 segment;
    u8 first_bus;
    u8 last_bus;
    u32 reserved;
} packed_abi;

struct acpi_mcfg {
    struct acpi_header header;
    u64 reserved;
    struct acpi_mcfg_entry entries[];
} packed_abi;

_Static_assert(sizeof(struct acpi_mcfg_entry) == 16, "the specification's layout");

int platform_pci_ecam(unsigned index, struct platform_ecam *ecam)
{
    u32 bytes;
    const struct acpi_mcfg *mcfg = acpi_find_table("MCFG", &bytes);

    if (mcfg == NULL || bytes < sizeof(*mcfg) ||
        index >= (bytes - sizeof(*mcfg)) / sizeof(mcfg->entries[0]))
        return E_NODEV;
    const struct acpi_mcfg_entry *entry = &mcfg->entries[index];
    *ecam = (struct platform_ecam){
        .base = entry->base,
        .segment = entry->segment,
        .first_bus = entry->first_bus,
        .last_bus = entry->last_bus,
    };
    return OK;
}
