/* SPDX-License-Identifier: BSD-2-Clause */
/* What every ACPI table begins with. arch.h has the functions. */
#ifndef TIDE_ARCH_ACPI_H
#define TIDE_ARCH_ACPI_H

#include "include/types.h"

#define ACPI_SIGNATURE_BYTES 4

struct acpi_header {
    char signature[ACPI_SIGNATURE_BYTES];
    u32 length;
    u8 revision;
    u8 checksum;
    char oem_id[6];
    char oem_table_id[8];
    u32 oem_revision;
    u32 creator_id;
    u32 creator_revision;
} packed_abi;

_Static_assert(sizeof(struct acpi_header) == 36, "ACPI's layout");

#endif
