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

/* ---- acpi_power.c: fixed hardware ---- */

/* Find Name(_Sn_, Package {a, b, ...}): what to write to the two control registers. */
bool acpi_find_sleep_types(const u8 *aml, u32 bytes, const char *state, u16 types[2]);

/* Go to the sleep state of these types. Returns only if the machine has not done so within
 * ACPI_STATE_SECONDS. */
void acpi_enter_state(const u16 types[2]);

/* ---- acpi_sleep.c ---- */

/* Where to look, once somebody asks, how S3 is reached. Both are mapped and checked. */
void acpi_sleep_set_tables(const u8 *fadt, const u8 *dsdt, u32 dsdt_bytes);

#endif
