/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio_mem.slot=: the user says which PCI functions are meant, and in which order. */
#ifndef TIDE_EXTRAS_SLOT_H
#define TIDE_EXTRAS_SLOT_H

#include "drivers/pci/pci.h"

#define SLOTS_MAX 16

/*
 * Parse [[domain:]bus:]device[.function], numbers in hexadecimal as lspci
 * prints them; a missing part is 0. E_INVAL if malformed or out of range.
 */
must_check int pci_parse_address(const char *text, struct pci_address *address);

/* Those that are named, each once, in the order given; none: every virtio-mem device is meant. */
extern struct slot_list {
    struct pci_address slots[SLOTS_MAX];
    unsigned nr;
} slots_named;

#endif
