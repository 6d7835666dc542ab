/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which processors firmware names: ACPI's MADT and the MP table, whole, cut
 * short, with false lengths, and with more processors than fit.
 */
#include <stdlib.h>

#include "arch/x86_64/smp/cpu_list.c"
#include "extras/mp_table/mp_table.c"

#include "tests/unit/unit.h"

#define BOOT_ID 3

static u8 madt[4096];
static u32 madt_bytes; /* 0: there is none */
static u8 low[LOW_MEMORY_END - LAST_KIB_OF_640];

/* In place of acpi.c's and paging.c's. The searched addresses are nowhere: see search below. */
const void *acpi_find_table(const char *signature, u32 *bytes)
{
    assert_string_equal(signature, "APIC");
    *bytes = madt_bytes;
    return madt_bytes != 0 ? madt : NULL;
}

int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    paddr_t base = virt_to_phys(low);

    return paddr >= base && bytes <= sizeof(low) && paddr - base <= sizeof(low) - bytes ? OK
                                                                                        : E_RANGE;
}

static void start(void)
{
    memset(madt, 0, sizeof(madt));
    memset(low, 0, sizeof(low));
    madt_bytes = 0;
}

static void put_entry(const void *entry, u32 bytes)
{
    if (madt_bytes == 0)
        madt_bytes = MADT_ENTRIES_AT;
    memcpy(madt + madt_bytes, entry, bytes);
    madt_bytes += bytes;
}

static void put_apic(u8 id, bool enabled)
{
    u8 entry[] = {MADT_LOCAL_APIC, 8, 0, id, enabled, 0, 0, 0};

    put_entry(entry, sizeof(entry));
}

static void put_x2apic(u32 id)
{
    u8 entry[16] = {MADT_LOCAL_X2APIC, 16, [8] = 1};

    memcpy(entry + 4, &id, sizeof(id));
    put_entry(entry, sizeof(entry));
}

static struct cpu_list find(unsigned package_ids)
{
    struct boot_info boot = {0};
    struct cpu_list list;

    cpu_list_find(&boot, BOOT_ID, package_ids, &list);
    assert_in_range(list.nr, 1, CPUS_MAX);
    assert_in_range(list.nr_named, 1, list.nr);
    assert_int_equal(list.apic_ids[0], BOOT_ID);
    return list;
}

TEST(test_acpi)
{
    start();
    put_apic(0, true);
    put_apic(1, false);
    put_apic(BOOT_ID, true);
    put_x2apic(9);
    put_apic(0, true);
    struct cpu_list list = find(4);
    assert_string_equal(list.source, "ACPI");
    assert_int_equal(list.nr, 3);
    assert_int_equal(list.nr_named, 3);
    assert_int_equal(list.apic_ids[1], 0);
    assert_int_equal(list.apic_ids[2], 9);
}

TEST(test_ids_that_cannot_be_addressed)
{
    start();
    put_apic(APIC_ID_ALL, true);
    put_x2apic(256);
    put_x2apic(254);
    struct cpu_list list = find(1);
    assert_int_equal(list.nr, 2);
    assert_int_equal(list.apic_ids[1], 254);
}

TEST(test_more_than_fit)
{
    start();
    for (unsigned id = 0; id < 200; id++)
        put_apic((u8)id, true);
    assert_int_equal(find(1).nr, CPUS_MAX);
}

/* Entries that end within others, or never: what came before them counts. */
TEST(test_false_entries)
{
    static const u8 lengths[] = {0, 1, 9, 255};

    for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
        u8 entry[] = {MADT_LOCAL_APIC, lengths[i], 0, 7, 1, 0, 0, 0};

        start();
        put_apic(5, true);
        put_entry(entry, sizeof(entry));
        struct cpu_list list = find(1);
        assert_int_equal(list.nr, 2);
        assert_int_equal(list.apic_ids[1], 5);
    }
}

TEST(test_an_entry_too_short_for_its_type)
{
    u8 entry[] = {MADT_LOCAL_APIC, 4, 0, 7};

    start();
    put_entry(entry, sizeof(entry));
    put_apic(5, true);
    assert_int_equal(find(1).nr, 2);
}

TEST(test_nothing_but_the_package)
{
    start();
    struct cpu_list list = find(4);
    assert_string_equal(list.source, "CPUID");
    assert_int_equal(list.nr_named, 1);
    assert_int_equal(list.nr, 4);
    assert_int_equal(list.apic_ids[1], 0);
    assert_int_equal(list.apic_ids[3], 2);
    assert_int_equal(find(1).nr, 1);
}

/* ---- the MP table, read where it lies ---- */

static struct mp_table *put_mp_table(const u8 *ids, unsigned nr, u16 nr_entries)
{
    struct mp_table *table = (struct mp_table *)(void *)low;
    u8 *entry = (u8 *)(table + 1);

    *table = (struct mp_table){.signature = {'P', 'C', 'M', 'P'}, .nr_entries = nr_entries};
    *entry = 1; /* a bus, to be passed over */
    entry += MP_OTHER_BYTES;
    for (unsigned i = 0; i < nr; i++, entry += MP_PROCESSOR_BYTES) {
        entry[1] = ids[i];
        entry[3] = ids[i] != 6; /* 6 is disabled */
    }
    table->bytes = (u16)(entry - low);
    return table;
}

static struct cpu_list read_table(const struct mp_table *table)
{
    struct cpu_list list = {.nr = 1, .apic_ids = {BOOT_ID}};

    read_mp_table(table, &list);
    return list;
}

TEST(test_mp_table)
{
    static const u8 ids[] = {BOOT_ID, 4, 6, 8};

    start();
    struct cpu_list list = read_table(put_mp_table(ids, 4, 5));
    assert_int_equal(list.nr, 3);
    assert_int_equal(list.apic_ids[1], 4);
    assert_int_equal(list.apic_ids[2], 8);
}

TEST(test_mp_table_cut_short)
{
    static const u8 ids[] = {4, 5};

    start();
    struct mp_table *table = put_mp_table(ids, 2, 0xffff);
    table->bytes--; /* within the last entry */
    assert_int_equal(read_table(table).nr, 2);
    assert_int_equal(read_table(put_mp_table(ids, 2, 2)).nr, 2);
}

TEST(test_mp_pointer)
{
    struct mp_pointer pointer = {.signature = {'_', 'M', 'P', '_'}, .length = 1, .revision = 4};
    u8 *place = (u8 *)phys_to_virt(align_up(virt_to_phys(low), MP_ALIGNMENT)) + 5 * MP_ALIGNMENT;
    paddr_t begin = virt_to_phys(place) - 5 * MP_ALIGNMENT;
    u8 sum = 0;

    start();
    for (unsigned i = 0; i < sizeof(pointer); i++)
        sum = (u8)(sum + ((const u8 *)&pointer)[i]);
    pointer.checksum = (u8)-sum;
    memcpy(place, &pointer, sizeof(pointer));
    assert_ptr_equal(search_pointer(begin, begin + 256), place);
    assert_null(search_pointer(begin, begin + 5 * MP_ALIGNMENT));
    place[7] ^= 1;
    assert_null(search_pointer(begin, begin + 256));
}
