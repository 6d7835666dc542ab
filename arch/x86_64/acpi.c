/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's tables, found from the RSDP.
 *
 * Firmware is not trusted: each address, length and checksum is checked before a table is used. A
 * table that fails is ignored, with a warning. Only static tables are read; no AML is interpreted.
 */
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/string.h"

#define TABLE_BYTES_MAX (1 * MIB)

#define RSDP_ALIGNMENT    16
#define BIOS_AREA         0xe0000
#define BIOS_AREA_END     0x100000
#define EBDA_SEARCH_BYTES KIB
#define LOW_MEMORY_END    0xa0000

struct acpi_rsdp {
    char signature[8];
    u8 checksum; /* of the first 20 bytes */
    char oem_id[6];
    u8 revision; /* from 2 on, the fields after rsdt are there */
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum;
    u8 reserved[3];
} packed_abi;

_Static_assert(sizeof(struct acpi_rsdp) == 36, "ACPI's layout");

#define RSDP_BYTES_OF_REVISION_0 20

/* The RSDT or XSDT: an array of addresses of 4 or 8 bytes behind the header. */
static const struct acpi_header *root_table;
static unsigned root_entry_bytes;

static bool sums_to_zero(const void *start, u64 bytes)
{
    const u8 *byte = start;
    u8 sum = 0;

    while (bytes-- > 0)
        sum = (u8)(sum + *byte++);
    return sum == 0;
}

/* Map and check the table at an address; NULL with a warning. */
static const struct acpi_header *open_table(paddr_t paddr)
{
    const struct acpi_header *header = phys_to_virt(paddr);

    if (paddr == 0 || paging_map_firmware(paddr, sizeof(*header)) != OK) {
        log_warning(LOG_ARCH, "acpi", "table at 0x%llx cannot be mapped; ignored",
                    (unsigned long long)paddr);
        return NULL;
    }
    if (header->length < sizeof(*header) || header->length > TABLE_BYTES_MAX ||
        paging_map_firmware(paddr, header->length) != OK) {
        log_warning(LOG_ARCH, "acpi",
                    "table %.4s at 0x%llx of %u bytes, expected %zu to %llu; ignored",
                    header->signature, (unsigned long long)paddr, header->length, sizeof(*header),
                    (unsigned long long)TABLE_BYTES_MAX);
        return NULL;
    }
    if (!sums_to_zero(header, header->length)) {
        log_warning(LOG_ARCH, "acpi", "table %.4s at 0x%llx has a wrong checksum; ignored",
                    header->signature, (unsigned long long)paddr);
        return NULL;
    }
    return header;
}

static bool is_rsdp(const struct acpi_rsdp *rsdp)
{
    return memcmp(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature)) == 0 &&
           sums_to_zero(rsdp, RSDP_BYTES_OF_REVISION_0);
}

static const struct acpi_rsdp *search_rsdp(paddr_t start, paddr_t end)
{
    if (paging_map_firmware(start, end - start) != OK)
        return NULL;
    for (; start + sizeof(struct acpi_rsdp) <= end; start += RSDP_ALIGNMENT)
        if (is_rsdp(phys_to_virt(start)))
            return phys_to_virt(start);
    return NULL;
}

/* The loader named it, or it lies where a BIOS leaves it. */
static const struct acpi_rsdp *find_rsdp(paddr_t named, paddr_t ebda)
{
    const struct acpi_rsdp *rsdp = NULL;

    if (named != 0) {
        if (paging_map_firmware(named, sizeof(*rsdp)) == OK && is_rsdp(phys_to_virt(named)))
            return phys_to_virt(named);
        log_warning(LOG_ARCH, "acpi", "the loader's RSDP at 0x%llx is none; searching",
                    (unsigned long long)named);
    }
    if (ebda != 0 && ebda < LOW_MEMORY_END)
        rsdp = search_rsdp(ebda, min_u64(ebda + EBDA_SEARCH_BYTES, LOW_MEMORY_END));
    return rsdp != NULL ? rsdp : search_rsdp(BIOS_AREA, BIOS_AREA_END);
}

void acpi_init(const struct boot_info *boot)
{
    const struct acpi_rsdp *rsdp = find_rsdp(boot->rsdp, boot->ebda);

    root_table = NULL;
    if (rsdp == NULL)
        return;
    if (rsdp->revision >= 2 && rsdp->xsdt != 0 && sums_to_zero(rsdp, sizeof(*rsdp))) {
        root_table = open_table(rsdp->xsdt);
        root_entry_bytes = sizeof(u64);
    }
    if (root_table == NULL) {
        root_table = open_table(rsdp->rsdt);
        root_entry_bytes = sizeof(u32);
    }
}

const void *acpi_find_table(const char *signature, u32 *bytes)
{
    if (root_table == NULL)
        return NULL;
    u32 nr_entries = (u32)((root_table->length - sizeof(*root_table)) / root_entry_bytes);
    const u8 *entry = (const u8 *)(root_table + 1);
    for (u32 i = 0; i < nr_entries; i++, entry += root_entry_bytes) {
        u64 paddr = 0;

        memcpy(&paddr, entry, root_entry_bytes);
        if (paddr == 0 || paging_map_firmware(paddr, ACPI_SIGNATURE_BYTES) != OK ||
            memcmp(phys_to_virt(paddr), signature, ACPI_SIGNATURE_BYTES) != 0)
            continue;
        const struct acpi_header *header = open_table(paddr);
        if (header == NULL)
            continue;
        *bytes = header->length;
        return header;
    }
    return NULL;
}

const void *acpi_open_table(paddr_t paddr, u32 *bytes)
{
    const struct acpi_header *header = open_table(paddr);

    if (header != NULL)
        *bytes = header->length;
    return header;
}
