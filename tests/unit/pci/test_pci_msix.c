/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI-X: the table's size and place, and the order of what is written to it. */
#include <stdio.h>

#include "tests/unit/unit.h"

#include "extras/msix/msix.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_pci.h"
#include "tests/fakes/fake_platform.h"

#define CAPABILITY 0x98
#define BAR_BYTES  (64 * KIB)

static struct boot_info boot;
static struct fake_pci_function *fake;
static u32 table[BAR_BYTES / 4];
static bool torn; /* an entry was written while its vector was not masked */

static u32 read_table(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    assert_int_equal(bytes, 4);
    return table[offset / 4];
}

static void write_table(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    assert_int_equal(bytes, 4);
    u64 control = offset / PCI_MSIX_ENTRY_BYTES * 4 + 3;
    if (offset / 4 != control && !(table[control] & PCI_MSIX_ENTRY_MASKED))
        torn = true;
    table[offset / 4] = value;
}

static const struct fake_registers table_registers = {read_table, write_table};

static void set_up(void)
{
    fake_boot(&boot, 64 * MIB);
    fake = fake_pci_add(fake_pci_start(), 4, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(fake, 1, 0, BAR_BYTES, 0xfe000000, &table_registers, NULL);
    fake_pci_add_capability(fake, 0x84, PCI_CAP_VENDOR);
    fake_pci_add_capability(fake, CAPABILITY, PCI_CAP_MSIX);
    fake->writable[CAPABILITY + PCI_MSIX_CONTROL + 1] = 0xc0;
    memset(table, 0, sizeof(table)); /* all unmasked, as an earlier driver may leave them */
    torn = false;
}

static void tear_down(void)
{
    fake_pci_stop();
    fake_shutdown();
}

static void set_capability(u16 control, u32 where)
{
    fake_pci_set(fake, CAPABILITY + PCI_MSIX_CONTROL, 2, control);
    fake_pci_set(fake, CAPABILITY + PCI_MSIX_TABLE, 4, where);
}

static u16 control(void)
{
    return (u16)fake_pci_get(fake, CAPABILITY + PCI_MSIX_CONTROL, 2);
}

static int init(struct pci_msix *msix)
{
    pci_init(&boot);
    assert_int_equal(pci_scan(), 1);
    fake_pci_switch_on(pci_device_at(0));
    return pci_msix_init(msix, pci_device_at(0));
}

TEST_WITH(test_place_and_size, set_up, tear_down)
{
    static const struct {
        u16 control;
        u32 where;
        int status;
        u16 nr_vectors;
    } cases[] = {
        {0x0000, 1, OK, 1},
        {0x0001, 0x1000 | 1, OK, 2},
        {0x07ff, 1, OK, 2048},
        {0x07ff, 0x8000 | 1, OK, 2048},    /* to the last byte of the BAR */
        {0x07ff, 0x8008 | 1, E_RANGE, 0},  /* past it */
        {0x0000, 0xfff8 | 1, E_RANGE, 0},  /* its one entry is cut */
        {0x0000, 0x10000 | 1, E_RANGE, 0}, /* begins where the BAR ends */
        {0x0000, 0xfffffff8 | 1, E_RANGE, 0},
        {0x0000, 0, E_NODEV, 0}, /* BAR 0 is not there */
        {0x0000, 6, E_NODEV, 0}, /* reserved */
        {0x0000, 7, E_NODEV, 0},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        set_capability(cases[i].control, cases[i].where);
        struct pci_msix msix;
        int status = init(&msix);
        if (status != cases[i].status || msix.nr_vectors != cases[i].nr_vectors)
            fail_msg("case %u: %d, %u vectors", i, status, msix.nr_vectors);
        assert_int_equal(msix.capability, status == OK ? CAPABILITY : 0);
        char log[64];
        snprintf(log, sizeof(log), "at 0x%x of BAR %u", cases[i].where & ~7u, cases[i].where & 7);
        assert_true((strstr(fake_console(), log) != NULL) == (status != OK));
    }
}

TEST_WITH(test_without_the_capability, set_up, tear_down)
{
    fake->config[CAPABILITY] = PCI_CAP_VENDOR;
    struct pci_msix msix;
    assert_int_equal(init(&msix), E_NODEV);
    assert_int_equal(msix.capability, 0);
    assert_string_equal(fake_console(), ""); /* nothing wrong with that */
}

TEST_WITH(test_init_silences_an_earlier_life, set_up, tear_down)
{
    set_capability(0xc002, 1);
    struct pci_msix msix;
    assert_int_equal(init(&msix), OK);
    assert_int_equal(control() & PCI_MSIX_CONTROL_ENABLE, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(table[4 * i + 3], PCI_MSIX_ENTRY_MASKED);
    assert_int_equal(table[4 * 3 + 3], 0); /* not ours */
}

TEST_WITH(test_set_and_mask, set_up, tear_down)
{
    set_capability(0x0002, 0x1000 | 1);
    struct pci_msix msix;
    assert_int_equal(init(&msix), OK);
    const struct irq_message message = {0x12fee00000, 0x4041};
    assert_int_equal(pci_msix_set(&msix, 2, message), OK);
    const u32 *entry = &table[0x1000 / 4 + 2 * 4];
    assert_int_equal(entry[0], 0xfee00000);
    assert_int_equal(entry[1], 0x12);
    assert_int_equal(entry[2], 0x4041);
    assert_int_equal(entry[3], 0);
    assert_int_equal(pci_msix_set(&msix, 2, message), OK); /* again, while it is live */
    assert_false(torn);
    pci_msix_mask(&msix, 2);
    assert_int_equal(entry[3], PCI_MSIX_ENTRY_MASKED);
    assert_int_equal(pci_msix_set(&msix, 3, message), E_RANGE);
    assert_int_equal(pci_msix_set(&msix, 0xffff, message), E_RANGE);
}

TEST_WITH(test_mask_past_the_table_is_our_own_fault, set_up, tear_down)
{
    set_capability(0x0002, 1);
    struct pci_msix msix;
    assert_int_equal(init(&msix), OK);
    assert_panics(pci_msix_mask(&msix, 3), "vector < msix->nr_vectors");
}

TEST_WITH(test_enable, set_up, tear_down)
{
    set_capability(0x4002, 1); /* masked as a whole by someone before us */
    struct pci_msix msix;
    assert_int_equal(init(&msix), OK);
    pci_msix_enable(&msix, true);
    assert_int_equal(control(), PCI_MSIX_CONTROL_ENABLE | 0x0002);
    pci_msix_enable(&msix, false);
    assert_int_equal(control(), 0x0002);
}
