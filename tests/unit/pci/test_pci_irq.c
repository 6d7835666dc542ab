/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Legacy interrupt lines: by the chipset's registers, through bridges, and
 * where the chipset is not known. The expected lines are those of QEMU's pc
 * and q35, whose routers firmware sets to 10, 10, 11, 11.
 */
#include "tests/unit/unit.h"

#include "extras/slot/slot.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_platform.h"

static struct boot_info boot;
static struct fake_pci_bus *root;

static void set_up(void)
{
    fake_boot(&boot, 64 * MIB);
    root = fake_pci_start();
}

static void tear_down(void)
{
    fake_pci_stop();
    fake_shutdown();
}

static void add_piix3(u32 routes)
{
    struct fake_pci_function *fake = fake_pci_add(root, 1, 0, 0x8086, 0x7000);
    fake_pci_set(fake, 0x60, 4, routes);
}

static void add_ich9(u32 routes_a_to_d, u32 routes_e_to_h)
{
    struct fake_pci_function *fake = fake_pci_add(root, 0x1f, 0, 0x8086, 0x2918);
    fake_pci_set(fake, 0x60, 4, routes_a_to_d);
    fake_pci_set(fake, 0x68, 4, routes_e_to_h);
}

static struct fake_pci_function *add(struct fake_pci_bus *bus, u8 device, u8 pin, u8 line)
{
    struct fake_pci_function *fake = fake_pci_add(bus, device, 0, 0x1af4, 0x1058);
    fake_pci_set(fake, PCI_INTERRUPT_LINE, 2, (u32)pin << 8 | line);
    return fake;
}

static u8 line_of(const char *text)
{
    struct pci_address address;
    assert_int_equal(pci_parse_address(text, &address), OK);
    assert_non_null(pci_find(address));
    pci_find_line(pci_find(address));
    return pci_find(address)->interrupt_line;
}

static void scan(void)
{
    pci_init(&boot);
    assert_true(pci_scan() > 0);
}

TEST_WITH(test_piix3, set_up, tear_down)
{
    static const struct {
        u8 device;
        u8 pin;
        u8 line;
    } cases[] = {
        {2, 1, 5}, {3, 1, 6}, {4, 1, 7},  {5, 1, 4},  {5, 2, 5},
        {5, 4, 7}, {6, 1, 5}, {31, 1, 6}, {31, 4, 5}, {7, 0, 0x55}, /* it has no pin */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        add_piix3(0x07060504); /* A to D */
        add(root, cases[i].device, cases[i].pin, 0x55);
        scan();
        pci_find_line(pci_device_at(1));
        if (pci_device_at(1)->interrupt_line != cases[i].line)
            fail_msg("case %u: line %u", i, pci_device_at(1)->interrupt_line);
    }
}

TEST_WITH(test_ich9, set_up, tear_down)
{
    static const struct {
        u8 device;
        u8 pin;
        u8 line;
    } cases[] = {
        {4, 1, 12},    {5, 1, 13},  {6, 1, 14},
        {7, 1, 15},    {24, 4, 15}, {25, 1, 0x55}, /* routed inside the chip: firmware knows */
        {31, 1, 0x55},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        add_ich9(0x07060504, 0x0f0e0d0c);
        u8 function = cases[i].device == 31 ? 2 : 0;
        struct fake_pci_function *fake =
            fake_pci_add(root, cases[i].device, function, 0x1af4, 0x1058);
        fake_pci_set(fake, PCI_INTERRUPT_LINE, 2, (u32)cases[i].pin << 8 | 0x55);
        scan();
        struct pci_device *device = pci_find((struct pci_address){0, 0, cases[i].device, function});
        assert_non_null(device);
        pci_find_line(device);
        if (device->interrupt_line != cases[i].line)
            fail_msg("case %u: line %u", i, device->interrupt_line);
    }
}

/* As measured on QEMU's pc: 02:04.0 behind 01:03.0 behind 00:05.0 ends at PIRQ D. */
TEST_WITH(test_through_bridges, set_up, tear_down)
{
    add_piix3(0x0b0b0a0a);
    struct fake_pci_bus *outer = fake_pci_add_bridge(root, 5, 1, 2);
    struct fake_pci_bus *inner = fake_pci_add_bridge(outer, 3, 2, 2);
    add(inner, 4, 1, 10); /* what qboot writes */
    add(inner, 5, 1, 0);  /* hot-added: what reset leaves */
    add(outer, 4, 1, 0xff);
    scan();
    assert_int_equal(line_of("2:4.0"), 11);
    assert_int_equal(line_of("2:5.0"), 10);
    assert_int_equal(line_of("1:4.0"), 10);
}

/* As measured on QEMU's pxb-pcie: the device number on its bus plays no part. */
TEST_WITH(test_expander_bridge, set_up, tear_down)
{
    add_ich9(0x07060504, 0x0f0e0d0c);
    fake_pci_set(add(root, 6, 0, 0), PCI_CLASS_REVISION, 4, 0x06000000);
    struct fake_pci_bus *second = fake_pci_add_root(0, 0x40);
    add(second, 3, 1, 11);
    add(fake_pci_add_bridge(second, 2, 0x41, 0x41), 1, 1, 11);
    scan();
    assert_int_equal(line_of("40:3.0"), 12);
    assert_int_equal(line_of("41:1.0"), 13);
}

TEST_WITH(test_router_that_is_switched_off, set_up, tear_down)
{
    add_piix3(0x80808080);
    add(root, 5, 1, 10);
    scan();
    assert_int_equal(line_of("5"), 0xff);
}

TEST_WITH(test_unknown_chipset, set_up, tear_down)
{
    struct fake_pci_bus *bridge = fake_pci_add_bridge(root, 5, 1, 1);
    add(root, 4, 1, 7);
    add(bridge, 2, 1, 9);
    add(bridge, 6, 1, 0);    /* turns to the same pin as 2 */
    add(bridge, 7, 1, 0xff); /* to another */
    scan();
    assert_int_equal(line_of("4"), 7);
    assert_int_equal(line_of("1:6.0"), 9);
    assert_int_equal(line_of("1:7.0"), 0xff);
}
