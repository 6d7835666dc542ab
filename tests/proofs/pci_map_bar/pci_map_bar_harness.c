/* SPDX-License-Identifier: BSD-2-Clause */
/* A function whose BARs answer anything, also something else each time. */
#include "drivers/pci/pci_bar.c"
#include "tests/proofs/kernel.h"

static const struct pci_bar *found;

u32 pci_read32(const struct pci_device *device, u16 offset)
{
    (void)device;
    PROVE(offset >= PCI_BAR0 && offset < PCI_BAR0 + 4 * PCI_BARS && offset % 4 == 0);
    return nondet_u32();
}

void pci_write32(const struct pci_device *device, u16 offset, u32 value)
{
    (void)device, (void)value;
    PROVE(offset >= PCI_BAR0 && offset < PCI_BAR0 + 4 * PCI_BARS && offset % 4 == 0);
}

const char *pci_name(const struct pci_device *device)
{
    (void)device;
    return "";
}

int platform_map_mmio(paddr_t paddr, u64 bytes, volatile void **registers)
{
    (void)registers;
    PROVE(bytes != 0 && !range_overflows(paddr, bytes) && paddr >= found->base);
    PROVE(paddr - found->base < found->bytes && bytes <= found->bytes - (paddr - found->base));
    return nondet_bool() ? OK : E_NOMEM;
}

void harness(void)
{
    struct pci_device device = {.header_type = nondet_u8(), .present = true};
    unsigned bar = nondet_u8();
    u64 offset, bytes;
    volatile void *registers;
    for (unsigned i = 0; i < nr_bars(&device);)
        i += size_bar(&device, i, nr_bars(&device));
    device.bars_known = true; /* no extra has placed any */
    found = &device.bars[bar % PCI_BARS];
    PROVE(found->kind != PCI_BAR_MEMORY || is_power_of_two(found->bytes));
    PROVE(found->kind != PCI_BAR_MEMORY || is_aligned(found->base, found->bytes));

    if (pci_map_bar(&device, bar, offset, bytes, &registers) == OK)
        PROVE(bar < PCI_BARS && found->kind == PCI_BAR_MEMORY && found->base != 0);
}
