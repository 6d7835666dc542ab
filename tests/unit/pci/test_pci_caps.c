/* SPDX-License-Identifier: BSD-2-Clause */
/* The capability list, well formed and not. */
#include "tests/unit/unit.h"

#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_platform.h"

static struct boot_info boot;
static struct fake_pci_function *fake;
static struct pci_device *device;

static void set_up(void)
{
    fake_boot(&boot, 64 * MIB);
    fake = fake_pci_add(fake_pci_start(), 4, 0, 0x1af4, 0x1058);
    pci_init(&boot);
    assert_int_equal(pci_scan(), 1);
    device = pci_device_at(0);
}

static void tear_down(void)
{
    fake_pci_stop();
    fake_shutdown();
}

static void add_list(void)
{
    fake_pci_add_capability(fake, 0x84, PCI_CAP_VENDOR);
    fake_pci_add_capability(fake, 0x70, PCI_CAP_VENDOR);
    fake_pci_add_capability(fake, 0x98, PCI_CAP_MSIX);
    fake_pci_add_capability(fake, 0x40, PCI_CAP_VENDOR);
}

TEST_WITH(test_walk, set_up, tear_down)
{
    add_list();
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0), 0x84);
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0x84), 0x70);
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0x70), 0x40);
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0x40), 0);
    assert_int_equal(pci_find_capability(device, PCI_CAP_MSIX, 0), 0x98);
    assert_int_equal(pci_find_capability(device, PCI_CAP_MSIX, 0x98), 0);
    assert_int_equal(pci_find_capability(device, PCI_CAP_EXPRESS, 0), 0);
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0x44), 0); /* not in the list */
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_without_the_status_bit_there_is_no_list, set_up, tear_down)
{
    add_list();
    fake->config[PCI_STATUS] = 0;
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0), 0);
}

TEST_WITH(test_reserved_bits_of_pointers_are_ignored, set_up, tear_down)
{
    add_list();
    fake->config[PCI_CAPABILITIES] |= 3;
    fake->config[0x71] |= 2;
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0), 0x84);
    assert_int_equal(pci_find_capability(device, PCI_CAP_MSIX, 0), 0x98);
}

TEST_WITH(test_pointer_into_the_header, set_up, tear_down)
{
    static const u8 pointers[] = {0x04, 0x10, 0x3c, 0x3f};
    for (unsigned i = 0; i < ARRAY_SIZE(pointers); i++) {
        tear_down();
        set_up();
        add_list();
        fake->config[0x85] = pointers[i];
        assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0), 0x84);
        assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0x84), 0);
        assert_non_null(strstr(fake_console(), "capability pointer at 0x85"));
    }
}

TEST_WITH(test_first_pointer_into_the_header, set_up, tear_down)
{
    add_list();
    fake->config[PCI_CAPABILITIES] = 0x20;
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0), 0);
    assert_non_null(
        strstr(fake_console(), "pci 0000:00:04.0: warning: the capability pointer at 0x34"));
}

TEST_WITH(test_loops_end, set_up, tear_down)
{
    static const u8 targets[] = {0x40 /* itself */, 0x84 /* the first */, 0x98};
    for (unsigned i = 0; i < ARRAY_SIZE(targets); i++) {
        tear_down();
        set_up();
        add_list();
        fake->config[0x41] = targets[i];
        unsigned before = fake->nr_accesses;
        assert_int_equal(pci_find_capability(device, PCI_CAP_EXPRESS, 0), 0);
        assert_true(fake->nr_accesses - before <= 4 + 2);
        assert_non_null(strstr(fake_console(), "a loop"));
    }
}

/* Continuing after an entry of a loop must end, too, or a driver's own loop would not. */
TEST_WITH(test_iteration_over_a_loop_ends, set_up, tear_down)
{
    add_list();
    fake->config[0x41] = 0x84;
    unsigned nr_found = 0;
    for (u8 offset = 0; (offset = pci_find_capability(device, PCI_CAP_VENDOR, offset)) != 0;) {
        nr_found++;
        if (nr_found > 1000)
            fail_msg("the iteration does not end");
    }
    assert_true(nr_found == 3);
}

TEST_WITH(test_longest_list, set_up, tear_down)
{
    for (unsigned offset = 0x40; offset < 0x100; offset += 4)
        fake_pci_add_capability(fake, (u8)offset, offset == 0xfc ? PCI_CAP_MSIX : PCI_CAP_VENDOR);
    assert_int_equal(pci_find_capability(device, PCI_CAP_MSIX, 0), 0xfc);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_pointer_0xff, set_up, tear_down)
{
    add_list();
    fake->config[0x41] = 0xff; /* 0xfc after the reserved bits: zeros there */
    assert_int_equal(pci_find_capability(device, PCI_CAP_EXPRESS, 0), 0);
    fake_pci_set(fake, 0xfc, 2, 0xffff);
    assert_int_equal(pci_find_capability(device, PCI_CAP_EXPRESS, 0), 0);
}

TEST_WITH(test_vanished_device, set_up, tear_down)
{
    add_list();
    for (i64 accesses = 0; accesses < 6; accesses++) {
        fake->present = true;
        fake->vanishes_after = accesses;
        assert_int_equal(pci_find_capability(device, PCI_CAP_EXPRESS, 0), 0);
    }
}

TEST_WITH(test_unknown_header_type, set_up, tear_down)
{
    add_list();
    fake->config[0x0e] = 2;
    pci_init(&boot);
    assert_int_equal(pci_scan(), 1);
    assert_int_equal(pci_find_capability(device, PCI_CAP_VENDOR, 0), 0);
}
