/* SPDX-License-Identifier: BSD-2-Clause */
/* Config space across suspend to RAM: all that was set is back, and reached in an order that works.
 */
#include "extras/suspend/pci_suspend.h"

#include "extras/pci_hotplug/pci_hotplug.h"
#include "extras/pci_hotplug/slot_spec.h"
#include "mm/early.h"
#include "mm/page.h"
#include "tests/fakes/fake_pci_setup.h"
#include "tests/fakes/fake_pci_slot.h"
#include "tests/unit/unit.h"

/* What a reset leaves: no bus numbers, no addresses, no decoding. */
static void lose_power(struct fake_pci_function *function)
{
    for (unsigned i = 0; i < sizeof(function->config); i++)
        function->config[i] = (u8)(function->config[i] & ~function->writable[i]);
}

static void set_up_memory(void)
{
    set_up();
    early_init(&boot);
    page_init(&boot);
}

TEST_WITH(test_a_device_behind_two_bridges, set_up_memory, tear_down)
{
    struct fake_pci_bus *one = fake_pci_add_bridge(root, 2, 1, 2);
    struct fake_pci_bus *two = fake_pci_add_bridge(one, 4, 2, 2);
    struct fake_pci_function *device = fake_pci_add(two, 5, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(device, 0, 0, 4096, FAKE_PCI_MEMORY_BASE, NULL, NULL);
    fake_pci_set_window(one, FAKE_PCI_MEMORY_BASE, FAKE_PCI_MEMORY_BASE + MIB - 1);
    fake_pci_set_window(two, FAKE_PCI_MEMORY_BASE, FAKE_PCI_MEMORY_BASE + MIB - 1);
    first_scan(4);
    fake_pci_switch_on(at("2:5.0"));
    fake_pci_set(device, PCI_INTERRUPT_LINE, 1, 11);
    u64 address = fake_pci_decodes(device, 0);
    assert_int_equal(address, FAKE_PCI_MEMORY_BASE);

    assert_int_equal(pci_suspend(), OK);
    lose_power(device);
    lose_power(two->bridge);
    lose_power(one->bridge);
    assert_int_equal(fake_pci_decodes(device, 0), 0);
    pci_resume();
    assert_int_equal(fake_pci_decodes(device, 0), address);
    assert_int_equal(fake_pci_get(device, PCI_INTERRUPT_LINE, 1), 11);
    assert_numbers(one, 0, 1, 2);
    assert_numbers(two, 0, 2, 2); /* as it was */
    scan(4);
}

/* Firmware and the host may have changed what is in a slot: a scan is to find that, unharmed. */
TEST_WITH(test_another_device_in_the_slot, set_up_memory, tear_down)
{
    struct fake_pci_function *device = fake_pci_add(root, 5, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(device, 0, 0, 4096, FAKE_PCI_MEMORY_BASE, NULL, NULL);
    first_scan(2);
    assert_int_equal(pci_suspend(), OK);
    lose_power(device);
    fake_pci_set(device, PCI_VENDOR_ID + 2, 2, 0x1045);
    pci_resume();
    assert_int_equal(fake_pci_get(device, PCI_BAR0, 4), 0);
    assert_int_equal(fake_pci_get(device, PCI_COMMAND, 2), 0);
}

/* The machine stayed awake: not one write. */
TEST_WITH(test_forgetting_changes_nothing, set_up_memory, tear_down)
{
    struct page_stats before;
    struct page_stats after;
    struct fake_pci_function *device = fake_pci_add(root, 5, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(device, 0, 0, 4096, FAKE_PCI_MEMORY_BASE, NULL, NULL);
    first_scan(2);
    page_get_stats(&before);
    assert_int_equal(pci_suspend(), OK);
    lose_power(device);
    pci_suspend_forget();
    page_get_stats(&after);
    assert_int_equal(before.boot_used, after.boot_used);
    assert_int_equal(fake_pci_get(device, PCI_BAR0, 4), 0);
}

static bool poll(void)
{
    fake_advance_ms(PCI_HOTPLUG_POLL_MS);
    return pci_hotplug_poll(platform_now_ms());
}

/* The reset has cleared the port's events. */
TEST_WITH(test_card_that_came_while_asleep, set_up_memory, tear_down)
{
    fake_pci_slots_reset();
    struct fake_pci_slot *slot = fake_pci_slot_add(root, 3, 1, PCI_EXPRESS_TYPE_ROOT_PORT);
    first_scan(2);
    assert_int_equal(pci_hotplug_init(), 1);
    assert_false(poll());
    fake_pci_slot_plug(slot);
    u16 status = (u16)fake_pci_get(slot->bus->bridge, FAKE_PCI_SLOT_STATUS, 2);
    fake_pci_set(slot->bus->bridge, FAKE_PCI_SLOT_STATUS, 2, status & (u16)~PCI_SLOT_EVENTS);
    assert_false(poll());
    pci_hotplug_resume(platform_now_ms());
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

TEST_WITH(test_nothing_is_kept, set_up_memory, tear_down)
{
    struct page_stats before;
    struct page_stats after;
    first_scan(1);
    page_get_stats(&before);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pci_suspend(), OK);
        pci_resume();
    }
    page_get_stats(&after);
    assert_int_equal(before.boot_used, after.boot_used);
}

TEST_WITH(test_no_memory, set_up_memory, tear_down)
{
    first_scan(1);
    while (page_alloc(0, PAGE_KERNEL) != PADDR_NONE)
        ;
    assert_int_equal(pci_suspend(), E_NOMEM);
    pci_resume(); /* there is nothing to put back */
}

/* Registers of the chipset come back by the ports, and those of other devices are left alone. */
TEST_WITH(test_chipset, set_up_memory, tear_down)
{
    struct fake_pci_function *isa = fake_pci_add(root, 31, 0, 0x8086, 0x2918);
    struct fake_pci_function *other = fake_pci_add(root, 3, 0, 0x1af4, 0x1045);
    fake_pci_set(isa, PCI_CLASS_REVISION + 2, 2, 0x0601);
    for (unsigned i = 0; i < 4; i++)
        isa->writable[0x60 + i] = other->writable[0x60 + i] = 0xff;
    fake_pci_set(isa, 0x60, 4, 0x0a0b0a0b);
    fake_pci_set(other, 0x60, 4, 0x12345678);
    first_scan(3);
    assert_int_equal(pci_suspend(), OK);
    lose_power(isa);
    lose_power(other);
    pci_resume();
    assert_int_equal(fake_pci_get(isa, 0x60, 4), 0x0a0b0a0b);
    assert_int_equal(fake_pci_get(other, 0x60, 4), 0);
}
