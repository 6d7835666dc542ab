/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BARs: sizes and kinds, addresses that firmware gave, gave wrongly or did not
 * give, bridge windows, and mapping.
 */
#include <asm/mmio.h>

#include "tests/unit/unit.h"

#include "include/status.h"
#include "include/units.h"
#include "tests/unit/fake_pci.h"
#include "tests/unit/fake_platform.h"

#define PREFETCH_64BIT (PCI_BAR_TYPE_64BIT | PCI_BAR_IS_PREFETCHABLE)

static struct boot_info boot;
static struct fake_pci_bus *root;

static int set_up(void **state)
{
    (void)state;
    fake_boot(&boot, 64 * MIB);
    root = fake_pci_start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_pci_stop();
    fake_shutdown();
    return 0;
}

static void scan(void)
{
    pci_init(&boot);
    assert_true(pci_scan() > 0);
}

static struct pci_device *at(const char *text)
{
    struct pci_address address;
    assert_int_equal(pci_parse_address(text, &address), OK);
    struct pci_device *device = pci_find(address);
    assert_non_null(device);
    return device;
}

static struct pci_device *claim(const char *text)
{
    struct pci_device *device = at(text);
    pci_claim_bars(device);
    return device;
}

static void assert_logged(const char *text)
{
    if (!strstr(fake_console(), text))
        fail_msg("'%s' is not in the log: %s", text, fake_console());
}

/* ---- sizes and kinds ---- */

static void test_sizes_and_kinds(void **state)
{
    (void)state;
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
        tear_down(NULL);
        set_up(NULL);
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, 2, cases[i].flags, cases[i].bytes, cases[i].base, NULL, NULL);
        scan();
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

static void test_nothing_is_sized_before_it_is_asked_for(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0xfe000000, NULL, NULL);
    scan();
    assert_int_equal(fake->nr_bar_writes, 0);
    assert_false(at("4")->bars_known);
    claim("4");
    unsigned once = fake->nr_bar_writes;
    assert_true(once > 0);
    claim("4");
    assert_int_equal(fake->nr_bar_writes, once);
}

/* The fake fails the test if a BAR is written while it decodes. */
static void test_decoding_is_restored(void **state)
{
    (void)state;
    static const u16 commands[] = {0, 3, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0x0503};
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        tear_down(NULL);
        set_up(NULL);
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, 0, 0, MIB, 0xfe000000, NULL, NULL);
        fake_pci_add_bar(fake, 1, 0, MIB, 0, NULL, NULL); /* one to be assigned */
        fake_pci_set(fake, PCI_COMMAND, 2, commands[i]);
        scan();
        claim("4");
        assert_int_equal(fake_pci_get(fake, PCI_COMMAND, 2), commands[i]);
        assert_int_equal(fake_pci_get(fake, PCI_BAR0, 4), 0xfe000000);
    }
}

static void test_odd_bars_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned index;
        u32 flags;
        const char *log;
    } cases[] = {
        {5, PCI_BAR_TYPE_64BIT, "BAR 5 has type 2"}, /* no register is left for its upper half */
        {0, PCI_BAR_TYPE_MASK, "BAR 0 has type 3"},  /* reserved */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down(NULL);
        set_up(NULL);
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, cases[i].index, cases[i].flags, MIB, 0xfe000000, NULL, NULL);
        scan();
        assert_int_equal(claim("4")->bars[cases[i].index].kind, PCI_BAR_NONE);
        assert_logged(cases[i].log);
    }
}

static void test_size_that_is_no_power_of_two(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, MIB, 0, NULL, NULL);
    fake->writable[PCI_BAR0 + 2] = 0x50; /* holes among the bits that stick */
    fake_pci_add_bar(fake, 2, 0, MIB, 0xfe000000, NULL, NULL);
    scan();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].kind, PCI_BAR_NONE);
    assert_int_equal(device->bars[0].bytes, 0);
    assert_int_equal(device->bars[2].bytes, MIB);
    assert_logged("which is no size");
}

static void test_64_bit_bar_that_keeps_no_bit(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, 0, 0, NULL, NULL);
    scan();
    assert_int_equal(claim("4")->bars[0].kind, PCI_BAR_NONE);
}

static void test_absurd_size_gets_no_address(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, (u64)1 << 63, 0, NULL, NULL);
    fake_pci_add_bar(fake, 2, 0, MIB, 0, NULL, NULL);
    scan();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].base, 0);
    assert_true(device->bars[2].base != 0);
    assert_logged("no free address for BAR 0 of 0x8000000000000000 bytes");
    volatile void *registers;
    assert_int_equal(pci_map_bar(device, 0, 0, 4, &registers), E_NODEV);
}

/* A bridge has two BARs; what follows them are its bus numbers and windows. */
static void test_bridge_has_two_bars(void **state)
{
    (void)state;
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 4, 1, 1);
    fake_pci_add_bar(behind->bridge, 0, PCI_BAR_TYPE_64BIT, 256, 0xfe000000, NULL, NULL);
    scan();
    claim("4");
    assert_int_equal(behind->bridge->nr_bar_writes, 4);
    assert_int_equal(fake_pci_get(behind->bridge, PCI_BRIDGE_BUSES, 4), 0x00010100);
}

static void test_device_vanishes_while_it_is_sized(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PREFETCH_64BIT, MIB, 0xfe000000, NULL, NULL);
    for (i64 accesses = 0; accesses < 12; accesses++) {
        fake->vanishes_after = -1;
        fake->present = true;
        scan();
        fake->vanishes_after = accesses;
        volatile void *registers;
        int status = pci_map_bar(at("4"), 0, 0, 0x100, &registers);
        assert_true(status == OK || status == E_NODEV || status == E_RANGE);
        fake_pci_add_bar(fake, 0, PREFETCH_64BIT, MIB, 0xfe000000, NULL, NULL);
    }
}

/* ---- addresses on the root bus ---- */

static void test_assigned_space_is_free(void **state)
{
    (void)state;
    struct fake_pci_function *neighbour = fake_pci_add(root, 2, 0, 0x1234, 0x1111);
    fake_pci_add_bar(neighbour, 0, PCI_BAR_IS_PREFETCHABLE, 2 * MIB, 0xc0000000, NULL, NULL);
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(bridge, 0xc0800000, 0xc0bfffff);
    fake_pci_set_prefetch_window(bridge, 0xc0d00000, 0xc0dfffff);
    boot.ranges[boot.nr_ranges++] =
        (struct boot_memory_range){0xc0200000, 2 * MIB, BOOT_MEMORY_RESERVED};
    boot.ranges[boot.nr_ranges++] =
        (struct boot_memory_range){0xc0400000, 4 * MIB, BOOT_MEMORY_NVS};
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0, NULL, NULL);
    fake_pci_add_bar(fake, 1, 0, MIB, 0, NULL, NULL);
    fake_pci_add_bar(fake, 2, 0, 16, 0, NULL, NULL);
    fake_pci_add_bar(fake, 3, 0, 16, 0, NULL, NULL);
    scan();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].base, 0xc0c00000);
    assert_int_equal(device->bars[1].base, 0xc0e00000);
    assert_int_equal(device->bars[2].base, 0xc0f00000);
    assert_int_equal(device->bars[3].base, 0xc0f01000); /* never two in one page */
    pci_enable(device, true);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_pci_decodes(fake, i), device->bars[i].base);
}

static void test_64_bit_bar_is_assigned_below_4g(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 4, PREFETCH_64BIT, 16 * KIB, 0, NULL, NULL);
    scan();
    assert_int_equal(claim("4")->bars[4].base, 0xc0000000);
    assert_int_equal(fake_pci_get(fake, PCI_BAR0 + 20, 4), 0);
}

static void test_large_bar_goes_below_the_usual_hole(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, GIB, 0, NULL, NULL);
    scan();
    assert_int_equal(claim("4")->bars[0].base, 0x40000000);
}

static void test_assigned_space_is_not_ecam(void **state)
{
    (void)state;
    static const struct platform_ecam window = {0x50000000, 0, 0, 3};
    fake_set_ecam(&window, 1);
    fake_pci_add_ecam(window);
    fake_pci_add(root, 0, 0, 0x8086, 0x29c0);
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, GIB, 0, NULL, NULL);
    fake_pci_add_bar(fake, 1, 0, MIB, 0x50100000, NULL, NULL);
    scan();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].base, 0x80000000);
    assert_int_equal(device->bars[1].base, 0xc0000000);
}

static void test_no_address_without_a_boot_map(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0, NULL, NULL);
    pci_init(NULL);
    assert_int_equal(pci_scan(), 1);
    assert_int_equal(claim("4")->bars[0].base, 0);
}

static void test_bar_over_ram_is_moved(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, FAKE_RAM_BASE + 16 * MIB, NULL, NULL);
    scan();
    assert_int_equal(claim("4")->bars[0].base, 0xc0000000);
    assert_logged("cannot be reached there");
}

static void test_bar_beyond_the_processors_reach_is_moved(void **state)
{
    (void)state;
    static const u64 bases[] = {0xffffffffffe00000, (u64)1 << 46, ((u64)1 << 46) - 2 * MIB};
    static const u64 expected[] = {0xc0000000, 0xc0000000, ((u64)1 << 46) - 2 * MIB};
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        tear_down(NULL);
        set_up(NULL);
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, 2 * MIB, bases[i], NULL, NULL);
        scan();
        assert_int_equal(claim("4")->bars[0].base, expected[i]);
    }
}

static void test_the_hole_is_full(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    for (unsigned i = 0; i < PCI_BARS; i++)
        fake_pci_add_bar(fake, i, 0, 512 * MIB, 0, NULL, NULL);
    scan();
    struct pci_device *device = claim("4");
    unsigned nr_placed = 0;
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (device->bars[i].base == 0)
            continue;
        nr_placed++;
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(device->bars[i].base, device->bars[j].base);
    }
    assert_int_equal(nr_placed, 6); /* 0xc0000000, and five from 0x20000000 on */
    struct fake_pci_function *late = fake_pci_add(root, 5, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(late, 0, 0, 512 * MIB, 0, NULL, NULL);
    assert_int_equal(pci_scan(), 2);
    assert_int_equal(claim("5")->bars[0].base, 0);
    assert_logged("no free address");
}

/* ---- behind bridges ---- */

static void test_inside_the_windows_of_firmware(void **state)
{
    (void)state;
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 3, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 3, 2, 2);
    fake_pci_set_window(outer, 0xe0000000, 0xe03fffff);
    fake_pci_set_window(inner, 0xe0200000, 0xe02fffff);
    fake_pci_set_prefetch_window(outer, 0x8000000000, 0x80ffffffff);
    fake_pci_set_prefetch_window(inner, 0x8000100000, 0x800fffffff);
    struct fake_pci_function *fake = fake_pci_add(inner, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, 64 * KIB, 0, NULL, NULL);
    fake_pci_add_bar(fake, 1, PCI_BAR_IS_PREFETCHABLE, 64 * KIB, 0, NULL, NULL);
    fake_pci_add_bar(fake, 2, PREFETCH_64BIT, 2 * MIB, 0, NULL, NULL);
    scan();
    struct pci_device *device = claim("2:4.0");
    assert_int_equal(device->bars[0].base, 0xe0200000);
    assert_int_equal(device->bars[1].base, 0xe0210000); /* 32 bits reach no window above 4 GiB */
    assert_int_equal(device->bars[2].base, 0x8000200000);
    pci_enable(device, true);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_pci_decodes(fake, i), device->bars[i].base);
}

static void test_outside_its_window_is_moved(void **state)
{
    (void)state;
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(bridge, 0xe0000000, 0xe01fffff);
    struct fake_pci_function *fake = fake_pci_add(bridge, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0xe0400000, NULL, NULL);
    scan();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0xe0000000);
}

static void test_closed_windows_are_opened(void **state)
{
    (void)state;
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 3, 0, 0);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 3, 0, 0);
    struct fake_pci_function *first = fake_pci_add(inner, 4, 0, 0x1af4, 0x1058);
    struct fake_pci_function *second = fake_pci_add(inner, 5, 0, 0x1af4, 0x1058);
    struct fake_pci_function *third = fake_pci_add(outer, 5, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(first, 1, 0, 4 * KIB, 0, NULL, NULL);
    fake_pci_add_bar(first, 4, PREFETCH_64BIT, 4 * MIB, 0, NULL, NULL);
    fake_pci_add_bar(second, 4, PREFETCH_64BIT, 16 * KIB, 0, NULL, NULL);
    fake_pci_add_bar(third, 4, PREFETCH_64BIT, 64 * MIB, 0, NULL, NULL);
    scan();
    static const char *const addresses[] = {"2:4.0", "2:5.0", "1:5.0"};
    const struct fake_pci_function *fakes[] = {first, second, third};
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct pci_device *device = claim(addresses[i]);
        pci_enable(device, true);
        assert_true(device->bars[4].base != 0);
        assert_int_equal(fake_pci_decodes(fakes[i], 4), device->bars[4].base);
    }
    assert_true(fake_pci_decodes(first, 1) != 0);
}

/* After reset all windows cover the first MiB: bytes of RAM, not of the bus. */
static void test_windows_over_the_first_mib_are_closed(void **state)
{
    (void)state;
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    struct fake_pci_function *fake = fake_pci_add(bridge, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0, NULL, NULL);
    scan();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0xc0000000);
    u32 prefetch = fake_pci_get(bridge->bridge, PCI_BRIDGE_PREFETCH, 4);
    assert_true((prefetch & 0xfff0) << 16 > (prefetch | 0xfffff)); /* base above limit */
}

static void test_window_in_use_is_not_moved(void **state)
{
    (void)state;
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(bridge, 0xe0000000, 0xe01fffff);
    fake_pci_add_bar(fake_pci_add(bridge, 4, 0, 1, 1), 0, 0, 2 * MIB, 0xe0000000, NULL, NULL);
    fake_pci_add_bar(fake_pci_add(bridge, 5, 0, 1, 1), 0, 0, 2 * MIB, 0, NULL, NULL);
    scan();
    assert_int_equal(claim("1:5.0")->bars[0].base, 0);
    assert_int_equal(fake_pci_get(bridge->bridge, PCI_BRIDGE_MEMORY, 4), 0xe010e000);
}

static void test_idle_window_grows_for_a_hot_added_device(void **state)
{
    (void)state;
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(port, 0xe0000000, 0xe01fffff);
    scan();
    struct fake_pci_function *fake = fake_pci_add(port, 0, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, 32 * MIB, 0, NULL, NULL);
    assert_int_equal(pci_scan(), 2);
    struct pci_device *device = claim("1:0.0");
    pci_enable(device, true);
    assert_true(device->bars[0].base != 0);
    assert_int_equal(fake_pci_decodes(fake, 0), device->bars[0].base);
}

static void test_no_room_for_a_window(void **state)
{
    (void)state;
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_add_bar(fake_pci_add(bridge, 4, 0, 1, 1), 0, 0, 2 * GIB, 0, NULL, NULL);
    boot.ranges[boot.nr_ranges++] =
        (struct boot_memory_range){0x40000000, 3 * GIB, BOOT_MEMORY_RESERVED};
    scan();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0);
    assert_logged("no room for a memory window");
}

/* ---- use ---- */

static u32 read_marker(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    return (u32)offset + bytes;
}

static const struct fake_registers marker = {.read = read_marker};

static void test_map(void **state)
{
    (void)state;
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
    scan();
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
    pci_enable(at("4"), true);
    assert_int_equal(pci_map_bar(at("4"), 4, 0x1000, 8, &registers), OK);
    assert_int_equal(mmio_read32((volatile u8 *)registers + 4), 0x1004 + 4);
}

static void test_enable_and_disable(void **state)
{
    (void)state;
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 3, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 3, 2, 2);
    struct fake_pci_function *fake = fake_pci_add(inner, 4, 0, 0x1af4, 0x1058);
    fake_pci_set(fake, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE | PCI_COMMAND_IO);
    scan();
    const u16 on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    pci_enable(at("2:4.0"), true);
    assert_int_equal(fake_pci_get(fake, PCI_COMMAND, 2), on | PCI_COMMAND_IO);
    assert_int_equal(fake_pci_get(inner->bridge, PCI_COMMAND, 2), on);
    assert_int_equal(fake_pci_get(outer->bridge, PCI_COMMAND, 2), on);
    pci_enable(at("2:4.0"), false);
    assert_int_equal(fake_pci_get(fake, PCI_COMMAND, 2), PCI_COMMAND_IO);
    assert_int_equal(fake_pci_get(inner->bridge, PCI_COMMAND, 2), on); /* others may need it */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_sizes_and_kinds),
        TEST(test_nothing_is_sized_before_it_is_asked_for),
        TEST(test_decoding_is_restored),
        TEST(test_odd_bars_are_refused),
        TEST(test_size_that_is_no_power_of_two),
        TEST(test_64_bit_bar_that_keeps_no_bit),
        TEST(test_absurd_size_gets_no_address),
        TEST(test_bridge_has_two_bars),
        TEST(test_device_vanishes_while_it_is_sized),
        TEST(test_assigned_space_is_free),
        TEST(test_64_bit_bar_is_assigned_below_4g),
        TEST(test_large_bar_goes_below_the_usual_hole),
        TEST(test_assigned_space_is_not_ecam),
        TEST(test_no_address_without_a_boot_map),
        TEST(test_bar_over_ram_is_moved),
        TEST(test_bar_beyond_the_processors_reach_is_moved),
        TEST(test_the_hole_is_full),
        TEST(test_inside_the_windows_of_firmware),
        TEST(test_outside_its_window_is_moved),
        TEST(test_closed_windows_are_opened),
        TEST(test_windows_over_the_first_mib_are_closed),
        TEST(test_window_in_use_is_not_moved),
        TEST(test_idle_window_grows_for_a_hot_added_device),
        TEST(test_no_room_for_a_window),
        TEST(test_map),
        TEST(test_enable_and_disable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
