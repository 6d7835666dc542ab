/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Native hotplug: see pci_hotplug.h. Each slot is a state machine, and pci_hotplug_poll() makes its
 * transitions; a switch that is plugged in brings further slots.
 *
 *     EMPTY --card and (button or change)--> STARTING --it answers--> IN_USE
 *       ^  ^--- no answer in time: power off ---'                     |   ^
 *       |                                                      button |   | button
 *       '--- pulled, or pci_hotplug_eject() --- IN_USE, LEAVING <-----'---'
 */
#include "drivers/pci/pci_internal.h"
#include "extras/pci_hotplug/pci_hotplug.h"
#include "extras/pci_hotplug/slot_spec.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"

#define PCI_VENDOR_NOT_READY 0x0001 /* PCI Express: ask again later */
#define SLOTS_MAX            64
#define START_WAIT_MS        2000 /* PCI Express: a second for the link, and one for the function */

enum slot_state {
    SLOT_EMPTY,    /* without power, whether there is a card in it or not */
    SLOT_STARTING, /* powered, the card does not answer yet */
    SLOT_IN_USE,
    SLOT_LEAVING, /* removal is requested, and a driver still uses the card */
};

struct slot {
    struct pci_device *port; /* NULL: this entry is free */
    u32 occupant;            /* the port's: another one there is another slot */
    u8 express;
    enum slot_state state;
    u64 deadline_ms; /* of SLOT_STARTING */
};

static struct slot slots[SLOTS_MAX];
static u64 next_poll_ms;
static bool has_piix_slots;
static unsigned nr_slots;

/* ---- registers ---- */

static void set_power(const struct slot *slot, bool on)
{
    u16 offset = (u16)(slot->express + PCI_SLOT_CONTROL);
    u16 control = pci_read16(slot->port, offset);
    control &= (u16) ~(PCI_SLOT_POWER_OFF | PCI_SLOT_POWER_LIGHT_MASK | PCI_SLOT_INTERRUPTS);
    control |= on ? PCI_SLOT_POWER_LIGHT_ON : PCI_SLOT_POWER_OFF | PCI_SLOT_POWER_LIGHT_OFF;
    pci_write16(slot->port, offset, control);
}

static bool has_power(const struct slot *slot)
{
    return !(pci_read16(slot->port, (u16)(slot->express + PCI_SLOT_CONTROL)) & PCI_SLOT_POWER_OFF);
}

static u16 take_status(const struct slot *slot)
{
    u16 offset = (u16)(slot->express + PCI_SLOT_STATUS);
    u16 status = pci_read16(slot->port, offset);
    if (status != 0xffff && status & PCI_SLOT_EVENTS)
        pci_write16(slot->port, offset, status & PCI_SLOT_EVENTS);
    return status;
}

static bool card_answers(const struct slot *slot)
{
    struct pci_address address = {slot->port->address.segment, slot->port->behind->number, 0, 0};
    u16 vendor = (u16)pci_config_read(address, PCI_VENDOR_ID, 4);
    return vendor != PCI_VENDOR_NONE && vendor != 0 && vendor != PCI_VENDOR_NOT_READY;
}

/* ---- slots ---- */

/* Nothing behind the port is scanned until it gets power again. */
static void stop(struct slot *slot)
{
    set_power(slot, false);
    slot->port->behind->is_off = true;
    slot->state = SLOT_EMPTY;
}

static void start(struct slot *slot, u64 now_ms)
{
    set_power(slot, true);
    slot->port->behind->is_off = false;
    slot->deadline_ms = now_ms + START_WAIT_MS;
    slot->state = SLOT_STARTING;
}

static bool is_known(const struct pci_device *port)
{
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        if (slots[i].port == port)
            return true;
    }
    return false;
}

/* The port's capability with a hotplug slot, or 0. */
static u8 find_slot(const struct pci_device *port)
{
    u8 express = pci_find_capability(port, PCI_CAP_EXPRESS, 0);
    if (express == 0 || express > PCI_CONFIG_BYTES - PCI_SLOT_STATUS - 2 ||
        !(pci_read16(port, (u16)(express + PCI_EXPRESS_FLAGS)) & PCI_EXPRESS_HAS_SLOT))
        return 0;
    u32 capabilities = pci_read32(port, (u16)(express + PCI_SLOT_CAPABILITIES));
    return capabilities & PCI_SLOT_CAP_HOTPLUG ? express : 0;
}

static void adopt(struct pci_device *port, u8 express)
{
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots[i];
        if (slot->port)
            continue;
        *slot = (struct slot){.port = port, .occupant = port->occupant, .express = express};
        if (!(take_status(slot) & PCI_SLOT_PRESENT))
            return;
        if (has_power(slot) && card_answers(slot))
            slot->state = SLOT_IN_USE;
        else
            start(slot, platform_now_ms());
        return;
    }
    log_warning(LOG_PCI, pci_name(port), "more than %u hotplug slots: this one is not watched",
                SLOTS_MAX);
}

/* Forget the slots of ports that are gone, add those of new ports. */
static void update_slots(void)
{
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots[i];
        if (slot->port && (!slot->port->behind || slot->port->occupant != slot->occupant))
            slot->port = NULL;
    }
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (!device->behind || !device->behind->only_device_0 || is_known(device))
            continue;
        u8 express = find_slot(device);
        if (express)
            adopt(device, express);
    }
    nr_slots = 0;
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        nr_slots += slots[i].port != NULL;
}

static void scan_again(void)
{
    int status = pci_scan();
    if (status < 0)
        log_error(LOG_PCI, NULL, "the scan after a change in a slot failed (%s)",
                  status_name(status));
    update_slots();
}

static void request_removal(const struct slot *slot, bool requested)
{
    struct pci_device *device;
    for (unsigned i = 0; (device = pci_table_at(i)) != NULL; i++) {
        if (device->present && pci_bus_is_behind(device->bus, slot->port->behind))
            device->removal_requested = requested;
    }
}

/* ---- the state machine ---- */

static bool turn_starting(struct slot *slot, bool occupied, u64 now_ms)
{
    if (occupied && card_answers(slot)) {
        slot->state = SLOT_IN_USE;
        log_info(LOG_PCI, pci_name(slot->port), "a device was plugged in");
        scan_again();
        return true;
    }
    if (occupied && now_ms < slot->deadline_ms)
        return false;
    if (occupied)
        log_error(LOG_PCI, pci_name(slot->port), "what was plugged in does not answer in %u ms",
                  START_WAIT_MS);
    stop(slot);
    return false;
}

static bool turn_used(struct slot *slot, bool occupied, bool changed, bool button)
{
    if (!occupied || (changed && !card_answers(slot))) {
        log_info(LOG_PCI, pci_name(slot->port), "the device was pulled out%s",
                 occupied ? ", and one put in" : "");
        stop(slot);
        scan_again(); /* what was there is not present, whatever is there now */
        if (occupied)
            start(slot, platform_now_ms());
        return true;
    }
    if (changed) { /* without losing power: a scan tells what it is */
        scan_again();
        return true;
    }
    if (!button)
        return false;
    bool leaving = slot->state == SLOT_IN_USE;
    slot->state = leaving ? SLOT_LEAVING : SLOT_IN_USE;
    log_info(LOG_PCI, pci_name(slot->port),
             leaving ? "removal of the device is requested"
                     : "the request for removal is withdrawn");
    request_removal(slot, leaving);
    return true;
}

static bool turn(struct slot *slot, u64 now_ms)
{
    u16 status = take_status(slot);
    if (status == 0xffff)
        return false; /* the port itself has gone: a scan finds that */
    bool occupied = (status & PCI_SLOT_PRESENT) != 0;
    bool button = (status & PCI_SLOT_BUTTON_PRESSED) != 0;
    bool changed = (status & PCI_SLOT_PRESENCE_CHANGED) != 0;
    if (slot->state == SLOT_STARTING)
        return turn_starting(slot, occupied, now_ms);
    if (slot->state != SLOT_EMPTY)
        return turn_used(slot, occupied, changed, button);
    if (!occupied || (!button && !changed))
        return false;
    start(slot, now_ms);
    return turn_starting(slot, occupied, now_ms);
}

/* ---- offered ---- */

unsigned pci_hotplug_init(void)
{
    next_poll_ms = 0;
    has_piix_slots = pci_piix_slots_init();
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        slots[i].port = NULL;
    update_slots();
    return nr_slots;
}

u64 pci_hotplug_due_ms(void)
{
    return has_piix_slots || nr_slots != 0 ? next_poll_ms : UINT64_MAX;
}

void pci_hotplug_hurry(void)
{
    next_poll_ms = 0;
}

void pci_hotplug_resume(u64 now_ms)
{
    next_poll_ms = 0;
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        struct slot *slot = &slots[i];
        u16 status = slot->port ? take_status(slot) : 0;
        /* The register no longer says that a card came; that a card went is still visible. */
        if (status != 0xffff && status & PCI_SLOT_PRESENT && slot->state == SLOT_EMPTY)
            start(slot, now_ms);
    }
}

bool pci_hotplug_poll(u64 now_ms)
{
    if (now_ms < next_poll_ms)
        return false;
    bool changed = pci_piix_slots_poll();
    bool is_starting = false;
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        if (!slots[i].port)
            continue;
        changed |= turn(&slots[i], now_ms);
        is_starting |= slots[i].state == SLOT_STARTING;
    }
    u64 every_ms = is_starting     ? PCI_HOTPLUG_WAIT_MS
                   : nr_slots != 0 ? PCI_HOTPLUG_POLL_MS
                                   : PCI_HOTPLUG_ACPI_MS;
    next_poll_ms = now_ms - now_ms % every_ms + every_ms; /* with what else is due each second */
    return changed;
}

int pci_hotplug_eject(const struct pci_device *device)
{
    for (const struct pci_bus *bus = device->bus; bus && bus->bridge; bus = bus->parent) {
        for (unsigned i = 0; i < SLOTS_MAX; i++) {
            struct slot *slot = &slots[i];
            if (slot->port != bus->bridge || slot->state == SLOT_EMPTY)
                continue;
            stop(slot);
            scan_again();
            return OK;
        }
    }
    int status = pci_piix_slots_eject(device);
    if (status == OK)
        scan_again();
    return status;
}
