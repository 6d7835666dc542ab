/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses for BARs that firmware gave none, or one that does not work, on
 * the root bus and behind bridges with and without windows.
 */
#include "extras/pci_fixup/bridge_spec.h"
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

/* ---- addresses on the root bus ---- */

PCI_TEST(test_assigned_space_is_free)
{
    struct fake_pci_function *neighbour = fake_pci_add(root, 2, 0, 0x1234, 0x1111);
    fake_pci_add_bar(neighbour, 0, PCI_BAR_IS_PREFETCHABLE, 2 * MIB, 0xc0000000, NULL, NULL);
    fake_pci_set(neighbour, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    struct fake_pci_function *silent = fake_pci_add(root, 5, 0, 0x1234, 0x1111);
    fake_pci_add_bar(silent, 0, 0, MIB, 0xc0c00000, NULL, NULL); /* not decoded: in nobody's way */
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
    scan_all();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].base, 0xc0c00000);
    assert_int_equal(device->bars[1].base, 0xc0e00000);
    assert_int_equal(device->bars[2].base, 0xc0f00000);
    assert_int_equal(device->bars[3].base, 0xc0f01000); /* never two in one page */
    assert_int_equal(silent->nr_bar_writes, 0);
    fake_pci_switch_on(device);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_pci_decodes(fake, i), device->bars[i].base);
}

PCI_TEST(test_64_bit_bar_is_assigned_below_4g)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 4, PREFETCH_64BIT, 16 * KIB, 0, NULL, NULL);
    scan_all();
    assert_int_equal(claim("4")->bars[4].base, 0xc0000000);
    assert_int_equal(fake_pci_get(fake, PCI_BAR0 + 20, 4), 0);
}

PCI_TEST(test_large_bar_goes_below_the_usual_hole)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, GIB, 0, NULL, NULL);
    scan_all();
    assert_int_equal(claim("4")->bars[0].base, 0x40000000);
}

PCI_TEST(test_assigned_space_is_not_ecam)
{
    static const struct platform_ecam window = {0x50000000, 0, 0, 3};
    fake_set_ecam(&window, 1);
    fake_pci_add_ecam(window);
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, GIB, 0, NULL, NULL);
    fake_pci_add_bar(fake, 1, 0, MIB, 0x50100000, NULL, NULL);
    scan_all();
    struct pci_device *device = claim("4");
    assert_int_equal(device->bars[0].base, 0x80000000);
    assert_int_equal(device->bars[1].base, 0xc0000000);
}

PCI_TEST(test_no_address_without_a_boot_map)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0, NULL, NULL);
    pci_init(NULL);
    scan(2);
    assert_int_equal(claim("4")->bars[0].base, 0);
}

PCI_TEST(test_bar_over_ram_is_moved)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, FAKE_RAM_BASE + 16 * MIB, NULL, NULL);
    scan_all();
    assert_int_equal(claim("4")->bars[0].base, 0xc0000000);
    assert_logged("it is moved");
}

PCI_TEST(test_bar_beyond_the_processors_reach_is_moved)
{
    static const u64 bases[] = {0xffffffffffe00000, (u64)1 << 46, ((u64)1 << 46) - 2 * MIB};
    static const u64 expected[] = {0xc0000000, 0xc0000000, ((u64)1 << 46) - 2 * MIB};
    for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
        start_afresh();
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake_pci_add_bar(fake, 0, PCI_BAR_TYPE_64BIT, 2 * MIB, bases[i], NULL, NULL);
        scan_all();
        assert_int_equal(claim("4")->bars[0].base, expected[i]);
    }
}

PCI_TEST(test_the_hole_is_full)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    for (unsigned i = 0; i < PCI_BARS; i++)
        fake_pci_add_bar(fake, i, 0, 512 * MIB, 0, NULL, NULL);
    scan_all();
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
    scan(3);
    assert_int_equal(claim("5")->bars[0].base, 0);
    assert_logged("no address for BAR");
}

/* ---- behind bridges ---- */

PCI_TEST(test_inside_the_windows_of_firmware)
{
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
    scan_all();
    struct pci_device *device = claim("2:4.0");
    assert_int_equal(device->bars[0].base, 0xe0200000);
    assert_int_equal(device->bars[1].base, 0xe0210000); /* 32 bits reach no window above 4 GiB */
    assert_int_equal(device->bars[2].base, 0x8000200000);
    fake_pci_switch_on(device);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_pci_decodes(fake, i), device->bars[i].base);
}

/* A window to the end of all addresses is nonsense: nothing lies in it, and nothing keeps clear. */
PCI_TEST(test_window_to_the_end_of_addresses)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_prefetch_window(bridge, 0x100000, ~(u64)0);
    struct fake_pci_function *fake = fake_pci_add(bridge, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, PREFETCH_64BIT, MIB, 0, NULL, NULL);
    scan_all();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0xc0000000);
}

PCI_TEST(test_outside_its_window_is_moved)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(bridge, 0xe0000000, 0xe01fffff);
    struct fake_pci_function *fake = fake_pci_add(bridge, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0xe0400000, NULL, NULL);
    scan_all();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0xe0000000);
}

PCI_TEST(test_closed_windows_are_opened)
{
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 3, 0, 0);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 3, 0, 0);
    struct fake_pci_function *first = fake_pci_add(inner, 4, 0, 0x1af4, 0x1058);
    struct fake_pci_function *second = fake_pci_add(inner, 5, 0, 0x1af4, 0x1058);
    struct fake_pci_function *third = fake_pci_add(outer, 5, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(first, 1, 0, 4 * KIB, 0, NULL, NULL);
    fake_pci_add_bar(first, 4, PREFETCH_64BIT, 4 * MIB, 0, NULL, NULL);
    fake_pci_add_bar(second, 4, PREFETCH_64BIT, 16 * KIB, 0, NULL, NULL);
    fake_pci_add_bar(third, 4, PREFETCH_64BIT, 64 * MIB, 0, NULL, NULL);
    scan_all();
    static const char *const addresses[] = {"2:4.0", "2:5.0", "1:5.0"};
    const struct fake_pci_function *fakes[] = {first, second, third};
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct pci_device *device = claim(addresses[i]);
        fake_pci_switch_on(device);
        assert_true(device->bars[4].base != 0);
        assert_int_equal(fake_pci_decodes(fakes[i], 4), device->bars[4].base);
    }
    assert_true(fake_pci_decodes(first, 1) != 0);
}

/* After reset all windows cover the first MiB: bytes of RAM, not of the bus. */
PCI_TEST(test_windows_over_the_first_mib_are_closed)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    struct fake_pci_function *fake = fake_pci_add(bridge, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, MIB, 0, NULL, NULL);
    scan_all();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0xc0000000);
    u32 prefetch = fake_pci_get(bridge->bridge, PCI_BRIDGE_PREFETCH, 4);
    assert_true((prefetch & 0xfff0) << 16 > (prefetch | 0xfffff)); /* base above limit */
}

PCI_TEST(test_window_in_use_is_not_moved)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(bridge, 0xe0000000, 0xe01fffff);
    struct fake_pci_function *user = fake_pci_add(bridge, 4, 0, 1, 1);
    fake_pci_add_bar(user, 0, 0, 2 * MIB, 0xe0000000, NULL, NULL);
    fake_pci_set(user, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    fake_pci_add_bar(fake_pci_add(bridge, 5, 0, 1, 1), 0, 0, 2 * MIB, 0, NULL, NULL);
    scan_all();
    assert_int_equal(claim("1:5.0")->bars[0].base, 0);
    assert_int_equal(fake_pci_get(bridge->bridge, PCI_BRIDGE_MEMORY, 4), 0xe010e000);
}

PCI_TEST(test_idle_window_grows_for_a_hot_added_device)
{
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_set_window(port, 0xe0000000, 0xe01fffff);
    scan_all();
    struct fake_pci_function *fake = fake_pci_add(port, 0, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 0, 0, 32 * MIB, 0, NULL, NULL);
    scan(3);
    struct pci_device *device = claim("1:0.0");
    fake_pci_switch_on(device);
    assert_true(device->bars[0].base != 0);
    assert_int_equal(fake_pci_decodes(fake, 0), device->bars[0].base);
}

PCI_TEST(test_no_room_for_a_window)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 3, 1, 1);
    fake_pci_add_bar(fake_pci_add(bridge, 4, 0, 1, 1), 0, 0, 2 * GIB, 0, NULL, NULL);
    boot.ranges[boot.nr_ranges++] =
        (struct boot_memory_range){0x40000000, 3 * GIB, BOOT_MEMORY_RESERVED};
    scan_all();
    assert_int_equal(claim("1:4.0")->bars[0].base, 0);
    assert_logged("no room for a memory window");
}
