/* SPDX-License-Identifier: BSD-2-Clause */
/* Bus numbers: those of firmware, good and bad, and new ones. */
#include "extras/pci_fixup/bridge_spec.h"
#include "tests/fakes/fake_pci_setup.h"
#include "tests/unit/unit.h"

/* ---- bridges that firmware numbered ---- */

PCI_TEST(test_nested_bridges)
{
    struct fake_pci_bus *one = fake_pci_add_bridge(root, 2, 1, 3);
    struct fake_pci_bus *two = fake_pci_add_bridge(one, 4, 2, 3);
    struct fake_pci_bus *three = fake_pci_add_bridge(two, 5, 3, 3);
    fake_pci_add(three, 31, 0, 0x1af4, 0x1058);
    first_scan(5);
    assert_non_null(at("3:1f.0"));
    assert_numbers(one, 0, 1, 3); /* as firmware left them */
}

PCI_TEST(test_only_device_0_is_probed_on_a_link)
{
    static const struct {
        u16 flags;
        unsigned nr_probed;
    } cases[] = {
        {0x0042, 1},  /* root port */
        {0x0062, 1},  /* downstream port of a switch */
        {0x0052, 32}, /* upstream port */
        {0x0072, 32}, /* PCI Express to PCI bridge */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start_afresh();
        struct fake_pci_bus *port = fake_pci_add_bridge(root, 2, 1, 1);
        fake_pci_add_capability(port->bridge, 0x54, PCI_CAP_EXPRESS);
        first_scan(2);
        unsigned without = fake_pci_nr_config_accesses();
        fake_pci_set(port->bridge, 0x56, 2, cases[i].flags);
        pci_init(&boot);
        scan(2);
        unsigned with = fake_pci_nr_config_accesses() - without;
        assert_int_equal(without - with, 32 - cases[i].nr_probed);
    }
}

/* Without the capability no register says what kind of port it is: here the device ID looks like
 * one. */
PCI_TEST(test_a_conventional_bridge_is_no_link)
{
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 2, 1, 1);
    fake_pci_set(behind->bridge, PCI_VENDOR_ID, 4, 0x00421b36);
    fake_pci_add(behind, 1, 0, 0x1af4, 0x1058);
    first_scan(3);
    assert_non_null(at("1:1.0"));
}

/* ---- bridges without usable numbers ---- */

PCI_TEST(test_unnumbered_bridges_get_numbers_depth_first)
{
    struct fake_pci_bus *a = fake_pci_add_bridge(root, 2, 0, 0);
    struct fake_pci_bus *a_a = fake_pci_add_bridge(a, 1, 0, 0);
    struct fake_pci_bus *a_a_a = fake_pci_add_bridge(a_a, 1, 0, 0);
    struct fake_pci_bus *a_b = fake_pci_add_bridge(a, 2, 0, 0);
    struct fake_pci_bus *b = fake_pci_add_bridge(root, 3, 0, 0);
    fake_pci_add(a_a_a, 7, 0, 0x1af4, 0x1058);
    fake_pci_add(b, 8, 0, 0x1af4, 0x1058);
    first_scan(8);
    assert_numbers(a, 0, 1, 4);
    assert_numbers(a_a, 1, 2, 3);
    assert_numbers(a_a_a, 2, 3, 3);
    assert_numbers(a_b, 1, 4, 4);
    assert_numbers(b, 0, 5, 5);
    assert_non_null(at("3:7.0"));
    assert_non_null(at("5:8.0"));
    assert_string_equal(fake_console(), ""); /* it is nobody's fault */
}

PCI_TEST(test_new_numbers_keep_clear_of_firmware)
{
    struct fake_pci_bus *unnumbered = fake_pci_add_bridge(root, 2, 0, 0);
    struct fake_pci_bus *inner = fake_pci_add_bridge(unnumbered, 2, 0, 0);
    struct fake_pci_bus *numbered = fake_pci_add_bridge(root, 3, 1, 4); /* 2 to 4 are reserved */
    fake_pci_add(numbered, 1, 0, 0x1af4, 0x1045);
    fake_pci_add(inner, 1, 0, 0x1af4, 0x1058);
    first_scan(6);
    assert_numbers(numbered, 0, 1, 4);
    assert_numbers(unnumbered, 0, 5, 6);
    assert_numbers(inner, 5, 6, 6);
    assert_non_null(at("6:1.0"));
}

PCI_TEST(test_number_inside_the_range_that_firmware_reserved)
{
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 3, 1, 2);
    struct fake_pci_bus *next = fake_pci_add_bridge(root, 4, 3, 3);
    struct fake_pci_bus *inner = fake_pci_add_bridge(port, 0, 0, 0);
    struct fake_pci_bus *too_deep = fake_pci_add_bridge(inner, 0, 0, 0);
    first_scan(5);
    assert_numbers(inner, 1, 2, 2);
    assert_numbers(too_deep, 0, 0, 0); /* 3 is taken by the next port: nothing can be done */
    assert_numbers(next, 0, 3, 3);
    assert_logged("no bus number is left behind bus 0x02");
    assert_logged("the bridge has no bus number");
}

PCI_TEST(test_bogus_numbers_are_replaced)
{
    static const struct {
        u8 secondary;
        u8 subordinate;
    } cases[] = {
        {0, 5},       /* its own bus */
        {3, 2},       /* ends before it begins */
        {1, 1},       /* the other bridge's */
        {1, 0xff},    /* the other bridge's, and all others */
        {0xff, 0xfe}, /* at the very end */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start_afresh();
        struct fake_pci_bus *good = fake_pci_add_bridge(root, 2, 1, 1);
        struct fake_pci_bus *bad =
            fake_pci_add_bridge(root, 3, cases[i].secondary, cases[i].subordinate);
        fake_pci_add(good, 1, 0, 0x1af4, 0x1045);
        fake_pci_add(bad, 1, 0, 0x1af4, 0x1058);
        first_scan(5);
        assert_logged("are in use or not within");
        assert_numbers(bad, 0, 2, 2);
        assert_int_equal(at("1:1.0")->device_id, 0x1045);
        assert_int_equal(at("2:1.0")->device_id, 0x1058);
    }
}

PCI_TEST(test_child_beyond_its_parents_range)
{
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 2, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 1, 2, 9);
    fake_pci_add(inner, 1, 0, 0x1af4, 0x1058);
    first_scan(4);
    assert_numbers(inner, 1, 2, 2);
}

/* A bridge whose number leads back to the bus above it must not send the scan in a circle. */
PCI_TEST(test_bridge_loop)
{
    struct fake_pci_bus *one = fake_pci_add_bridge(root, 2, 1, 2);
    struct fake_pci_bus *two = fake_pci_add_bridge(one, 1, 1, 2);
    fake_pci_add(two, 1, 0, 0x1af4, 0x1058);
    first_scan(4);
    assert_numbers(two, 1, 2, 2);
    assert_non_null(at("2:1.0"));
}

PCI_TEST(test_bridge_that_keeps_no_numbers)
{
    struct fake_pci_bus *stuck = fake_pci_add_bridge(root, 2, 0, 0);
    memset(&stuck->bridge->writable[PCI_BRIDGE_BUSES], 0, 4);
    fake_pci_add(stuck, 1, 0, 0x1af4, 0x1058);
    first_scan(2);
    assert_logged("not followed");
    assert_null(at("2")->behind);
}

PCI_TEST(test_parent_that_keeps_its_range)
{
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 2, 1, 1);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 1, 0, 0);
    struct fake_pci_bus *bogus = fake_pci_add_bridge(outer, 2, 5, 5);
    fake_pci_set(bogus->bridge, PCI_BRIDGE_BUSES, 4, 0x40050501);
    outer->bridge->writable[PCI_BRIDGE_SUBORDINATE] = 0;
    first_scan(4);
    assert_numbers(outer, 0, 1, 1);
    assert_numbers(inner, 0, 0, 0);
    assert_int_equal(fake_pci_get(bogus->bridge, PCI_BRIDGE_BUSES, 4),
                     0x40000001); /* the rest stays */
    assert_logged("last bus number 0x02 written, 0x01 read");
}

PCI_TEST(test_the_last_bus_number_is_used)
{
    fake_pci_add_bridge(root, 2, 1, 0xfe);
    struct fake_pci_bus *last = fake_pci_add_bridge(root, 3, 0, 0);
    first_scan(3);
    assert_numbers(last, 0, 0xff, 0xff);
}

PCI_TEST(test_numbers_from_a_gap)
{
    fake_pci_add_bridge(root, 2, 4, 0xff);
    fake_pci_add_bridge(root, 3, 1, 1);
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 4, 0, 0);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 1, 0, 0);
    struct fake_pci_bus *late = fake_pci_add_bridge(inner, 1, 0, 0);
    first_scan(6);
    assert_numbers(outer, 0, 2, 3);
    assert_numbers(inner, 2, 3, 3);
    assert_numbers(late, 0, 0, 0);
}

PCI_TEST(test_bus_numbers_run_out)
{
    fake_pci_add_bridge(root, 2, 1, 0xff);
    struct fake_pci_bus *late = fake_pci_add_bridge(root, 3, 0, 0);
    first_scan(3);
    assert_numbers(late, 0, 0, 0);
    assert_logged("no bus number is left");
}

PCI_TEST(test_more_buses_than_the_table)
{
    struct fake_pci_bus *bus = root;
    for (unsigned i = 0; i < 200; i++)
        bus = fake_pci_add_bridge(bus, 1, 0, 0);
    pci_init(&boot);
    assert_true(pci_scan() > 100);
    assert_logged("more than 128 buses");
}

PCI_TEST(test_more_functions_than_the_table)
{
    for (u8 bus = 1; bus <= 2; bus++) {
        struct fake_pci_bus *behind = fake_pci_add_bridge(root, bus, bus, bus);
        for (u8 device = 0; device < 32; device++) {
            for (u8 function = 0; function < 8; function++)
                fake_pci_add(behind, device, function, 0x1af4, 0x1045);
        }
    }
    pci_init(&boot);
    assert_int_equal(pci_scan(), E_NOMEM);
    assert_logged("more than 256 functions");
    assert_non_null(at("1:1f.0")); /* those that fit can be used */
}
