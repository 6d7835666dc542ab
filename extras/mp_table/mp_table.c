/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processors a machine without ACPI has: the table of the MultiProcessor Specification 1.4,
 * and CPUID. The table may name one processor of each package and leave the others to CPUID.
 *
 * Firmware is not trusted: each field is bounded, and a table with a wrong checksum is as if it
 * were absent.
 */
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpu_list.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/string.h"

#define MP_ALIGNMENT       16
#define MP_SEARCH_BYTES    KIB
#define LAST_KIB_OF_640    0x9fc00
#define LOW_MEMORY_END     0xa0000
#define BIOS_ROM           0xf0000
#define BIOS_ROM_END       0x100000
#define MP_PROCESSOR       0
#define MP_PROCESSOR_BYTES 20
#define MP_OTHER_BYTES     8
#define MP_ENABLED         1

struct mp_pointer {
    char signature[4];
    u32 table;
    u8 length; /* in units of 16 bytes */
    u8 revision;
    u8 checksum;
    u8 default_configuration; /* 0: there is a table */
    u8 features[4];
} packed_abi;

struct mp_table {
    char signature[4];
    u16 bytes;
    u8 revision;
    u8 checksum;
    char vendor[20];
    u32 vendor_table;
    u16 vendor_table_bytes;
    u16 nr_entries;
    u32 apic;
    u16 extended_bytes;
    u8 extended_checksum;
    u8 reserved;
} packed_abi;

_Static_assert(sizeof(struct mp_pointer) == 16, "the specification's layout");
_Static_assert(sizeof(struct mp_table) == 44, "the specification's layout");

static bool sums_to_zero(const void *start, u64 bytes)
{
    const u8 *byte = start;
    u8 sum = 0;

    while (bytes-- > 0)
        sum = (u8)(sum + *byte++);
    return sum == 0;
}

static const struct mp_pointer *search_pointer(paddr_t start, paddr_t end)
{
    if (start >= end || paging_map_firmware(start, end - start) != OK)
        return NULL;
    for (; start + sizeof(struct mp_pointer) <= end; start += MP_ALIGNMENT) {
        const struct mp_pointer *pointer = phys_to_virt(start);

        if (memcmp(pointer->signature, "_MP_", 4) == 0 && pointer->length == 1 &&
            sums_to_zero(pointer, sizeof(*pointer)))
            return pointer;
    }
    return NULL;
}

static const struct mp_table *find_mp_table(paddr_t ebda)
{
    const struct mp_pointer *pointer = NULL;

    if (ebda != 0 && ebda < LOW_MEMORY_END)
        pointer = search_pointer(align_up(ebda, MP_ALIGNMENT),
                                 min_u64(ebda + MP_SEARCH_BYTES, LOW_MEMORY_END));
    if (pointer == NULL)
        pointer = search_pointer(LAST_KIB_OF_640, LOW_MEMORY_END);
    if (pointer == NULL)
        pointer = search_pointer(BIOS_ROM, BIOS_ROM_END);
    if (pointer == NULL || pointer->table == 0 || pointer->default_configuration != 0)
        return NULL;
    const struct mp_table *table = phys_to_virt(pointer->table);
    if (paging_map_firmware(pointer->table, sizeof(*table)) == OK &&
        memcmp(table->signature, "PCMP", 4) == 0 && table->bytes >= sizeof(*table) &&
        paging_map_firmware(pointer->table, table->bytes) == OK &&
        sums_to_zero(table, table->bytes))
        return table;
    log_warning(LOG_ARCH, "cpu", "the MP table at 0x%x is none; ignored", pointer->table);
    return NULL;
}

static void read_mp_table(const struct mp_table *table, struct cpu_list *list)
{
    const u8 *entry = (const u8 *)(table + 1);
    const u8 *end = (const u8 *)table + table->bytes;

    for (unsigned i = 0; i < table->nr_entries && entry < end; i++) {
        unsigned length = entry[0] == MP_PROCESSOR ? MP_PROCESSOR_BYTES : MP_OTHER_BYTES;

        if (length > (u64)(end - entry))
            return;
        if (entry[0] == MP_PROCESSOR && (entry[3] & MP_ENABLED) != 0)
            cpu_list_add(list, entry[1]);
        entry += length;
    }
}

/* Every id that may share a package with those named. */
static void add_packages(unsigned package_ids, struct cpu_list *list)
{
    for (unsigned i = 0; i < list->nr_named; i++) {
        u32 first = list->apic_ids[i] & ~(package_ids - 1);

        for (u32 id = first; id < first + package_ids && id < APIC_ID_ALL; id++)
            cpu_list_add(list, id);
    }
}

static void find_cpus(const struct boot_info *boot, unsigned package_ids, struct cpu_list *list)
{
    const struct mp_table *table = find_mp_table(boot->ebda);

    list->source = table != NULL ? "the MP table" : "CPUID";
    if (table != NULL)
        read_mp_table(table, list);
    list->nr_named = list->nr;
    add_packages(package_ids, list);
}

EXTRA(mp_table) = {
    .name = "mp_table",
    .find_cpus = find_cpus,
};
