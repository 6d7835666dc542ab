/* SPDX-License-Identifier: BSD-2-Clause */
/* Which way config space is reached: ports, ECAM, and when which is believed. */
#include "tests/unit/unit.h"

#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_platform.h"

#define ECAM_BASE ((u64)0xb0000000)

static struct boot_info boot;
static struct fake_pci_bus *root;
static struct fake_pci_function *host_bridge;

static void set_up(void)
{
    fake_boot(&boot, 64 * MIB);
    root = fake_pci_start();
    host_bridge = fake_pci_add(root, 0, 0, 0x8086, 0x29c0);
}

static void tear_down(void)
{
    fake_pci_stop();
    fake_shutdown();
}

static void scan(int expected)
{
    pci_init(&boot);
    assert_int_equal(pci_scan(), expected);
}

/* Firmware names the windows; those in `answering` really are there. */
static void set_windows(const struct platform_ecam *windows, unsigned nr_windows,
                        unsigned answering)
{
    fake_set_ecam(windows, nr_windows);
    for (unsigned i = 0; i < nr_windows; i++) {
        if (i < 32 && (answering >> i & 1))
            fake_pci_add_ecam(windows[i]);
    }
}

static u32 nothing(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)offset;
    return 0xffffffffu >> (32 - 8 * bytes);
}

static u32 zeros(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)offset;
    (void)bytes;
    return 0;
}

/* Only through ECAM does anything answer beyond 256 bytes. */
static bool has_ecam(const struct pci_device *device)
{
    return pci_read32(device, 0x100) != 0xffffffff;
}

/* ---- widths, by each way ---- */

static void check_widths(const struct pci_device *device, struct fake_pci_function *fake)
{
    memset(&fake->writable[0x40], 0xff, 8);
    fake_pci_set(fake, 0x40, 4, 0x44332211);
    for (u16 i = 0; i < 4; i++)
        assert_int_equal(pci_read8(device, (u16)(0x40 + i)), 0x11 * (i + 1));
    assert_int_equal(pci_read16(device, 0x40), 0x2211);
    assert_int_equal(pci_read16(device, 0x42), 0x4433);
    assert_int_equal(pci_read32(device, 0x40), 0x44332211);
    pci_write8(device, 0x41, 0xaa);
    pci_write16(device, 0x42, 0xbbcc);
    assert_int_equal(fake_pci_get(fake, 0x40, 4), 0xbbccaa11);
    pci_write32(device, 0x44, 0x01020304);
    assert_int_equal(fake_pci_get(fake, 0x44, 4), 0x01020304);
    assert_int_equal(fake_pci_get(fake, 0x48, 4), 0);
}

TEST_WITH(test_ports, set_up, tear_down)
{
    struct fake_pci_function *fake = fake_pci_add(root, 0x1f, 0, 0x1af4, 0x1058);
    struct fake_pci_function *seventh = fake_pci_add(root, 0x1f, 7, 0x1af4, 0x1045);
    scan(3);
    check_widths(pci_device_at(1), fake);
    check_widths(pci_device_at(2), seventh);
    assert_false(has_ecam(pci_device_at(1)));
    assert_int_equal(pci_read32(pci_device_at(1), 0x100), 0xffffffff);
    unsigned nr_accesses = fake_pci_nr_config_accesses();
    pci_write32(pci_device_at(1), 0x100, 0x12345678); /* goes nowhere */
    pci_write32(pci_device_at(1), 0xfffc, 0x12345678);
    assert_int_equal(fake_pci_nr_config_accesses(), nr_accesses);
}

TEST_WITH(test_ecam, set_up, tear_down)
{
    static const struct platform_ecam window = {ECAM_BASE, 0, 0, 0xff};
    set_windows(&window, 1, 1);
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 2, 0x80, 0x80);
    struct fake_pci_function *fake = fake_pci_add(behind, 0x1f, 0, 0x1af4, 0x1058);
    struct fake_pci_function *seventh = fake_pci_add(behind, 0x1f, 7, 0x1af4, 0x1045);
    fake_pci_set(seventh, 0xffc, 4, 0xcafef00d);
    scan(4);
    check_widths(pci_device_at(2), fake);
    check_widths(pci_device_at(3), seventh);
    assert_true(has_ecam(pci_device_at(3)));
    assert_int_equal(pci_read32(pci_device_at(3), 0xffc), 0xcafef00d);
    assert_int_equal(pci_read32(pci_device_at(3), 0x1000), 0xffffffff);
    assert_int_equal(pci_read8(pci_device_at(3), 0x1000), 0xff);
    pci_write32(pci_device_at(3), 0x1000, 0x12345678); /* goes nowhere, not to the next function */
}

/* ---- which one is believed ---- */

TEST_WITH(test_ecam_that_nobody_switched_on, set_up, tear_down)
{
    static const struct fake_registers absent = {.read = nothing};
    static const struct fake_registers ram = {.read = zeros};
    const struct fake_registers *const fakes[] = {&absent, &ram};
    for (unsigned i = 0; i < ARRAY_SIZE(fakes); i++) {
        tear_down();
        set_up();
        static const struct platform_ecam window = {ECAM_BASE, 0, 0, 0xff};
        set_windows(&window, 1, 0);
        fake_mmio_claim(ECAM_BASE, 256 * MIB, fakes[i], NULL);
        scan(1);
        assert_non_null(strstr(fake_console(), "using the ports"));
        assert_false(has_ecam(pci_device_at(0)));
    }
}

TEST_WITH(test_machine_without_ports, set_up, tear_down)
{
    static const struct platform_ecam window = {ECAM_BASE, 0, 0, 0xff};
    set_windows(&window, 1, 1);
    fake_pci_without_ports();
    scan(1);
    assert_true(has_ecam(pci_device_at(0)));
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_machine_without_pci, set_up, tear_down)
{
    fake_pci_without_ports();
    scan(0);
    assert_null(pci_device_at(0));
}

TEST_WITH(test_senseless_windows, set_up, tear_down)
{
    static const struct platform_ecam windows[] = {
        {0, 0, 0, 0xff},         {ECAM_BASE + 4096, 0, 0, 0xff},
        {ECAM_BASE, 0, 9, 8},    {0xfffffffffff00000, 0, 0, 0xff},
        {(u64)1 << 46, 0, 0, 0},
    };
    set_windows(windows, ARRAY_SIZE(windows), 0);
    scan(1);
    assert_int_equal(fake_console_said("makes no sense"), ARRAY_SIZE(windows));
}

TEST_WITH(test_too_many_windows, set_up, tear_down)
{
    struct platform_ecam windows[40];
    for (u16 i = 0; i < ARRAY_SIZE(windows); i++)
        windows[i] = (struct platform_ecam){ECAM_BASE + i * MIB, i, 0, 0};
    set_windows(windows, ARRAY_SIZE(windows), 0);
    static const struct fake_registers absent = {.read = nothing};
    fake_mmio_claim(ECAM_BASE, MIB, &absent, NULL);
    fake_mmio_claim(ECAM_BASE + MIB, 39 * MIB, &absent, NULL);
    scan(1);
    assert_non_null(strstr(fake_console(), "more than 16 ECAM windows"));
}

/* ---- several of them ---- */

TEST_WITH(test_segments, set_up, tear_down)
{
    static const struct platform_ecam windows[] = {
        {ECAM_BASE, 0, 0, 0x0f},
        {0xa0000000, 1, 0x20, 0x2f},
        {0x90000000, 0xffff, 0, 1},
    };
    set_windows(windows, ARRAY_SIZE(windows), 7);
    struct fake_pci_bus *second = fake_pci_add_root(1, 0x20);
    struct fake_pci_bus *third = fake_pci_add_root(0xffff, 0);
    fake_pci_add(second, 3, 0, 0x1af4, 0x1058);
    struct fake_pci_bus *unnumbered = fake_pci_add_bridge(second, 4, 0, 0);
    fake_pci_add(unnumbered, 5, 0, 0x1af4, 0x1058);
    fake_pci_add(third, 6, 0, 0x1af4, 0x1058);
    scan(5);
    static const char *const expected[] = {"0000:00:00.0", "0001:20:03.0", "0001:20:04.0",
                                           "0001:21:05.0", "ffff:00:06.0"};
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        char text[PCI_ADDRESS_TEXT_BYTES];
        assert_string_equal(pci_address_text(pci_device_at(i)->address, text), expected[i]);
    }
}

/* Bus numbers past the window would be out of reach. */
TEST_WITH(test_new_bus_numbers_stay_in_the_window, set_up, tear_down)
{
    static const struct platform_ecam window = {0xa0000000, 1, 0, 1};
    set_windows(&window, 1, 1);
    struct fake_pci_bus *second = fake_pci_add_root(1, 0);
    struct fake_pci_bus *first = fake_pci_add_bridge(second, 1, 0, 0);
    struct fake_pci_bus *late = fake_pci_add_bridge(second, 2, 0, 0);
    scan(3);
    assert_int_equal(fake_pci_get(first->bridge, PCI_BRIDGE_BUSES, 4), 0x00010100);
    assert_int_equal(fake_pci_get(late->bridge, PCI_BRIDGE_BUSES, 4), 0);
    assert_non_null(strstr(fake_console(), "no bus number is left"));
}

/* All ones are what the scan takes for nothing: it goes on without that bus. */
TEST_WITH(test_bus_that_cannot_be_mapped, set_up, tear_down)
{
    static const struct platform_ecam window = {ECAM_BASE, 0, 0, 1};
    set_windows(&window, 1, 1);
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 2, 1, 1);
    struct fake_pci_function *fake = fake_pci_add(behind, 1, 0, 0x1af4, 0x1058);
    pci_init(&boot);
    struct pci_device unseen = {.address = {0, 1, 1, 0}};
    fake_fail_map_mmio(true);
    assert_int_equal(pci_read32(&unseen, 0), 0xffffffff);
    assert_int_equal(pci_read8(&unseen, 0), 0xff);
    pci_write32(&unseen, 0x40, 1);
    fake_fail_map_mmio(false);
    assert_int_equal(fake->nr_accesses, 0);
    assert_int_equal(pci_scan(), 3);
}

/* A window for the first buses only: the ports reach the others. */
TEST_WITH(test_window_for_some_buses, set_up, tear_down)
{
    static const struct platform_ecam window = {ECAM_BASE, 0, 0, 1};
    set_windows(&window, 1, 1);
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 2, 2, 2);
    struct fake_pci_function *fake = fake_pci_add(behind, 1, 0, 0x1af4, 0x1058);
    scan(3);
    check_widths(pci_device_at(2), fake);
    assert_true(has_ecam(pci_device_at(1)));
    assert_false(has_ecam(pci_device_at(2)));
}
