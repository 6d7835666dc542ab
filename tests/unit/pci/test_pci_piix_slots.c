/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The slots of QEMU's machine `pc`: a chipset with the registers of pci_piix_slots.c, on
 * a root bus with devices that are asked out.
 */
#include "extras/pci_hotplug/pci_hotplug.h"
#include "tests/fakes/fake_pci_setup.h"
#include "tests/unit/unit.h"

#define BUS_OF_NO_DEVICE 7

static struct fake_pci_function *cards[2]; /* functions 0 and 1 of slot 5 */
static struct {
    u32 bus; /* selected */
    u32 down;
    u32 ejected;
    unsigned nr_reads;
    bool keeps; /* the card stays */
} chipset;

static u32 read_register(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    assert_int_equal(bytes, 4);
    assert_int_equal(offset, 4);
    chipset.nr_reads++;
    return chipset.bus == 0 ? chipset.down : 0xff;
}

static void write_register(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    assert_int_equal(bytes, 4);
    if (offset == 0x10) {
        chipset.bus = value;
        return;
    }
    assert_int_equal(offset, 8);
    assert_int_equal(chipset.bus, 0);
    chipset.ejected |= value;
    if (chipset.keeps)
        return;
    chipset.down &= ~value;
    for (unsigned i = 0; i < 2; i++) {
        if ((value >> 5 & 1) != 0 && cards[i]->present)
            fake_pci_remove(cards[i]);
    }
}

static const struct fake_registers registers = {read_register, write_register};

static void set_up_pc(void)
{
    set_up();
    memset(&chipset, 0, sizeof(chipset));
    chipset.bus = BUS_OF_NO_DEVICE;
    fake_port_claim(0xae00, 0x18, &registers, NULL);
    fake_pci_add(root, 1, 0, 0x8086, 0x7000);
    struct fake_pci_function *power = fake_pci_add(root, 1, 3, 0x8086, 0x7113);
    fake_pci_set(power, PCI_SUBSYSTEM, 4, 0x11001af4);
    cards[0] = fake_pci_add(root, 5, 0, 0x1af4, 0x1058);
    cards[1] = fake_pci_add(root, 5, 1, 0x1af4, 0x1045);
}

static bool poll(void)
{
    fake_advance_ms(PCI_HOTPLUG_ACPI_MS);
    return pci_hotplug_poll(platform_now_ms());
}

static void begin(void)
{
    first_scan(5);
    assert_int_equal(pci_hotplug_init(), 0);
}

TEST_WITH(test_asked_out_and_ejected, set_up_pc, tear_down)
{
    begin();
    assert_false(poll());
    chipset.down = 1 << 5 | 1 << 9; /* and of an empty slot */
    assert_true(poll());
    assert_true(at("5.0")->removal_requested);
    assert_true(at("5.1")->removal_requested);
    assert_false(at("0.0")->removal_requested);
    assert_false(poll()); /* it is known */
    assert_int_equal(chipset.ejected, 0);
    assert_int_equal(pci_hotplug_eject(at("5.1")), OK);
    assert_int_equal(chipset.ejected, 1 << 5);
    assert_null(at("5.0"));
    assert_null(at("5.1"));
    assert_false(poll());
}

TEST_WITH(test_card_that_stays, set_up_pc, tear_down)
{
    begin();
    chipset.keeps = true;
    chipset.down = 1 << 5;
    assert_true(poll());
    assert_int_equal(pci_hotplug_eject(at("5.0")), OK);
    assert_non_null(at("5.0"));
    assert_false(at("5.0")->removal_requested); /* or its driver would eject it for ever */
    assert_true(poll());
}

TEST_WITH(test_no_such_chipset, set_up_pc, tear_down)
{
    static const struct {
        u16 offset;
        u32 value;
    } cases[] = {
        {PCI_SUBSYSTEM, 0x11008086}, /* not QEMU's */
        {PCI_VENDOR_ID, 0x71118086}, /* something else */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up_pc();
        chipset.down = 1 << 5;
        struct fake_pci_function *power = root->functions;
        while (power->device != 1 || power->function != 3)
            power = power->next;
        fake_pci_set(power, cases[i].offset, 4, cases[i].value);
        begin();
        assert_false(poll());
        assert_int_equal(chipset.nr_reads, 0);
        assert_int_equal(pci_hotplug_eject(at("5.0")), E_UNSUPPORTED);
    }
}

TEST_WITH(test_registers_that_are_not_there, set_up_pc, tear_down)
{
    begin();
    chipset.down = 0xffffffff;
    assert_false(poll());
    assert_false(at("5.0")->removal_requested);
}

TEST_WITH(test_other_buses_stay, set_up_pc, tear_down)
{
    struct fake_pci_bus *behind = fake_pci_add_bridge(root, 6, 1, 1);
    fake_pci_add(behind, 5, 0, 0x1af4, 0x1058);
    first_scan(7);
    assert_int_equal(pci_hotplug_init(), 0);
    chipset.down = 1 << 5;
    assert_true(poll());
    assert_false(at("1:5.0")->removal_requested);
    assert_int_equal(pci_hotplug_eject(at("1:5.0")), E_UNSUPPORTED);
}
