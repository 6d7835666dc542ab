/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's S3: the types to write, and the word in the FACS that tells firmware
 * where to wake. The FACS is firmware's memory, mapped writable for that word.
 */
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "asm/cpu.h"
#include "extras/page_rights/page_rights.h"
#include "extras/power/power.h"
#include "extras/suspend/suspend.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/string.h"

#define FADT_FACS_32  36
#define FADT_FACS_64  132
#define FADT_BYTES_64 140

struct acpi_facs {
    char signature[4];
    u32 length;
    u32 hardware;
    u32 waking_vector; /* physical address, real mode */
    u32 global_lock;
    u32 flags;
    u64 waking_vector_64; /* used instead of the other where it is not 0 */
    u8 reserved[32];
} packed_abi;

_Static_assert(sizeof(struct acpi_facs) == 64, "ACPI's layout");

static struct acpi_facs *facs; /* NULL: not found, or not looked for yet */
static u16 sleep_types[2];

/* 0: there is none. */
static u64 facs_address(void)
{
    u32 table_bytes;
    const u8 *fadt = acpi_find_table("FACP", &table_bytes);
    u32 low;
    u64 address;

    if (fadt == NULL || table_bytes < FADT_FACS_32 + sizeof(low))
        return 0;
    memcpy(&low, fadt + FADT_FACS_32, sizeof(low));
    if (low != 0 || table_bytes < FADT_BYTES_64)
        return low;
    memcpy(&address, fadt + FADT_FACS_64, sizeof(address));
    return address;
}

static struct acpi_facs *find_facs(void)
{
    if (!acpi_find_sleep_state("_S3_", sleep_types))
        return NULL;
    u64 address = facs_address();
    struct acpi_facs *found = phys_to_virt(address);
    if (address == 0)
        return NULL;
    if (paging_map_firmware(address, sizeof(*found)) != OK ||
        memcmp(found->signature, "FACS", sizeof(found->signature)) != 0 ||
        found->length < sizeof(*found)) {
        log_warning(LOG_ARCH, "acpi", "no FACS at 0x%llx; the machine cannot sleep",
                    (unsigned long long)address);
        return NULL;
    }
    return found;
}

bool acpi_can_sleep(void)
{
    if (facs == NULL)
        facs = find_facs();
    return facs != NULL && paging_make_writable(virt_to_phys(facs), sizeof(*facs)) == OK;
}

void acpi_sleep(paddr_t page)
{
    facs->waking_vector = (u32)page;
    facs->waking_vector_64 = 0;
    cpu_write_back_caches();
    acpi_enter_state(sleep_types);
    facs->waking_vector = 0;
}
