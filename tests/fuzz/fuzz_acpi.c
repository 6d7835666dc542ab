/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: ACPI's tables as firmware leaves them, from the RSDP to those who read them:
 * processors (MADT), windows of PCI's config space (MCFG), nodes (SRAT), sleep types (DSDT). The
 * input is a row of tables, of which it invents the bodies, lengths, checksums and the entries of
 * the RSDT and XSDT. Nothing outside the arena is read, as the page behind it is not there; a table
 * that is found lies in it, whole, and sums to 0.
 */
#include <sys/mman.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#define platform_pci_ecam acpi_pci_ecam /* fake_platform.c has its own */
#include "extras/ecam/acpi_mcfg.c"
#undef platform_pci_ecam
#include "arch/x86_64/smp/cpu_list.c"
#include "extras/numa/acpi_srat.h"
#include "extras/power/power.h"
#include "include/platform.h"
#include "include/units.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fuzz/fuzz.h"

#define ARENA_BYTES  (2 * PAGE_BYTES)
#define RSDP_BYTES   36
#define TABLES_MAX   8
#define RANGES_MAX   8
#define WINDOWS_MAX  4096
#define BOOT_APIC_ID 3

static const char *const signatures[] = {"RSDT", "XSDT", "APIC", "MCFG",
                                         "SRAT", "FACP", "DSDT", "NONE"};

static u8 *arena;
static struct fuzz_input input;

/* In place of paging.c's: only the arena exists. */
int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    paddr_t base = virt_to_phys(arena);
    bool is_there =
        paddr >= base && paddr <= base + ARENA_BYTES && bytes <= base + ARENA_BYTES - paddr;
    return is_there ? OK : E_RANGE;
}

static void map_arena(void)
{
    arena = mmap(NULL, ARENA_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    FUZZ_CHECK(arena != MAP_FAILED);
    FUZZ_CHECK(mprotect(arena + ARENA_BYTES, PAGE_BYTES, PROT_NONE) == 0);
}

static u8 sum_of(const u8 *start, size_t bytes)
{
    u8 sum = 0;
    while (bytes-- > 0)
        sum = (u8)(sum + *start++);
    return sum;
}

/* One table at the place; where the next begins. Its body: addresses of other places, or bytes. */
static u8 *put_table(u8 *place, u8 flags, size_t entry_bytes)
{
    struct acpi_header *header = (struct acpi_header *)(void *)place;
    u8 *body = place + sizeof(*header);
    size_t room = (size_t)(arena + ARENA_BYTES - body);
    size_t bytes = min_u64(fuzz_take(&input, 1), room);
    memcpy(header->signature, signatures[flags % 8], ACPI_SIGNATURE_BYTES);
    for (size_t at = 0; at < bytes; at += entry_bytes) {
        u64 value = fuzz_take(&input, entry_bytes == 1 ? 1 : 2);
        value += entry_bytes == 1 ? 0 : virt_to_phys(arena);
        memcpy(body + at, &value, min_u64(entry_bytes, bytes - at));
    }
    header->length = flags & 8 ? (u32)fuzz_take(&input, 2) : (u32)(sizeof(*header) + bytes);
    if (!(flags & 16) && header->length <= (u64)(arena + ARENA_BYTES - place))
        header->checksum = (u8)(header->checksum - sum_of(place, header->length));
    return body + bytes;
}

/* The RSDP names the first table as RSDT, the second as XSDT. */
static void build(void)
{
    u8 *places[TABLES_MAX];
    u8 *place = arena + RSDP_BYTES;
    u8 flags = (u8)fuzz_take(&input, 1);
    memset(arena, 0, ARENA_BYTES);
    for (unsigned i = 0; i < TABLES_MAX; i++) {
        places[i] = place;
        if (place + sizeof(struct acpi_header) <= arena + ARENA_BYTES)
            place = put_table(place,
                              (u8)(i < 2 ? (fuzz_take(&input, 1) & ~7u) | i : fuzz_take(&input, 1)),
                              i == 0   ? 4
                              : i == 1 ? 8
                                       : 1);
    }
    memcpy(arena, "RSD PTR ", 8);
    u32 rsdt = (u32)virt_to_phys(places[0]);
    u64 xsdt = virt_to_phys(places[1]);
    arena[15] = flags & 3;
    memcpy(arena + 16, &rsdt, sizeof(rsdt));
    memcpy(arena + 24, &xsdt, sizeof(xsdt));
    arena[8] = (u8)-sum_of(arena, 20);
    arena[32] = (u8)-sum_of(arena, RSDP_BYTES);
}

static void read_windows(void)
{
    struct platform_ecam ecam;
    unsigned i = 0;
    while (acpi_pci_ecam(i, &ecam) == OK)
        FUZZ_CHECK(++i < WINDOWS_MAX);
}

static void read_table(const char *signature, const u8 *table, u32 bytes)
{
    struct platform_node_range ranges[RANGES_MAX];
    u16 types[2];
    FUZZ_CHECK(table >= arena && bytes >= sizeof(struct acpi_header));
    FUZZ_CHECK(bytes <= (u64)(arena + ARENA_BYTES - table));
    FUZZ_CHECK(memcmp(table, signature, ACPI_SIGNATURE_BYTES) == 0 && sum_of(table, bytes) == 0);
    (void)acpi_find_sleep_types(table, bytes, "_S5_", types);
    FUZZ_CHECK(acpi_srat_parse(table, bytes, ranges, RANGES_MAX) <= RANGES_MAX);
}

static void read_processors(const struct boot_info *boot)
{
    struct cpu_list list;
    cpu_list_find(boot, BOOT_APIC_ID, &list);
    FUZZ_CHECK(list.nr >= 1 && list.nr <= CPUS_MAX && list.nr_named <= list.nr);
    FUZZ_CHECK(list.apic_ids[0] == BOOT_APIC_ID);
    for (unsigned i = 0; i < list.nr; i++) {
        FUZZ_CHECK(list.apic_ids[i] != APIC_ID_ALL);
        for (unsigned j = 0; j < i; j++)
            FUZZ_CHECK(list.apic_ids[i] != list.apic_ids[j]);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    static struct boot_info boot;
    if (!arena)
        map_arena();
    input = (struct fuzz_input){data, bytes, 0};
    fake_console_clear();
    build();
    boot.rsdp = virt_to_phys(arena);
    acpi_init(&boot);
    for (unsigned i = 0; i < ARRAY_SIZE(signatures); i++) {
        u32 table_bytes;
        const u8 *table = acpi_find_table(signatures[i], &table_bytes);
        if (table)
            read_table(signatures[i], table, table_bytes);
    }
    read_processors(&boot);
    read_windows();
    return 0;
}
