/* SPDX-License-Identifier: BSD-2-Clause */
/* BARs: sizes, kinds, mapping, and the switches that make them decode. */
#include <asm/mmio.h>

#include "tests/fakes/fake_pci_setup.h"
#include "tests/unit/unit.h"

#define PREFETCH_64BIT (PCI_BAR_TYPE_64BIT | PCI_BAR_IS_PREFETCHABLE)

static void scan_all(void)
{
    pci_init(&boot);
    assert_true(pci_scan() > 0);
}

static struct pci_device *claim(const char *text)
{
    struct pci_device *device = at(text);
    pci_claim_bars(device);
    return device;
}

/* ---- sizes and kinds ---- */

PCI_TEST(test_sizes_and_kinds)
{
    static const struct {
        const char *what;
        u32 flags;
        u64 bytes;
        u64 base;
        struct pci_bar expected;
    } cases[] = {
        {"not there", 0, 0, 0, {.kind = PCI_BAR_NONE}},
        {"16 bytes", 0, 16, 0xfe000010, {PCI_BAR_MEMORY, false, false, 0xfe000010, 16}},
        {"32 bit", 0, MIB, 0xfe000000, {PCI_BAR_MEMORY, false, false, 0xfe000000, MIB}},
        {"prefetchable",
         PCI_BAR_IS_PREFETCHABLE,
         2 * GIB,
         0x80000000,
         {PCI_BAR_MEMORY, false, true, 0x80000000, 2 * GIB}},
        {"64 bit low",
         PREFETCH_64BIT,
         16 * KIB,
         0xfe004000,
         {PCI_BAR_MEMORY, true, true, 0xfe004000, 16 * KIB}},
        {"64 bit high",
         PREFETCH_64BIT,
         16 * KIB,
         0x8000004000,
         {PCI_BAR_MEMORY, true, true, 0x8000004000, 16 * KIB}},
        {"64 bit of 8 GiB",
         PCI_BAR_TYPE_64BIT,
         8 * GIB,
         0x8000000000,
         {PCI_BAR_MEMORY, true, false, 0x8000000000, 8 * GIB}},
        {"I/O", PCI_BAR_IS_IO, 32, 0xc040, {PCI_BAR_IO, false, false, 0xc040, 32}},
        {"I/O without an address", PCI_BAR_IS_IO, 4, 0, {PCI_BAR_IO, false, false, 0, 4}},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start_afresh();
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, 2, cases[i].flags, cases[i].bytes, cases[i].base, NULL, NULL);
        scan_all();
        const struct pci_bar *bar = &claim("4")->bars[2];
        const struct pci_bar *expected = &cases[i].expected;
        if (bar->kind != expected->kind || bar->is_64bit != expected->is_64bit ||
            bar->prefetchable != expected->prefetchable || bar->base != expected->base ||
            bar->bytes != expected->bytes)
            fail_msg("%s: kind %d, 64 bit %d, prefetchable %d, base 0x%llx, bytes 0x%llx",
                     cases[i].what, bar->kind, bar->is_64bit, bar->prefetchable,
                     (unsigned long long)bar->base, (unsigned long long)bar->bytes);
        assert_int_equal(fake_pci_get(fake, PCI_BAR0 + 8, 4), (u32)cases[i].base | cases[i].flags);
        assert_int_equal(at("4")->bars[3].kind, PCI_BAR_NONE);
    }
}

PCI_TEST(test_nothing_is_sized_before_it_is_asked_for)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0xfe000000, NULL, NULL);
    scan_all();
    assert_int_equal(fake->nr_bar_writes, 0);
    assert_false(at("4")->bars_known);
    claim("4");
    unsigned once = fake->nr_bar_writes;
    assert_true(once > 0);
    claim("4");
    assert_int_equal(fake->nr_bar_writes, once);
    struct pci_device *gone = at("4");
    fake_pci_remove(fake);
    scan(1);
    unsigned before = fake_pci_nr_config_accesses();
    pci_claim_bars(gone);
    assert_int_equal(fake_pci_nr_config_accesses(), before);
}

/* The fake fails the test if a BAR is written while it decodes. */
PCI_TEST(test_decoding_is_restored)
{
    static const u16 commands[] = {0, 3, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0x0503};
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        start_afresh();
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, 0, 0, MIB, 0xfe000000, NULL, NULL);
        fake_pci_add_bar(fake, 1, 0, MIB, 0, NULL, NULL); /* one to be assigned */
        fake_pci_set(fake, PCI_COMMAND, 2, commands[i]);
        scan_all();
        claim("4");
        assert_int_equal(fake_pci_get(fake, PCI_COMMAND, 2), commands[i]);
        assert_int_equal(fake_pci_get(fake, PCI_BAR0, 4), 0xfe000000);
    }
}

PCI_TEST(test_odd_bars_are_refused)
{
    static const struct {
        unsigned index;
        u32 flags;
        const char *log;
    } cases[] = {
        {5, PCI_BAR_TYPE_64BIT, "BAR 5 has type 2"}, /* no register is left for its upper half */
        {0, PCI_BAR_TYPE_MASK, "BAR 0 has type 3"},  /* reserved */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start_afresh();
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, cases[i].index, cases[i].flags, MIB, 0xfe000000, NULL, NULL);
        scan_all();
        assert_int_equal(claim("4")->bars[cases[i].index].kind, PCI_BAR_NONE);
        assert_logged(cases[i].log);
    }
}

PCI_TEST(test_size_that_is_no_power_of_two)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, MIB, 0, NULL, NULL);
    fake->writable[PCI_BAR0 + 2] = 0x50; /* holes among the bits that stick */
    fake_pci_add_bar(fake, 2, 0, MIB, 0xfe000000, NULL, NULL);
    scan_all();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].kind, PCI_BAR_NONE);
    assert_int_equal(device->bars[0].bytes, 0);
    assert_int_equal(device->bars[2].bytes, MIB);
    assert_logged("which is no size");
}

/* Else the address and an offset inside the BAR could wrap. */
PCI_TEST(test_bits_below_the_size_are_no_address)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PREFETCH_64BIT, 16 * KIB, 0x8000007000, NULL, NULL);
    fake->cleared[PCI_BAR0 + 1] = 0x30; /* they are there until the first write */
    scan_all();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].bytes, 16 * KIB);
    assert_int_equal(device->bars[0].base, 0x8000004000);
}

PCI_TEST(test_64_bit_bar_that_keeps_no_bit)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, 0, 0, NULL, NULL);
    scan_all();
    assert_int_equal(claim("4")->bars[0].kind, PCI_BAR_NONE);
}

PCI_TEST(test_absurd_size_gets_no_address)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, (u64)1 << 63, 0, NULL, NULL);
    fake_pci_add_bar(fake, 2, 0, MIB, 0, NULL, NULL);
    scan_all();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].base, 0);
    assert_true(device->bars[2].base != 0);
    assert_logged("no address for BAR 0 of 0x8000000000000000 bytes");
    volatile void *registers;
    assert_int_equal(pci_map_bar(device, 0, 0, 4, &registers), E_NODEV);
}

/* One line for each BAR without an address, and none again until another occupant comes. */
PCI_TEST(test_only_a_bar_without_an_address_is_an_error_and_only_once)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0xfe000000, NULL, NULL);
    fake_pci_add_bar(fake, 2, PCI_BAR_TYPE_64BIT, (u64)1 << 63, 0, NULL, NULL);
    scan_all();
    claim("4");
    assert_logged("no address for BAR 2 of 0x8000000000000000 bytes");
    assert_null(strstr(fake_console(), "BAR 0"));
    fake_console_clear();
    claim("4");
    assert_string_equal(fake_console(), "");
}

/* A bridge has two BARs; what follows them are its bus numbers and windows. */
/* The upper half of a BAR below 4 GiB says nothing of its size, and is not written. */
PCI_TEST(test_bridge_has_two_bars)
{
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 4, 1, 1);
    fake_pci_add_bar(behind->bridge, 0, PCI_BAR_TYPE_64BIT, 256, 0xfe000000, NULL, NULL);
    scan_all();
    claim("4");
    assert_int_equal(behind->bridge->nr_bar_writes, 2);
    assert_int_equal(at("4")->bars[0].bytes, 256);
    assert_int_equal(at("4")->bars[2].kind, PCI_BAR_NONE);
    assert_int_equal(fake_pci_get(behind->bridge, PCI_BRIDGE_BUSES, 4), 0x00010100);
}

PCI_TEST(test_device_vanishes_while_it_is_sized)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PREFETCH_64BIT, MIB, 0xfe000000, NULL, NULL);
    for (i64 accesses = 0; accesses < 12; accesses++) {
        fake->vanishes_after = -1;
        fake->present = true;
        scan_all();
        fake->vanishes_after = accesses;
        volatile void *registers;
        int status = pci_map_bar(at("4"), 0, 0, 0x100, &registers);
        assert_true(status == OK || status == E_NODEV || status == E_RANGE);
        fake_pci_add_bar(fake, 0, PREFETCH_64BIT, MIB, 0xfe000000, NULL, NULL);
    }
}

/* ---- use ---- */

static u32 read_marker(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    return (u32)offset + bytes;
}

static const struct fake_registers marker = {.read = read_marker};

PCI_TEST(test_map)
{
    static const struct {
        unsigned bar;
        u64 offset;
        u64 bytes;
        int status;
    } cases[] = {
        {4, 0, 0x4000, OK},
        {4, 0x3000, 0x1000, OK},
        {4, 0x3fff, 1, OK},
        {4, 0x3000, 0x1001, E_RANGE},
        {4, 0x4000, 1, E_RANGE},
        {4, 0, 0, E_RANGE},
        {4, 0xffffffffffffffff, 2, E_RANGE},
        {4, 8, 0xffffffffffffffff, E_RANGE},
        {0, 0, 4, E_NODEV}, /* I/O */
        {1, 0, 4, E_NODEV}, /* not implemented */
        {5, 0, 4, E_NODEV}, /* the upper half of BAR 4 */
        {6, 0, 4, E_NODEV},
        {255, 0, 4, E_NODEV},
    };
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_IS_IO, 32, 0xc000, NULL, NULL);
    fake_pci_add_bar(fake, 4, PREFETCH_64BIT, 0x4000, 0x8000004000, &marker, NULL);
    scan_all();
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        volatile void *registers = NULL;
        int status =
            pci_map_bar(at("4"), cases[i].bar, cases[i].offset, cases[i].bytes, &registers);
        if (status != cases[i].status)
            fail_msg("case %u: %d", i, status);
        if (status == OK)
            assert_int_equal(virt_to_phys(registers), 0x8000004000 + cases[i].offset);
    }
    volatile void *registers;
    fake_fail_map_mmio(true);
    assert_int_equal(pci_map_bar(at("4"), 4, 0, 4, &registers), E_NOMEM);
    fake_fail_map_mmio(false);
    fake_pci_switch_on(at("4"));
    assert_int_equal(pci_map_bar(at("4"), 4, 0x1000, 8, &registers), OK);
    assert_int_equal(mmio_read32((volatile u8 *)registers + 4), 0x1004 + 4);
}

PCI_TEST(test_bridges_are_opened)
{
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 3, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 3, 2, 2);
    struct fake_pci_function *fake = fake_pci_add(inner, 4, 0, 0x1af4, 0x1058);
    fake_pci_set(fake, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_IO);
    scan_all();
    const u16 on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    pci_open_bridges(at("2:4.0"));
    assert_int_equal(fake_pci_get(fake, PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_IO);
    assert_int_equal(fake_pci_get(inner->bridge, PCI_COMMAND, 2), on);
    assert_int_equal(fake_pci_get(outer->bridge, PCI_COMMAND, 2), on);
    unsigned before = fake_pci_nr_config_accesses();
    pci_open_bridges(at("2:4.0")); /* they are open: a look at each */
    assert_int_equal(fake_pci_nr_config_accesses() - before, 2);
}
