/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the PCI tree share: a machine with nothing but its host
 * bridge before each test, and short ways to scan it and to name what was found.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_PCI_SETUP_H
#define TIDE_TESTS_FAKES_FAKE_PCI_SETUP_H

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
    fake_pci_add(root, 0, 0, 0x8086, 0x1237);
}

static void tear_down(void)
{
    fake_pci_stop();
    fake_shutdown();
}

static inline void start_afresh(void)
{
    tear_down();
    set_up();
}

/* The function of this name, or NULL. */
static inline struct pci_device *at(const char *text)
{
    struct pci_address address;
    assert_int_equal(pci_parse_address(text, &address), OK);
    return pci_find(address);
}

static inline void scan(int expected)
{
    assert_int_equal(pci_scan(), expected);
}

static inline void first_scan(int expected)
{
    pci_init(&boot);
    scan(expected);
}

static inline void assert_logged(const char *text)
{
    if (!strstr(fake_console(), text))
        fail_msg("'%s' is not in the log: %s", text, fake_console());
}

/* What a bridge's registers say. */
static inline void assert_numbers(const struct fake_pci_bus *bus, u8 primary, u8 secondary,
                                  u8 subordinate)
{
    assert_int_equal(fake_pci_get(bus->bridge, PCI_BRIDGE_BUSES, 1), primary);
    assert_int_equal(fake_pci_get(bus->bridge, PCI_BRIDGE_BUSES + 1, 1), secondary);
    assert_int_equal(fake_pci_get(bus->bridge, PCI_BRIDGE_BUSES + 2, 1), subordinate);
}

#define PCI_TEST(name) TEST_WITH(name, set_up, tear_down)

#endif
