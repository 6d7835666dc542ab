/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hotplug slots: cards that come, go when asked, are pulled, do not answer, or
 * bring slots of their own.
 */
#include "extras/pci_hotplug/pci_hotplug.h"
#include "extras/pci_hotplug/slot_spec.h"
#include "tests/fakes/fake_pci_setup.h"
#include "tests/fakes/fake_pci_slot.h"
#include "tests/unit/unit.h"

static struct fake_pci_slot *slot;

static void set_up_one_slot(void)
{
    set_up();
    fake_pci_slots_reset();
    slot = fake_pci_slot_add(root, 3, 1, PCI_EXPRESS_TYPE_ROOT_PORT);
}

static bool poll(void)
{
    fake_advance_ms(PCI_HOTPLUG_POLL_MS);
    return pci_hotplug_poll(platform_now_ms());
}

static void begin(int nr_functions, unsigned nr_expected)
{
    first_scan(nr_functions);
    assert_int_equal(pci_hotplug_init(), nr_expected);
}

/* ---- which ports have slots ---- */

TEST_WITH(test_ports_without_a_hotplug_slot, set_up_one_slot, tear_down)
{
    static const struct {
        u16 offset;
        u32 value;
    } cases[] = {
        {FAKE_PCI_SLOT_EXPRESS + PCI_EXPRESS_FLAGS, 0x0042},         /* no slot */
        {FAKE_PCI_SLOT_EXPRESS + PCI_SLOT_CAPABILITIES, 0x00000003}, /* no hotplug */
        {FAKE_PCI_SLOT_EXPRESS + PCI_EXPRESS_FLAGS, 0x0152},         /* an upstream port */
        {FAKE_PCI_SLOT_EXPRESS, 0x0009},                             /* no PCI Express capability */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up_one_slot();
        fake_pci_set(slot->bus->bridge, cases[i].offset, 2, cases[i].value);
        begin(2, 0);
        fake_pci_slot_plug(slot);
        assert_false(poll());
    }
}

TEST_WITH(test_capability_at_the_end_of_config_space, set_up_one_slot, tear_down)
{
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 4, 2, 2);
    fake_pci_add_capability(port->bridge, 0xf0, PCI_CAP_EXPRESS);
    fake_pci_set(port->bridge, 0xf2, 2, 0x0142);
    begin(3, 1);
}

/* ---- coming ---- */

TEST_WITH(test_card_is_powered_and_found, set_up_one_slot, tear_down)
{
    begin(2, 1);
    assert_false(poll());
    struct fake_pci_function *card = fake_pci_slot_plug(slot);
    assert_true(poll());
    u32 control = fake_pci_get(slot->bus->bridge, FAKE_PCI_SLOT_CONTROL, 2);
    assert_int_equal(control & PCI_SLOT_POWER_OFF, 0);
    assert_int_equal(control & PCI_SLOT_POWER_LIGHT_MASK, PCI_SLOT_POWER_LIGHT_ON);
    assert_int_equal(control & PCI_SLOT_INTERRUPTS, 0);
    struct pci_device *device = at("1:0.0");
    assert_non_null(device);
    pci_claim_bars(device);
    fake_pci_switch_on(device);
    assert_int_equal(fake_pci_decodes(card, 4), 0xe0c00000);
    assert_false(poll());
}

TEST_WITH(test_polls_are_spaced, set_up_one_slot, tear_down)
{
    begin(2, 1);
    assert_false(poll());
    fake_pci_slot_plug(slot);
    unsigned before = fake_pci_nr_config_accesses();
    fake_advance_ms(PCI_HOTPLUG_POLL_MS - 1);
    assert_false(pci_hotplug_poll(platform_now_ms()));
    assert_int_equal(fake_pci_nr_config_accesses(), before);
    fake_advance_ms(1);
    assert_true(pci_hotplug_poll(platform_now_ms()));
}

TEST_WITH(test_an_idle_slot_costs_one_access, set_up_one_slot, tear_down)
{
    begin(2, 1);
    poll();
    unsigned before = fake_pci_nr_config_accesses();
    assert_false(poll());
    assert_int_equal(fake_pci_nr_config_accesses() - before, 1);
}

TEST_WITH(test_card_that_was_there_at_boot, set_up_one_slot, tear_down)
{
    fake_pci_set(slot->bus->bridge, FAKE_PCI_SLOT_CONTROL, 2, 0x01c0);
    fake_pci_slot_plug(slot);
    begin(3, 1);
    assert_false(poll()); /* what happened before us is no news */
    assert_non_null(at("1:0.0"));
}

TEST_WITH(test_card_without_power_at_boot, set_up_one_slot, tear_down)
{
    fake_pci_slot_plug(slot);
    begin(2, 1);
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

TEST_WITH(test_card_that_has_power_but_no_answer_at_boot, set_up_one_slot, tear_down)
{
    fake_pci_set(slot->bus->bridge, FAKE_PCI_SLOT_CONTROL, 2, 0x01c0);
    fake_pci_slot_plug(slot);
    slot->card_is_dead = true;
    fake_pci_slot_update(slot);
    begin(2, 1);
    assert_false(poll());
    slot->card_is_dead = false;
    fake_pci_slot_update(slot);
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

TEST_WITH(test_card_that_takes_its_time, set_up_one_slot, tear_down)
{
    begin(2, 1);
    fake_pci_slot_plug(slot);
    slot->card_is_dead = true;
    assert_false(poll());
    for (unsigned i = 0; i < 10; i++) {
        fake_advance_ms(PCI_HOTPLUG_WAIT_MS);
        assert_int_equal(pci_hotplug_due_ms(), platform_now_ms());
        assert_false(pci_hotplug_poll(platform_now_ms()));
    }
    slot->card_is_dead = false;
    fake_pci_slot_update(slot);
    fake_advance_ms(PCI_HOTPLUG_WAIT_MS);
    assert_true(pci_hotplug_poll(platform_now_ms()));
    assert_non_null(at("1:0.0"));
}

TEST_WITH(test_card_that_never_answers, set_up_one_slot, tear_down)
{
    begin(2, 1);
    fake_pci_slot_plug(slot);
    slot->card_is_dead = true;
    for (unsigned i = 0; i < 50; i++)
        assert_false(poll());
    assert_false(fake_pci_slot_is_powered(slot));
    assert_logged("does not answer");
    slot->card_is_dead = false;
    fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

TEST_WITH(test_card_pulled_before_it_answered, set_up_one_slot, tear_down)
{
    begin(2, 1);
    fake_pci_slot_plug(slot);
    slot->card_is_dead = true;
    fake_pci_slot_update(slot);
    assert_false(poll());
    assert_true(fake_pci_slot_is_powered(slot));
    fake_pci_slot_take(slot);
    assert_false(poll());
    assert_false(fake_pci_slot_is_powered(slot));
}

/* ---- going ---- */

static struct pci_device *plugged(void)
{
    begin(2, 1);
    fake_pci_slot_plug(slot);
    assert_true(poll());
    return at("1:0.0");
}

static void ask_out(void)
{
    fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    slot->leaves_with_power = true;
}

TEST_WITH(test_removal_on_request, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    struct pci_device *port = at("3");
    assert_false(device->removal_requested);
    ask_out();
    assert_true(poll());
    assert_true(device->removal_requested);
    assert_false(port->removal_requested);
    assert_true(device->present);
    assert_true(fake_pci_slot_is_powered(slot));
    assert_false(poll()); /* until the driver lets go, nothing happens */
    assert_int_equal(pci_hotplug_eject(device), OK);
    assert_false(device->present);
    assert_false(fake_pci_slot_is_powered(slot));
    assert_null(slot->card);
    assert_false(poll());
    /* And the next card in the same slot is another occupant. */
    u32 occupant = device->occupant;
    fake_pci_slot_plug(slot);
    assert_true(poll());
    assert_ptr_equal(at("1:0.0"), device);
    assert_true(device->occupant != occupant);
    assert_false(device->removal_requested);
}

TEST_WITH(test_request_withdrawn, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    ask_out();
    assert_true(poll());
    fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    assert_true(poll());
    assert_false(device->removal_requested);
    assert_true(device->present);
}

/* A real card stays in its slot until a hand takes it: it may still answer for a moment. */
TEST_WITH(test_card_that_stays_in_the_slot, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    fake_pci_slot_set(slot, PCI_SLOT_BUTTON_PRESSED);
    assert_true(poll());
    slot->bus->bridge->written = NULL; /* power off has no effect yet */
    assert_int_equal(pci_hotplug_eject(device), OK);
    assert_false(device->present);
    assert_false(poll());
    scan(2);
    assert_false(device->present);
    fake_pci_slot_take(slot);
    assert_false(poll());
}

TEST_WITH(test_pulled_without_asking, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    fake_pci_slot_take(slot);
    assert_true(poll());
    assert_false(device->present);
    assert_false(fake_pci_slot_is_powered(slot));
    assert_logged("pulled out");
}

TEST_WITH(test_port_that_vanishes, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    fake_pci_remove(slot->bus->bridge);
    assert_false(poll()); /* all ones are no event */
    scan(1);
    assert_false(device->present);
    assert_false(poll());
}

TEST_WITH(test_swapped_between_two_polls, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    u32 occupant = device->occupant;
    fake_pci_slot_take(slot);
    fake_pci_set(slot->bus->bridge, FAKE_PCI_SLOT_CONTROL, 2,
                 0x07c0); /* the slot went off with it */
    fake_pci_slot_plug(slot);
    assert_true(poll());
    assert_false(device->present); /* its driver learns that the old one has gone */
    assert_true(poll());
    assert_true(device->present);
    assert_true(device->occupant != occupant);
}

/* A change that leaves the card running is looked at, and costs it nothing. */
TEST_WITH(test_change_without_consequence, set_up_one_slot, tear_down)
{
    struct pci_device *device = plugged();
    u32 occupant = device->occupant;
    fake_pci_add(slot->bus, 0, 1, 0x1af4, 0x1045);
    fake_pci_slot_set(slot, PCI_SLOT_PRESENCE_CHANGED);
    assert_true(poll());
    assert_non_null(at("1:0.1")); /* what it has more is found */
    assert_true(device->present);
    assert_int_equal(device->occupant, occupant);
    assert_true(fake_pci_slot_is_powered(slot));
    assert_false(poll());
}

TEST_WITH(test_eject_of_one_among_two, set_up_one_slot, tear_down)
{
    struct fake_pci_slot *second = fake_pci_slot_add(root, 4, 2, PCI_EXPRESS_TYPE_ROOT_PORT);
    begin(3, 2);
    fake_pci_slot_plug(slot);
    fake_pci_slot_plug(second);
    assert_true(poll());
    assert_int_equal(pci_hotplug_eject(at("2:0.0")), OK);
    assert_null(at("2:0.0"));
    assert_non_null(at("1:0.0"));
    assert_true(fake_pci_slot_is_powered(slot));
}

TEST_WITH(test_more_functions_than_the_table, set_up_one_slot, tear_down)
{
    for (u8 device = 8; device < 32; device++) {
        for (u8 function = 0; function < 8; function++)
            fake_pci_add(root, device, function, 0x1af4, 0x1045);
    }
    struct fake_pci_bus *other = fake_pci_add_bridge(root, 4, 9, 9);
    for (u8 device = 0; device < 8; device++) {
        for (u8 function = 0; function < 8; function++)
            fake_pci_add(other, device, function, 0x1af4, 0x1045);
    }
    pci_init(&boot);
    assert_int_equal(pci_scan(), E_NOMEM);
    assert_int_equal(pci_hotplug_init(), 1);
    fake_pci_slot_plug(slot);
    assert_true(poll());
    assert_logged("the scan after a change in a slot failed (nomem)");
}

TEST_WITH(test_eject_without_a_slot, set_up_one_slot, tear_down)
{
    fake_pci_add(root, 9, 0, 0x1af4, 0x1058);
    begin(3, 1);
    assert_int_equal(pci_hotplug_eject(at("9")), E_UNSUPPORTED);
    fake_pci_slot_plug(slot);
    assert_true(poll());
    struct pci_device *device = at("1:0.0");
    assert_int_equal(pci_hotplug_eject(device), OK);
    assert_int_equal(pci_hotplug_eject(device), E_UNSUPPORTED);
}

/* ---- slots that come and go themselves ---- */

TEST_WITH(test_switch_brings_slots, set_up_one_slot, tear_down)
{
    fake_pci_set(slot->bus->bridge, PCI_BRIDGE_BUSES, 4, 0x00040100); /* room for three more */
    begin(2, 1);
    struct fake_pci_bus *upstream = fake_pci_add_bridge(slot->bus, 0, 0, 0);
    struct fake_pci_slot *inner = fake_pci_slot_add(upstream, 1, 0, PCI_EXPRESS_TYPE_DOWNSTREAM);
    fake_pci_set(inner->bus->bridge, PCI_BRIDGE_BUSES, 4, 0);
    fake_pci_slot_insert(slot, upstream->bridge);
    assert_true(poll());
    assert_non_null(at("2:1.0"));
    fake_pci_slot_plug(inner);
    assert_true(poll());
    struct pci_device *device = at("3:0.0");
    assert_non_null(device);
    /* Asked of the outer slot, all that is behind it goes. */
    ask_out();
    assert_true(poll());
    assert_true(device->removal_requested);
    fake_pci_slot_take(slot);
    assert_true(poll());
    assert_false(device->present);
    assert_null(at("2:1.0"));
    fake_pci_slot_set(inner, PCI_SLOT_BUTTON_PRESSED);
    assert_false(poll()); /* nobody looks at a slot that is gone */
    /* The switch comes back, reset, and so do its slots, empty or not. */
    fake_pci_set(upstream->bridge, PCI_BRIDGE_BUSES, 4, 0);
    fake_pci_set(inner->bus->bridge, PCI_BRIDGE_BUSES, 4, 0);
    fake_pci_slot_take(inner);
    fake_pci_slot_insert(slot, upstream->bridge);
    assert_true(poll());
    assert_null(at("3:0.0"));
    fake_pci_slot_plug(inner);
    assert_true(poll());
    assert_non_null(at("3:0.0"));
}

TEST_WITH(test_more_slots_than_are_watched, set_up_one_slot, tear_down)
{
    /* Only the ports' registers matter here: they need no fake_slot of their own. */
    for (unsigned i = 0; i < 70; i++) {
        struct fake_pci_bus *port =
            fake_pci_add_bridge(root, (u8)(4 + i / 8), (u8)(2 + i), (u8)(2 + i));
        port->bridge->function = (u8)(i % 8);
        port->bridge->config[PCI_CACHE_LINE_SIZE + 2] |= PCI_HEADER_MULTI_FUNCTION;
        fake_pci_add_capability(port->bridge, FAKE_PCI_SLOT_EXPRESS, PCI_CAP_EXPRESS);
        fake_pci_set(port->bridge, FAKE_PCI_SLOT_EXPRESS + PCI_EXPRESS_FLAGS, 2, 0x0142);
        fake_pci_set(port->bridge, FAKE_PCI_SLOT_EXPRESS + PCI_SLOT_CAPABILITIES, 4,
                     PCI_SLOT_CAP_HOTPLUG);
    }
    begin(72, 64);
    assert_logged("more than 64 hotplug slots");
    assert_false(poll());
}
