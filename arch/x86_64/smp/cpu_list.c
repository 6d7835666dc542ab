/* SPDX-License-Identifier: BSD-2-Clause */
/* See cpu_list.h. A table that has a wrong checksum is as if it were absent. */
#include "arch/x86_64/smp/cpu_list.h"

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "include/extra.h"
#include "lib/log.h"
#include "lib/string.h"

#define MADT_ENTRIES_AT       44 /* after the header, the local APIC's address and flags */
#define MADT_LOCAL_APIC       0
#define MADT_LOCAL_APIC_BYTES 8
#define MADT_LOCAL_X2APIC     9
#define MADT_X2APIC_BYTES     16
#define MADT_ENABLED          1

void cpu_list_add(struct cpu_list *list, u32 apic_id)
{
    if (apic_id >= APIC_ID_ALL) {
        log_warning(LOG_ARCH, "cpu", "processor with APIC id %u left out, expected at most %u",
                    apic_id, APIC_ID_ALL - 1);
        return;
    }
    for (unsigned i = 0; i < list->nr; i++) {
        if (list->apic_ids[i] == apic_id)
            return;
    }
    if (list->nr == CPUS_MAX) {
        log_warning(LOG_ARCH, "cpu", "processor with APIC id %u left out: more than %d", apic_id,
                    CPUS_MAX);
        return;
    }
    list->apic_ids[list->nr++] = (u8)apic_id;
}

static u32 read32(const u8 *bytes)
{
    u32 value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void read_madt(const u8 *madt, u32 bytes, struct cpu_list *list)
{
    u32 at = MADT_ENTRIES_AT;

    while (at + 2 <= bytes) {
        const u8 *entry = madt + at;
        u8 type = entry[0];
        u8 length = entry[1];

        if (length < 2 || length > bytes - at) {
            log_warning(LOG_ARCH, "cpu", "MADT: entry of %u bytes at %u of %u; the rest is ignored",
                        length, at, bytes);
            return;
        }
        if (type == MADT_LOCAL_APIC && length >= MADT_LOCAL_APIC_BYTES &&
            (entry[4] & MADT_ENABLED) != 0)
            cpu_list_add(list, entry[3]);
        if (type == MADT_LOCAL_X2APIC && length >= MADT_X2APIC_BYTES &&
            (entry[8] & MADT_ENABLED) != 0)
            cpu_list_add(list, read32(entry + 4));
        at += length;
    }
}

void cpu_list_find(const struct boot_info *boot, u8 boot_apic_id, struct cpu_list *list)
{
    u32 bytes;
    const u8 *madt = acpi_find_table("APIC", &bytes);

    *list = (struct cpu_list){.nr_named = 1, .nr = 1, .apic_ids = {boot_apic_id}};
    if (madt != NULL) {
        list->source = "ACPI";
        read_madt(madt, bytes, list);
        list->nr_named = list->nr;
    } else {
        EXTRAS_CALL(find_cpus, boot, list);
    }
}
