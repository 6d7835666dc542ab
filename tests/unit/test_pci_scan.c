/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scan: what is found, in which order, at what price, and what bridges
 * with bad or no bus numbers come to.
 */
#include "tests/unit/unit.h"

#include "include/status.h"
#include "include/units.h"
#include "tests/unit/fake_pci.h"
#include "tests/unit/fake_platform.h"

static struct boot_info boot;
static struct fake_pci_bus *root;

static int set_up(void **state)
{
    (void)state;
    fake_boot(&boot, 64 * MIB);
    root = fake_pci_start();
    fake_pci_add(root, 0, 0, 0x8086, 0x1237);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_pci_stop();
    fake_shutdown();
    return 0;
}

static struct pci_device *at(const char *text)
{
    struct pci_address address;
    assert_int_equal(pci_parse_address(text, &address), OK);
    return pci_find(address);
}

static void scan(int expected)
{
    assert_int_equal(pci_scan(), expected);
}

static void first_scan(int expected)
{
    pci_init(&boot);
    scan(expected);
}

static void assert_numbers(const struct fake_pci_bus *bus, u8 primary, u8 secondary, u8 subordinate)
{
    assert_int_equal(fake_pci_get(bus->bridge, PCI_BRIDGE_BUSES, 1), primary);
    assert_int_equal(fake_pci_get(bus->bridge, PCI_BRIDGE_BUSES + 1, 1), secondary);
    assert_int_equal(fake_pci_get(bus->bridge, PCI_BRIDGE_BUSES + 2, 1), subordinate);
}

static void assert_logged(const char *text)
{
    if (!strstr(fake_console(), text))
        fail_msg("'%s' is not in the log: %s", text, fake_console());
}

/* ---- functions ---- */

static void test_header_is_read(void **state)
{
    (void)state;
    struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    fake_pci_set(fake, PCI_CLASS_REVISION, 4, 0xff010203);
    fake_pci_set(fake, PCI_SUBSYSTEM, 4, 0x11001af4);
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
    assert_int_equal(device->subsystem_vendor_id, 0x1af4);
    assert_int_equal(device->subsystem_id, 0x1100);
    assert_int_equal(device->interrupt_pin, 1);
    assert_int_equal(device->interrupt_line, 11);
    assert_int_equal(device->header_type, PCI_HEADER_NORMAL);
}

static void test_wrong_interrupt_pin_is_none(void **state)
{
    (void)state;
    fake_pci_set(fake_pci_add(root, 4, 0, 0x1af4, 0x1058), PCI_INTERRUPT_LINE, 2, 0x050b);
    first_scan(2);
    assert_int_equal(at("4")->interrupt_pin, 0);
}

static void test_functions_other_than_0_only_if_multi_function(void **state)
{
    (void)state;
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

static void test_order_is_by_address(void **state)
{
    (void)state;
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

static void test_config_accesses_are_few(void **state)
{
    (void)state;
    fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
    pci_init(&boot);
    unsigned before = fake_pci_nr_config_accesses();
    scan(2);
    /* One look at each of 32 devices, and 4 more registers of each of the two that exist. */
    assert_int_equal(fake_pci_nr_config_accesses() - before, 32 + 2 * 4);
}

static void test_device_that_vanishes_while_it_is_read(void **state)
{
    (void)state;
    for (i64 accesses = 1; accesses < 5; accesses++) {
        struct fake_pci_function *fake = fake_pci_add(root, 4, 0, 0x1af4, 0x1058);
        fake->vanishes_after = accesses;
        first_scan(2); /* it was there when asked: the next scan tells */
        scan(1);
        assert_null(at("4"));
    }
}

/* ---- bridges that firmware numbered ---- */

static void test_nested_bridges(void **state)
{
    (void)state;
    struct fake_pci_bus *one = fake_pci_add_bridge(root, 2, 1, 3);
    struct fake_pci_bus *two = fake_pci_add_bridge(one, 4, 2, 3);
    struct fake_pci_bus *three = fake_pci_add_bridge(two, 5, 3, 3);
    fake_pci_add(three, 31, 0, 0x1af4, 0x1058);
    first_scan(5);
    assert_non_null(at("3:1f.0"));
    assert_numbers(one, 0, 1, 3); /* as firmware left them */
}

static void test_only_device_0_is_probed_on_a_link(void **state)
{
    (void)state;
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
        tear_down(NULL);
        set_up(NULL);
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

/* ---- bridges without usable numbers ---- */

static void test_unnumbered_bridges_get_numbers_depth_first(void **state)
{
    (void)state;
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
}

static void test_new_numbers_keep_clear_of_firmware(void **state)
{
    (void)state;
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

static void test_number_inside_the_range_that_firmware_reserved(void **state)
{
    (void)state;
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 3, 1, 2);
    struct fake_pci_bus *next = fake_pci_add_bridge(root, 4, 3, 3);
    struct fake_pci_bus *inner = fake_pci_add_bridge(port, 0, 0, 0);
    struct fake_pci_bus *too_deep = fake_pci_add_bridge(inner, 0, 0, 0);
    first_scan(5);
    assert_numbers(inner, 1, 2, 2);
    assert_numbers(too_deep, 0, 0, 0); /* 3 is taken by the next port: nothing can be done */
    assert_numbers(next, 0, 3, 3);
    assert_logged("no bus number is left behind bus 0x02");
}

static void test_bogus_numbers_are_replaced(void **state)
{
    (void)state;
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
        tear_down(NULL);
        set_up(NULL);
        struct fake_pci_bus *good = fake_pci_add_bridge(root, 2, 1, 1);
        struct fake_pci_bus *bad =
            fake_pci_add_bridge(root, 3, cases[i].secondary, cases[i].subordinate);
        fake_pci_add(good, 1, 0, 0x1af4, 0x1045);
        fake_pci_add(bad, 1, 0, 0x1af4, 0x1058);
        first_scan(5);
        assert_logged("it gets others");
        assert_numbers(bad, 0, 2, 2);
        assert_int_equal(at("1:1.0")->device_id, 0x1045);
        assert_int_equal(at("2:1.0")->device_id, 0x1058);
    }
}

static void test_child_beyond_its_parents_range(void **state)
{
    (void)state;
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 2, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 1, 2, 9);
    fake_pci_add(inner, 1, 0, 0x1af4, 0x1058);
    first_scan(4);
    assert_numbers(inner, 1, 2, 2);
}

/* A bridge whose number leads back to the bus above it must not send the scan in a circle. */
static void test_bridge_loop(void **state)
{
    (void)state;
    struct fake_pci_bus *one = fake_pci_add_bridge(root, 2, 1, 2);
    struct fake_pci_bus *two = fake_pci_add_bridge(one, 1, 1, 2);
    fake_pci_add(two, 1, 0, 0x1af4, 0x1058);
    first_scan(4);
    assert_numbers(two, 1, 2, 2);
    assert_non_null(at("2:1.0"));
}

static void test_bridge_that_keeps_no_numbers(void **state)
{
    (void)state;
    struct fake_pci_bus *stuck = fake_pci_add_bridge(root, 2, 0, 0);
    memset(&stuck->bridge->writable[PCI_BRIDGE_BUSES], 0, 4);
    fake_pci_add(stuck, 1, 0, 0x1af4, 0x1058);
    first_scan(2);
    assert_logged("not followed");
}

static void test_bus_numbers_run_out(void **state)
{
    (void)state;
    fake_pci_add_bridge(root, 2, 1, 0xff);
    struct fake_pci_bus *late = fake_pci_add_bridge(root, 3, 0, 0);
    first_scan(3);
    assert_numbers(late, 0, 0, 0);
    assert_logged("no bus number is left");
}

static void test_more_buses_than_the_table(void **state)
{
    (void)state;
    struct fake_pci_bus *bus = root;
    for (unsigned i = 0; i < 200; i++)
        bus = fake_pci_add_bridge(bus, 1, 0, 0);
    pci_init(&boot);
    assert_true(pci_scan() > 100);
    assert_logged("more than 128 buses");
}

static void test_more_functions_than_the_table(void **state)
{
    (void)state;
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

/* ---- root buses ---- */

static void test_further_root_buses(void **state)
{
    (void)state;
    fake_pci_set(fake_pci_add(root, 5, 0, 0x1b36, 0x0009), PCI_CLASS_REVISION, 4, 0x06000000);
    struct fake_pci_bus *second = fake_pci_add_root(0, 0x40);
    struct fake_pci_bus *behind = fake_pci_add_bridge(second, 0, 0x41, 0x41);
    struct fake_pci_bus *unnumbered = fake_pci_add_bridge(root, 6, 0, 0);
    fake_pci_add(behind, 3, 0, 0x1af4, 0x1058);
    first_scan(5);
    assert_non_null(at("41:3.0"));
    assert_numbers(unnumbered, 0, 1, 1);
}

static void test_without_a_second_host_bridge_no_bus_is_searched(void **state)
{
    (void)state;
    fake_pci_add(fake_pci_add_root(0, 0x40), 3, 0, 0x1af4, 0x1058);
    first_scan(1);
    assert_true(fake_pci_nr_config_accesses() < 64);
}

/* ---- again ---- */

static void test_rescan_finds_added_and_keeps_known(void **state)
{
    (void)state;
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

static void test_rescan_after_removal(void **state)
{
    (void)state;
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
    /* Its bus numbers are free again. */
    struct fake_pci_bus *other = fake_pci_add_bridge(root, 7, 0, 0);
    scan(2);
    assert_numbers(other, 0, 1, 1);
}

static void test_another_occupant_is_told_apart(void **state)
{
    (void)state;
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

/* Pulled and put back between two scans, the same model has no bus numbers or addresses. */
static void test_the_same_model_swapped_is_another_occupant(void **state)
{
    (void)state;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(test_header_is_read),
        TEST(test_wrong_interrupt_pin_is_none),
        TEST(test_functions_other_than_0_only_if_multi_function),
        TEST(test_order_is_by_address),
        TEST(test_config_accesses_are_few),
        TEST(test_device_that_vanishes_while_it_is_read),
        TEST(test_nested_bridges),
        TEST(test_only_device_0_is_probed_on_a_link),
        TEST(test_unnumbered_bridges_get_numbers_depth_first),
        TEST(test_new_numbers_keep_clear_of_firmware),
        TEST(test_number_inside_the_range_that_firmware_reserved),
        TEST(test_bogus_numbers_are_replaced),
        TEST(test_child_beyond_its_parents_range),
        TEST(test_bridge_loop),
        TEST(test_bridge_that_keeps_no_numbers),
        TEST(test_bus_numbers_run_out),
        TEST(test_more_buses_than_the_table),
        TEST(test_more_functions_than_the_table),
        TEST(test_further_root_buses),
        TEST(test_without_a_second_host_bridge_no_bus_is_searched),
        TEST(test_rescan_finds_added_and_keeps_known),
        TEST(test_rescan_after_removal),
        TEST(test_another_occupant_is_told_apart),
        TEST(test_the_same_model_swapped_is_another_occupant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
