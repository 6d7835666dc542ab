/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scan: what is found, in which order, at what price, and what a second
 * scan makes of functions that came or went.
 */
#include "tests/fakes/fake_pci_setup.h"
#include "tests/unit/unit.h"

/* ---- functions ---- */

PCI_TEST(test_header_is_read)
{
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_set(fake, PCI_CLASS_REVISION, 4, 0xff010203);
    fake_pci_set(fake, PCI_INTERRUPT_LINE, 2, 0x010b);
    first_scan(2);
    const struct pci_device *device = at("4");
    assert_non_null(device);
    assert_true(device->present);
    assert_int_equal(device->vendor_id, 0x1af4);
    assert_int_equal(device->device_id, 0x1058);
    assert_int_equal(device->class_code, 0xff);
    assert_int_equal(device->subclass, 0x01);
    assert_int_equal(device->programming_interface, 0x02);
    assert_int_equal(device->revision, 0x03);
    pci_find_line(at("4"));
    assert_int_equal(device->interrupt_pin, 1);
    assert_int_equal(device->interrupt_line, 11);
    assert_int_equal(device->header_type, PCI_HEADER_NORMAL);
}

PCI_TEST(test_wrong_interrupt_pin_is_none)
{
    fake_pci_set(fake_pci_add(root, 4, 0, 0x1af4, 0x1058), PCI_INTERRUPT_LINE, 2, 0x050b);
    first_scan(2);
    pci_find_line(at("4"));
    assert_int_equal(at("4")->interrupt_pin, 0);
}

PCI_TEST(test_functions_other_than_0_only_if_multi_function)
{
    fake_pci_add(root, 3, 0, 0x8086, 0x7000);
    fake_pci_add(root, 3, 1, 0x8086, 0x7010);
    fake_pci_add(root, 3, 7, 0x8086, 0x7113);
    struct fake_pci_function *single = fake_pci_add(root, 5, 0, 0x1af4, 0x1045);
    fake_pci_add(root, 5, 1, 0x1af4, 0x1041);
    single->config[0x0e] = 0; /* it does not say so: a ghost in a single-function device */
    fake_pci_add(root, 6, 1, 0x1af4, 0x1041); /* without function 0 a device does not exist */
    first_scan(5);
    assert_non_null(at("3.1"));
    assert_non_null(at("3.7"));
    assert_null(at("5.1"));
    assert_null(at("6.1"));
}

PCI_TEST(test_order_is_by_address)
{
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 2, 1, 1);
    fake_pci_add(root, 9, 0, 1, 1);
    fake_pci_add(behind, 3, 0, 1, 1);
    fake_pci_add(root, 1, 0, 1, 1);
    first_scan(5);
    static const char *const order[] = {"0000:00:00.0", "0000:00:01.0", "0000:00:02.0",
                                        "0000:00:09.0", "0000:01:03.0"};
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        char text[PCI_ADDRESS_TEXT_BYTES];
        assert_string_equal(pci_address_text(pci_device_at(i)->address, text), order[i]);
    }
    assert_null(pci_device_at(5));
}

PCI_TEST(test_config_accesses_are_few)
{
    fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    pci_init(&boot);
    unsigned before = fake_pci_nr_config_accesses();
    scan(2);
    /* One look at each of 32 devices, and 2 more registers of each of the two that exist. */
    assert_int_equal(fake_pci_nr_config_accesses() - before, 32 + 2 * 2);
}

PCI_TEST(test_device_that_vanishes_while_it_is_read)
{
    for (i64 accesses = 1; accesses < 3; accesses++) {
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake->vanishes_after = accesses;
        first_scan(2); /* it was there when asked: the next scan tells */
        scan(1);
        assert_null(at("4"));
    }
}

/* ---- root buses ---- */

PCI_TEST(test_further_root_buses)
{
    fake_pci_set(fake_pci_add(root, 5, 0, 0x1b36, 0x0009), PCI_CLASS_REVISION, 4, 0x06000000);
    struct fake_pci_bus *second = fake_pci_add_root(0, 0x40);
    struct fake_pci_bus *behind = fake_pci_add_bridge(second, 0, 0x41, 0x41);
    struct fake_pci_bus *unnumbered = fake_pci_add_bridge(root, 6, 0, 0);
    fake_pci_add(behind, 3, 0, 0x1af4, 0x1058);
    first_scan(5);
    assert_non_null(at("41:3.0"));
    assert_numbers(unnumbered, 0, 1, 1);
}

PCI_TEST(test_without_a_second_host_bridge_no_bus_is_searched)
{
    fake_pci_add(fake_pci_add_root(0, 0x40), 3, 0, 0x1af4, 0x1058);
    fake_pci_set(fake_pci_add(root, 1, 0, 0x8086, 0x7000), PCI_CLASS_REVISION, 4, 0x06010000);
    fake_pci_set(fake_pci_add(root, 2, 0, 0x8086, 0x7010), PCI_CLASS_REVISION, 4, 0x01000000);
    first_scan(3);
    assert_true(fake_pci_nr_config_accesses() < 64);
}

/* ---- again ---- */

PCI_TEST(test_rescan_finds_added_and_keeps_known)
{
    fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 6, 1, 1);
    first_scan(3);
    struct pci_device *known = at("4");
    u32 occupant = known->occupant;
    fake_pci_add(port, 0, 0, 0x1af4, 0x1058);
    fake_pci_add(root, 3, 0, 0x1af4, 0x1045);
    scan(5);
    assert_ptr_equal(at("4"), known);
    assert_int_equal(known->occupant, occupant);
    assert_non_null(at("1:0.0"));
    assert_non_null(at("3"));
}

PCI_TEST(test_rescan_after_removal)
{
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 6, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 1, 2, 2);
    fake_pci_add(inner, 2, 0, 0x1af4, 0x1058);
    first_scan(4);
    struct pci_device *device = at("2:2.0");
    fake_pci_remove(outer->bridge);
    scan(1);
    assert_false(device->present);
    assert_null(at("2:2.0"));
    assert_null(at("1:1.0"));
    assert_non_null(pci_device_at(0));
    assert_null(pci_device_at(1)); /* what has gone is not listed */
    struct fake_pci_bus *other = fake_pci_add_bridge(root, 7, 0, 0);
    scan(2);
    assert_numbers(other, 0, 1, 1);
}

PCI_TEST(test_another_occupant_is_told_apart)
{
    struct fake_pci_function *first = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    first_scan(2);
    struct pci_device *device = at("4");
    u32 occupant = device->occupant;
    fake_pci_remove(first);
    fake_pci_add(root, 4, 0, 0x1af4, 0x1045);
    scan(2);
    assert_ptr_equal(at("4"), device);
    assert_int_equal(device->occupant, occupant + 1);
    assert_int_equal(device->device_id, 0x1045);
}

PCI_TEST(test_a_rescan_knows_the_buses)
{
    first_scan(1);
    const struct pci_bus *bus = at("0")->bus;
    scan(1);
    assert_ptr_equal(at("0")->bus, bus);
}

/* Pulled and put back between two scans, the same model has no bus numbers or addresses. */
PCI_TEST(test_the_same_model_swapped_is_another_occupant)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 6, 1, 1);
    fake_pci_add(bridge, 2, 0, 0x1af4, 0x1058);
    struct fake_pci_function *card = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(card, 4, PCI_BAR_TYPE_64BIT, 16 * KIB, 0xfe000000, NULL, NULL);
    first_scan(4);
    pci_claim_bars(at("4"));
    u32 bridge_occupant = at("6")->occupant;
    u32 card_occupant = at("4")->occupant;
    scan(4);
    assert_int_equal(at("6")->occupant, bridge_occupant);
    assert_int_equal(at("4")->occupant, card_occupant);
    fake_pci_set(bridge->bridge, PCI_BRIDGE_BUSES, 4, 0);
    fake_pci_set(card, PCI_BAR0 + 16, 4, PCI_BAR_TYPE_64BIT);
    scan(4);
    assert_int_equal(at("6")->occupant, bridge_occupant + 1);
    assert_int_equal(at("4")->occupant, card_occupant + 1);
    assert_false(at("4")->bars_known);
    assert_numbers(bridge, 0, 1, 1);
}
