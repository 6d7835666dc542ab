/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of functions: one slot for each address at which a function was
 * ever found, which is never freed, and their order by address.
 */
#include "drivers/pci/pci_internal.h"
#include "lib/log.h"
#include "lib/string.h"

not_cleared static struct pci_device slots[PCI_FUNCTIONS_MAX];
static struct pci_device *in_order[PCI_FUNCTIONS_MAX];
static unsigned nr_slots;

void pci_table_init(void)
{
    nr_slots = 0;
}

static u32 sort_key(struct pci_address address)
{
    return (u32)address.segment << 16 | (u32)address.bus << 8 | (u32)address.device << 3 |
           address.function;
}

/* Where the address is, or would be inserted. */
static unsigned position_of(struct pci_address address)
{
    unsigned low = 0;
    unsigned high = nr_slots;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (sort_key(in_order[middle]->address) < sort_key(address))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct pci_device *pci_table_slot(struct pci_address address)
{
    unsigned position = position_of(address);
    if (position < nr_slots && sort_key(in_order[position]->address) == sort_key(address))
        return in_order[position];
    if (nr_slots == PCI_FUNCTIONS_MAX)
        return NULL;
    memmove(&in_order[position + 1], &in_order[position],
            (nr_slots - position) * sizeof(in_order[0]));
    struct pci_device *slot = &slots[nr_slots++];
    in_order[position] = slot;
    *slot = (struct pci_device){.address = address};
    return slot;
}

struct pci_device *pci_table_at(unsigned index)
{
    return index < nr_slots ? in_order[index] : NULL;
}

struct pci_device *pci_device_at(unsigned index)
{
    for (unsigned i = 0; i < nr_slots; i++) {
        if (in_order[i]->present && index-- == 0)
            return in_order[i];
    }
    return NULL;
}

struct pci_device *pci_find(struct pci_address address)
{
    unsigned position = position_of(address);
    if (position == nr_slots || sort_key(in_order[position]->address) != sort_key(address))
        return NULL;
    return in_order[position]->present ? in_order[position] : NULL;
}
