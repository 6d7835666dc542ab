/* SPDX-License-Identifier: BSD-2-Clause */
/* See slot.h. */
#include "extras/slot/slot.h"

#include "drivers/pci/pci_spec.h"
#include "extras/inspect/virtio_names.h"
#include "include/extra.h"
#include "include/status.h"
#include "kernel/devices_internal.h"
#include "kernel/options.h"
#include "kernel/transports.h"
#include "lib/log.h"
#include "lib/parse.h"

#define MAX_DIGITS 4 /* of a domain, the longest part of an address */

struct slot_list slots_named;

/* ---- the option ---- */

/* One to four hexadecimal digits; *cursor moves past them. */
static int parse_part(const char **cursor, u32 *value)
{
    *value = 0;
    unsigned nr_digits = 0;
    for (unsigned digit; (digit = parse_digit(**cursor)) < 16; (*cursor)++) {
        *value = *value << 4 | digit;
        nr_digits++;
        if (nr_digits > MAX_DIGITS)
            return E_INVAL;
    }
    return nr_digits ? OK : E_INVAL;
}

int pci_parse_address(const char *text, struct pci_address *address)
{
    u32 parts[3] = {0}; /* the last is the device, before it the bus, before that the domain */
    unsigned nr_parts = 0;
    const char *cursor = text;
    for (;;) {
        if (nr_parts == ARRAY_SIZE(parts) || parse_part(&cursor, &parts[nr_parts]) != OK)
            return E_INVAL;
        nr_parts++;
        if (*cursor != ':')
            break;
        cursor++;
    }
    u32 function = 0;
    if (*cursor == '.') {
        cursor++;
        if (parse_part(&cursor, &function) != OK)
            return E_INVAL;
    }
    u32 device = parts[nr_parts - 1];
    u32 bus = nr_parts > 1 ? parts[nr_parts - 2] : 0;
    u32 segment = nr_parts > 2 ? parts[0] : 0;
    if (*cursor != '\0' || bus > 0xff || device >= PCI_DEVICES_PER_BUS || function >= PCI_FUNCTIONS)
        return E_INVAL;
    *address = (struct pci_address){(u16)segment, (u8)bus, (u8)device, (u8)function};
    return OK;
}

/* By field: what fills the struct up says nothing. */
static bool is_same(struct pci_address a, struct pci_address b)
{
    return a.segment == b.segment && a.bus == b.bus && a.device == b.device &&
           a.function == b.function;
}

static int parse(const char *value, struct options *options)
{
    struct pci_address address;
    (void)options;
    if (pci_parse_address(value, &address) != OK)
        return E_INVAL;
    for (unsigned i = 0; i < slots_named.nr; i++) {
        if (is_same(slots_named.slots[i], address))
            return OK;
    }
    if (slots_named.nr == SLOTS_MAX)
        return E_NOMEM;
    slots_named.slots[slots_named.nr++] = address;
    return OK;
}

static void forget(void)
{
    slots_named.nr = 0;
}

/* ---- the devices ---- */

/* A slot that the user named holds something else, or nothing: say what. */
static void report(struct pci_address slot, const struct pci_device *pci)
{
    char address[PCI_ADDRESS_TEXT_BYTES];
    pci_address_text(slot, address);
    if (!pci) {
        log_error(LOG_KERNEL, "devices", "virtio_mem.slot=%s: no device there", address);
        return;
    }
    u32 type = virtio_type(pci);
    if (type != 0)
        log_error(LOG_KERNEL, "devices",
                  "virtio_mem.slot=%s: %04x:%04x there is a virtio %s device (%u), not memory (24)",
                  address, pci->vendor_id, pci->device_id, virtio_type_name(type), type);
    else
        log_error(LOG_KERNEL, "devices",
                  "virtio_mem.slot=%s: %04x:%04x class %02x%02x there is not a virtio-mem device",
                  address, pci->vendor_id, pci->device_id, pci->class_code, pci->subclass);
}

static void attach(void)
{
    for (unsigned i = 0; i < slots_named.nr; i++) {
        struct pci_device *pci = pci_find(slots_named.slots[i]);
        if (pci && transport_pci_type(pci) == VMEM_VIRTIO_ID_MEMORY)
            devices_attach_pci(pci);
        else
            report(slots_named.slots[i], pci);
    }
}

static bool leaves_alone(const struct pci_device *pci)
{
    for (unsigned i = 0; i < slots_named.nr; i++) {
        if (is_same(slots_named.slots[i], pci->address))
            return false;
    }
    return slots_named.nr != 0;
}

static const struct option_rule option = {
    .key = "virtio_mem.slot",
    .parse = parse,
    .expected = "[[domain:]bus:]device[.function] in hexadecimal, at most 16 of them",
    .repeats = true,
};

EXTRA(slot) = {
    .name = "slot",
    .option = &option,
    .forget_options = forget,
    .attach_first = attach,
    .leaves_alone = leaves_alone,
};
