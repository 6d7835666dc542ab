/* SPDX-License-Identifier: BSD-2-Clause */
/* Any function, which may answer something else at each read of its config
 * space. */
#include "drivers/pci/pci_internal.h"
#undef PCI_CAPABILITY_FIRST
#define PCI_CAPABILITY_FIRST 0xe0 /* for 0x40: eight places, as each is visited once */
#include "drivers/pci/pci_caps.c"
#include "tests/proofs/kernel.h"

static u16 last_place, last_word;
static bool was_after_read;
static u8 after;

u8 pci_read8(const struct pci_device *device, u16 offset)
{
    (void)device, (void)offset;
    return nondet_u8();
}

u16 pci_read16(const struct pci_device *device, u16 offset)
{
    (void)device;
    PROVE(offset % 2 == 0 && offset + 2 <= 256);
    was_after_read |= last_place == after && offset != after; /* behind it */
    last_place = offset;
    return last_word = nondet_u16();
}

const char *pci_name(const struct pci_device *device)
{
    (void)device;
    return "";
}

void harness(void)
{
    struct pci_device device;
    u8 id = nondet_u8();
    after = nondet_u8();
    ASSUME(after == 0 || (after >= PCI_CAPABILITY_FIRST && after % 4 == 0)); /* found before */

    u8 found = pci_find_capability(&device, id, after);
    PROVE(found == 0 || (found >= PCI_CAPABILITY_FIRST && found % 4 == 0 && found != after));
    PROVE(found == 0 || (last_place == found && (last_word & 0xff) == id && last_word != 0xffff));
    PROVE(found == 0 || after == 0 || was_after_read);
}
