/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hotplug slots: cards that come, go when asked, are pulled, do not answer, or
 * bring slots of their own. The slot behaves as QEMU's: without power the card
 * in it does not answer, and a card that was asked out goes when power does.
 */
#include "drivers/pci/pci_hotplug.h"
#include "tests/unit/fake_pci_setup.h"

#define EXPRESS 0x54
#define CONTROL (EXPRESS + PCI_SLOT_CONTROL)
#define STATUS  (EXPRESS + PCI_SLOT_STATUS)

struct fake_slot {
    struct fake_pci_bus *bus; /* behind the port */
    struct fake_pci_function *card;
    bool card_is_dead;      /* it never answers */
    bool leaves_with_power; /* the card goes when power does */
};

static struct fake_slot slots[4];
static unsigned nr_slots;

static void set_status(struct fake_slot *slot, u16 bits)
{
    fake_pci_set(slot->bus->bridge, STATUS, 2, fake_pci_get(slot->bus->bridge, STATUS, 2) | bits);
}

static bool is_powered(const struct fake_slot *slot)
{
    return !(fake_pci_get(slot->bus->bridge, CONTROL, 2) & PCI_SLOT_POWER_OFF);
}

static void update_card(struct fake_slot *slot)
{
    if (slot->card)
        slot->card->present = is_powered(slot) && !slot->card_is_dead;
}

static void take_card(struct fake_slot *slot)
{
    slot->card->present = false;
    slot->card = NULL;
    slot->leaves_with_power = false;
    u32 status = fake_pci_get(slot->bus->bridge, STATUS, 2);
    fake_pci_set(slot->bus->bridge, STATUS, 2, status & ~PCI_SLOT_PRESENT);
    set_status(slot, PCI_SLOT_PRESENCE_CHANGED);
}

static void slot_written(struct fake_pci_function *port, u16 offset)
{
    if (offset != CONTROL)
        return;
    for (unsigned i = 0; i < nr_slots; i++) {
        struct fake_slot *slot = &slots[i];
        if (slot->bus->bridge != port)
            continue;
        update_card(slot);
        if (slot->card && slot->leaves_with_power && !is_powered(slot))
            take_card(slot);
    }
}

/* A root port, or a downstream port, with an empty slot. */
static struct fake_slot *add_slot(struct fake_pci_bus *bus, u8 device, u8 number, u16 type)
{
    struct fake_slot *slot = &slots[nr_slots++];
    *slot = (struct fake_slot){.bus = fake_pci_add_bridge(bus, device, number, number)};
    struct fake_pci_function *port = slot->bus->bridge;
    fake_pci_add_capability(port, EXPRESS, PCI_CAP_EXPRESS);
    fake_pci_set(port, EXPRESS + PCI_EXPRESS_FLAGS, 2, (u32)(type << 4) | 0x102);
    fake_pci_set(port, EXPRESS + PCI_SLOT_CAPABILITIES, 4, 0x0002007b);
    fake_pci_set(port, CONTROL, 2, 0x07c0);
    port->writable[CONTROL] = port->writable[CONTROL + 1] = 0xff;
    port->cleared[STATUS] = 0x1f;
    port->cleared[STATUS + 1] = 0x01;
    port->written = slot_written;
    fake_pci_set_window(slot->bus, 0xe0000000 + (u64)device * 4 * MIB,
                        0xe0000000 + (u64)device * 4 * MIB + 2 * MIB - 1);
    return slot;
}

static void put_card(struct fake_slot *slot, struct fake_pci_function *card)
{
    slot->card = card;
    update_card(slot);
    set_status(slot, PCI_SLOT_PRESENT | PCI_SLOT_PRESENCE_CHANGED | PCI_SLOT_BUTTON_PRESSED);
}

static struct fake_pci_function *plug(struct fake_slot *slot)
{
    struct fake_pci_function *card = fake_pci_add(slot->bus, 0, 0, 0x1af4, 0x1058);
    fake_pci_add_bar(card, 4, PCI_BAR_TYPE_64BIT, 16 * KIB, 0, NULL, NULL);
    put_card(slot, card);
    return card;
}

static int set_up_one_slot(void **state)
{
    set_up(state);
    nr_slots = 0;
    add_slot(root, 3, 1, PCI_EXPRESS_TYPE_ROOT_PORT);
    return 0;
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

static void test_ports_without_a_hotplug_slot(void **state)
{
    (void)state;
    static const struct {
        u16 offset;
        u32 value;
    } cases[] = {
        {EXPRESS + PCI_EXPRESS_FLAGS, 0x0042},         /* no slot */
        {EXPRESS + PCI_SLOT_CAPABILITIES, 0x00000003}, /* no hotplug */
        {EXPRESS + PCI_EXPRESS_FLAGS, 0x0152},         /* an upstream port */
        {EXPRESS, 0x0009},                             /* no PCI Express capability */
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down(NULL);
        set_up_one_slot(NULL);
        fake_pci_set(slots[0].bus->bridge, cases[i].offset, 2, cases[i].value);
        begin(2, 0);
        plug(&slots[0]);
        assert_false(poll());
    }
}

static void test_capability_at_the_end_of_config_space(void **state)
{
    (void)state;
    struct fake_pci_bus *port = fake_pci_add_bridge(root, 4, 2, 2);
    fake_pci_add_capability(port->bridge, 0xf0, PCI_CAP_EXPRESS);
    fake_pci_set(port->bridge, 0xf2, 2, 0x0142);
    begin(3, 1);
}

/* ---- coming ---- */

static void test_card_is_powered_and_found(void **state)
{
    (void)state;
    begin(2, 1);
    assert_false(poll());
    struct fake_pci_function *card = plug(&slots[0]);
    assert_true(poll());
    u32 control = fake_pci_get(slots[0].bus->bridge, CONTROL, 2);
    assert_int_equal(control & PCI_SLOT_POWER_OFF, 0);
    assert_int_equal(control & PCI_SLOT_POWER_LIGHT_MASK, PCI_SLOT_POWER_LIGHT_ON);
    assert_int_equal(control & PCI_SLOT_INTERRUPTS, 0);
    struct pci_device *device = at("1:0.0");
    assert_non_null(device);
    pci_claim_bars(device);
    pci_enable(device, true);
    assert_int_equal(fake_pci_decodes(card, 4), 0xe0c00000);
    assert_false(poll());
}

static void test_polls_are_spaced(void **state)
{
    (void)state;
    begin(2, 1);
    assert_false(poll());
    plug(&slots[0]);
    unsigned before = fake_pci_nr_config_accesses();
    fake_advance_ms(PCI_HOTPLUG_POLL_MS - 1);
    assert_false(pci_hotplug_poll(platform_now_ms()));
    assert_int_equal(fake_pci_nr_config_accesses(), before);
    fake_advance_ms(1);
    assert_true(pci_hotplug_poll(platform_now_ms()));
}

static void test_an_idle_slot_costs_one_access(void **state)
{
    (void)state;
    begin(2, 1);
    poll();
    unsigned before = fake_pci_nr_config_accesses();
    assert_false(poll());
    assert_int_equal(fake_pci_nr_config_accesses() - before, 1);
}

static void test_card_that_was_there_at_boot(void **state)
{
    (void)state;
    fake_pci_set(slots[0].bus->bridge, CONTROL, 2, 0x01c0);
    plug(&slots[0]);
    begin(3, 1);
    assert_false(poll()); /* what happened before us is no news */
    assert_non_null(at("1:0.0"));
}

static void test_card_without_power_at_boot(void **state)
{
    (void)state;
    plug(&slots[0]);
    begin(2, 1);
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

static void test_card_that_takes_its_time(void **state)
{
    (void)state;
    begin(2, 1);
    plug(&slots[0]);
    slots[0].card_is_dead = true;
    for (unsigned i = 0; i < 10; i++)
        assert_false(poll());
    slots[0].card_is_dead = false;
    update_card(&slots[0]);
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

static void test_card_that_never_answers(void **state)
{
    (void)state;
    begin(2, 1);
    plug(&slots[0]);
    slots[0].card_is_dead = true;
    for (unsigned i = 0; i < 50; i++)
        assert_false(poll());
    assert_false(is_powered(&slots[0]));
    assert_logged("does not answer");
    /* Another press of the button tries again. */
    slots[0].card_is_dead = false;
    set_status(&slots[0], PCI_SLOT_BUTTON_PRESSED);
    assert_true(poll());
    assert_non_null(at("1:0.0"));
}

static void test_card_pulled_before_it_answered(void **state)
{
    (void)state;
    begin(2, 1);
    plug(&slots[0]);
    slots[0].card_is_dead = true;
    update_card(&slots[0]);
    assert_false(poll());
    assert_true(is_powered(&slots[0]));
    take_card(&slots[0]);
    assert_false(poll());
    assert_false(is_powered(&slots[0]));
}

/* ---- going ---- */

static struct pci_device *plugged(void)
{
    begin(2, 1);
    plug(&slots[0]);
    assert_true(poll());
    return at("1:0.0");
}

static void ask_out(struct fake_slot *slot)
{
    set_status(slot, PCI_SLOT_BUTTON_PRESSED);
    slot->leaves_with_power = true;
}

static void test_removal_on_request(void **state)
{
    (void)state;
    struct pci_device *device = plugged();
    assert_false(device->removal_requested);
    ask_out(&slots[0]);
    assert_true(poll());
    assert_true(device->removal_requested);
    assert_true(device->present);
    assert_true(is_powered(&slots[0]));
    assert_false(poll()); /* until the driver lets go, nothing happens */
    assert_int_equal(pci_hotplug_eject(device), OK);
    assert_false(device->present);
    assert_false(is_powered(&slots[0]));
    assert_null(slots[0].card);
    assert_false(poll());
    /* And the next card in the same slot is another occupant. */
    u32 occupant = device->occupant;
    plug(&slots[0]);
    assert_true(poll());
    assert_ptr_equal(at("1:0.0"), device);
    assert_true(device->occupant != occupant);
    assert_false(device->removal_requested);
}

static void test_request_withdrawn(void **state)
{
    (void)state;
    struct pci_device *device = plugged();
    ask_out(&slots[0]);
    assert_true(poll());
    set_status(&slots[0], PCI_SLOT_BUTTON_PRESSED);
    assert_true(poll());
    assert_false(device->removal_requested);
    assert_true(device->present);
}

/* A real card stays in its slot until a hand takes it: it may still answer for a moment. */
static void test_card_that_stays_in_the_slot(void **state)
{
    (void)state;
    struct pci_device *device = plugged();
    set_status(&slots[0], PCI_SLOT_BUTTON_PRESSED);
    assert_true(poll());
    slots[0].bus->bridge->written = NULL; /* power off has no effect yet */
    assert_int_equal(pci_hotplug_eject(device), OK);
    assert_false(device->present);
    assert_false(poll());
    scan(2);
    assert_false(device->present);
    take_card(&slots[0]);
    assert_false(poll());
}

static void test_pulled_without_asking(void **state)
{
    (void)state;
    struct pci_device *device = plugged();
    take_card(&slots[0]);
    assert_true(poll());
    assert_false(device->present);
    assert_false(is_powered(&slots[0]));
    assert_logged("pulled out");
}

static void test_swapped_between_two_polls(void **state)
{
    (void)state;
    struct pci_device *device = plugged();
    u32 occupant = device->occupant;
    take_card(&slots[0]);
    fake_pci_set(slots[0].bus->bridge, CONTROL, 2, 0x07c0); /* the slot went off with it */
    plug(&slots[0]);
    assert_true(poll());
    assert_false(device->present); /* its driver learns that the old one has gone */
    assert_true(poll());
    assert_true(device->present);
    assert_true(device->occupant != occupant);
}

static void test_eject_without_a_slot(void **state)
{
    (void)state;
    fake_pci_add(root, 9, 0, 0x1af4, 0x1058);
    begin(3, 1);
    assert_int_equal(pci_hotplug_eject(at("9")), E_UNSUPPORTED);
    plug(&slots[0]);
    assert_true(poll());
    struct pci_device *device = at("1:0.0");
    assert_int_equal(pci_hotplug_eject(device), OK);
    assert_int_equal(pci_hotplug_eject(device), E_UNSUPPORTED); /* it has gone */
}

/* ---- slots that come and go themselves ---- */

static void test_switch_brings_slots(void **state)
{
    (void)state;
    fake_pci_set(slots[0].bus->bridge, PCI_BRIDGE_BUSES, 4, 0x00040100); /* room for three more */
    begin(2, 1);
    struct fake_pci_bus *upstream = fake_pci_add_bridge(slots[0].bus, 0, 0, 0);
    struct fake_slot *inner = add_slot(upstream, 1, 0, PCI_EXPRESS_TYPE_DOWNSTREAM);
    fake_pci_set(inner->bus->bridge, PCI_BRIDGE_BUSES, 4, 0);
    put_card(&slots[0], upstream->bridge);
    assert_true(poll());
    assert_non_null(at("2:1.0"));
    plug(inner);
    assert_true(poll());
    struct pci_device *device = at("3:0.0");
    assert_non_null(device);
    /* Asked of the outer slot, all that is behind it goes. */
    ask_out(&slots[0]);
    assert_true(poll());
    assert_true(device->removal_requested);
    take_card(&slots[0]);
    assert_true(poll());
    assert_false(device->present);
    assert_null(at("2:1.0"));
    set_status(inner, PCI_SLOT_BUTTON_PRESSED);
    assert_false(poll()); /* nobody looks at a slot that is gone */
}

static void test_more_slots_than_are_watched(void **state)
{
    (void)state;
    /* Only the ports' registers matter here: they need no fake_slot of their own. */
    for (unsigned i = 0; i < 70; i++) {
        struct fake_pci_bus *port =
            fake_pci_add_bridge(root, (u8)(4 + i / 8), (u8)(2 + i), (u8)(2 + i));
        port->bridge->function = (u8)(i % 8);
        port->bridge->config[PCI_CACHE_LINE_SIZE + 2] |= PCI_HEADER_MULTI_FUNCTION;
        fake_pci_add_capability(port->bridge, EXPRESS, PCI_CAP_EXPRESS);
        fake_pci_set(port->bridge, EXPRESS + PCI_EXPRESS_FLAGS, 2, 0x0142);
        fake_pci_set(port->bridge, EXPRESS + PCI_SLOT_CAPABILITIES, 4, PCI_SLOT_CAP_HOTPLUG);
    }
    begin(72, 64);
    assert_logged("more than 64 hotplug slots");
    assert_false(poll());
}

#define TEST_ONE_SLOT(name) cmocka_unit_test_setup_teardown(name, set_up_one_slot, tear_down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST_ONE_SLOT(test_ports_without_a_hotplug_slot),
        TEST_ONE_SLOT(test_capability_at_the_end_of_config_space),
        TEST_ONE_SLOT(test_card_is_powered_and_found),
        TEST_ONE_SLOT(test_polls_are_spaced),
        TEST_ONE_SLOT(test_an_idle_slot_costs_one_access),
        TEST_ONE_SLOT(test_card_that_was_there_at_boot),
        TEST_ONE_SLOT(test_card_without_power_at_boot),
        TEST_ONE_SLOT(test_card_that_takes_its_time),
        TEST_ONE_SLOT(test_card_that_never_answers),
        TEST_ONE_SLOT(test_card_pulled_before_it_answered),
        TEST_ONE_SLOT(test_removal_on_request),
        TEST_ONE_SLOT(test_request_withdrawn),
        TEST_ONE_SLOT(test_card_that_stays_in_the_slot),
        TEST_ONE_SLOT(test_pulled_without_asking),
        TEST_ONE_SLOT(test_swapped_between_two_polls),
        TEST_ONE_SLOT(test_eject_without_a_slot),
        TEST_ONE_SLOT(test_switch_brings_slots),
        TEST_ONE_SLOT(test_more_slots_than_are_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
