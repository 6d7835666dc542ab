/* SPDX-License-Identifier: BSD-2-Clause */
/* A table of any bytes at any address, where memory may be mapped or not. */
#include "include/platform.h"
#include "tests/proofs/kernel.h"

static u8 table[64] __attribute__((aligned(8)));

#define phys_to_virt(paddr) ((void)(paddr), (void *)table)
#include "arch/x86_64/acpi.c"

static u64 mapped_bytes; /* from the table's address on */
static paddr_t at;

int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    PROVE(paddr == at && bytes != 0);
    if (nondet_bool())
        return E_RANGE;
    mapped_bytes = max_u64(mapped_bytes, bytes);
    return OK;
}

void harness(void)
{
    __CPROVER_havoc_object(table);
    const struct acpi_header *header = (const struct acpi_header *)table;
    at = nondet_u64();
    ASSUME(header->length <= sizeof(table) || header->length > TABLE_BYTES_MAX);

    const struct acpi_header *found = open_table(at);
    PROVE(found == NULL || (found == header && at != 0));
    if (!found)
        return;
    PROVE(found->length >= sizeof(*found) && found->length <= mapped_bytes);
    u8 sum = 0;
    for (unsigned i = 0; i < sizeof(table) && i < found->length; i++)
        sum = (u8)(sum + table[i]);
    PROVE(sum == 0);
}
