/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI's tables as firmware may leave them: whole, with a false length,
 * with a wrong checksum, out of reach. Nothing outside the arena may be read:
 * the page behind it is not there.
 */
#include <sys/mman.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/arch.h"
#include "arch/x86_64/paging.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define ARENA_BYTES (4 * PAGE_BYTES)

#define RSDP_AT 0x000
#define RSDT_AT 0x100
#define XSDT_AT 0x200
#define FACP_AT 0x400
#define MCFG_AT 0x600

struct rsdp {
    char signature[8];
    u8 checksum;
    char oem_id[6];
    u8 revision;
    u32 rsdt;
    u32 length;
    u64 xsdt;
    u8 extended_checksum;
    u8 reserved[3];
} packed_abi;

static u8 *arena;
static struct boot_info boot;

/* In place of paging.c's: only the arena exists. */
int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    paddr_t base = virt_to_phys(arena);

    if (paddr < base || paddr > base + ARENA_BYTES || bytes > base + ARENA_BYTES - paddr)
        return E_RANGE;
    return OK;
}

static paddr_t at(u64 offset)
{
    return virt_to_phys(arena + offset);
}

static u8 sum_of(const void *start, size_t bytes)
{
    const u8 *byte = start;
    u8 sum = 0;

    while (bytes-- > 0)
        sum = (u8)(sum + *byte++);
    return sum;
}

static struct acpi_header *header_at(u64 offset)
{
    return (struct acpi_header *)(void *)(arena + offset);
}

static void seal(u64 offset)
{
    struct acpi_header *header = header_at(offset);

    header->checksum = 0;
    header->checksum = (u8)-sum_of(header, header->length);
}

static void put_table(u64 offset, const char *signature, const void *body, u32 bytes)
{
    struct acpi_header *header = header_at(offset);

    memset(header, 0, sizeof(*header));
    memcpy(header->signature, signature, ACPI_SIGNATURE_BYTES);
    header->length = (u32)sizeof(*header) + bytes;
    memcpy(header + 1, body, bytes);
    seal(offset);
}

static void put_rsdp(u8 revision)
{
    struct rsdp *rsdp = (struct rsdp *)(void *)(arena + RSDP_AT);

    *rsdp = (struct rsdp){.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
                          .revision = revision,
                          .rsdt = (u32)at(RSDT_AT),
                          .length = sizeof(*rsdp),
                          .xsdt = at(XSDT_AT)};
    rsdp->checksum = (u8)-sum_of(rsdp, 20);
    rsdp->extended_checksum = (u8)-sum_of(rsdp, sizeof(*rsdp));
}

/* The RSDT names FACP alone, the XSDT FACP and MCFG. */
static void setup(void)
{
    arena = mmap(NULL, ARENA_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    assert_true(arena != MAP_FAILED);
    assert_int_equal(mprotect(arena + ARENA_BYTES, PAGE_BYTES, PROT_NONE), 0);
    u32 rsdt[] = {(u32)at(FACP_AT)};
    u64 xsdt[] = {at(FACP_AT), 0, at(MCFG_AT)};
    put_table(RSDT_AT, "RSDT", rsdt, sizeof(rsdt));
    put_table(XSDT_AT, "XSDT", xsdt, sizeof(xsdt));
    put_table(FACP_AT, "FACP", "body", 4);
    put_table(MCFG_AT, "MCFG", "another body", 12);
    put_rsdp(2);
    boot.rsdp = at(RSDP_AT);
    boot.ebda = 0;
    fake_console_clear();
}

static void teardown(void)
{
    assert_int_equal(munmap(arena, ARENA_BYTES + PAGE_BYTES), 0);
}

static bool has(const char *signature)
{
    u32 bytes;

    return acpi_find_table(signature, &bytes) != NULL;
}

TEST_WITH(test_tables_are_found, setup, teardown)
{
    u32 bytes = 0;

    acpi_init(&boot);
    assert_ptr_equal(acpi_find_table("FACP", &bytes), arena + FACP_AT);
    assert_int_equal(bytes, sizeof(struct acpi_header) + 4);
    assert_ptr_equal(acpi_find_table("MCFG", &bytes), arena + MCFG_AT);
    assert_false(has("SRAT"));
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_rsdt_without_xsdt, setup, teardown)
{
    put_rsdp(0);
    acpi_init(&boot);
    assert_true(has("FACP"));
    assert_false(has("MCFG"));

    put_rsdp(2);
    header_at(XSDT_AT)->checksum++;
    acpi_init(&boot);
    assert_true(has("FACP"));
    assert_false(has("MCFG"));
    assert_non_null(strstr(fake_console(), "acpi: warning: table XSDT"));
    assert_non_null(strstr(fake_console(), "wrong checksum"));
}

TEST_WITH(test_no_rsdp, setup, teardown)
{
    acpi_init(&boot);
    assert_true(has("FACP"));

    arena[RSDP_AT + 15] ^= 4;
    acpi_init(&boot);
    assert_false(has("FACP"));
    assert_non_null(strstr(fake_console(), "acpi: warning: the loader's RSDP at 0x"));

    boot.rsdp = (paddr_t)1 << 60;
    acpi_init(&boot);
    assert_false(has("FACP"));
    fake_console_clear();
    boot.rsdp = 0;
    acpi_init(&boot);
    assert_false(has("FACP"));
    assert_string_equal(fake_console(), ""); /* a machine without ACPI is no cause for words */
}

TEST_WITH(test_false_tables, setup, teardown)
{
    static const u32 lengths[] = {0, 35, ARENA_BYTES, 0x7fffffff, 0xffffffff};

    acpi_init(&boot);
    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        fake_console_clear();
        header_at(FACP_AT)->length = lengths[i];
        assert_false(has("FACP"));
        assert_non_null(strstr(fake_console(), "acpi: warning: table FACP"));
        assert_true(has("MCFG"));
    }
    header_at(FACP_AT)->length = 40;
    assert_true(has("FACP"));
    arena[FACP_AT + 38]++;
    assert_false(has("FACP"));

    /* An entry that points nowhere, and one at the very end of what can be read. */
    u64 xsdt[] = {(u64)1 << 52, at(ARENA_BYTES - ACPI_SIGNATURE_BYTES), at(MCFG_AT)};
    memcpy(arena + ARENA_BYTES - ACPI_SIGNATURE_BYTES, "SRAT", ACPI_SIGNATURE_BYTES);
    put_table(XSDT_AT, "XSDT", xsdt, sizeof(xsdt));
    acpi_init(&boot);
    fake_console_clear();
    assert_true(has("MCFG"));
    assert_false(has("SRAT"));
    assert_non_null(strstr(fake_console(), "cannot be mapped"));
}
