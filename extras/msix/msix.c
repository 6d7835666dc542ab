/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X: see msix.h. A vector is masked while its entry is written, so that no half-written message
 * is sent.
 */
#include "extras/msix/msix.h"

#include <asm/mmio.h>

#include "drivers/pci/pci_internal.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/panic.h"

static volatile u8 *entry_field(const struct pci_msix *msix, u16 vector, unsigned field)
{
    return msix->table + (size_t)vector * PCI_MSIX_ENTRY_BYTES + field;
}

static void write_control(const struct pci_msix *msix, u16 set, u16 clear)
{
    u16 offset = (u16)(msix->capability + PCI_MSIX_CONTROL);
    u16 control = pci_read16(msix->device, offset);
    pci_write16(msix->device, offset, (u16)((control & ~clear) | set));
}

int pci_msix_init(struct pci_msix *msix, struct pci_device *device)
{
    *msix = (struct pci_msix){.device = device};
    u8 capability = pci_find_capability(device, PCI_CAP_MSIX, 0);
    if (capability == 0)
        return E_NODEV;
    u16 control = pci_read16(device, (u16)(capability + PCI_MSIX_CONTROL));
    u32 table = pci_read32(device, (u16)(capability + PCI_MSIX_TABLE));
    u16 nr_vectors = (u16)((control & PCI_MSIX_CONTROL_SIZE) + 1);
    volatile void *registers;
    int status = pci_map_bar(device, table & PCI_MSIX_TABLE_BAR, table & ~PCI_MSIX_TABLE_BAR,
                             (u64)nr_vectors * PCI_MSIX_ENTRY_BYTES, &registers);
    if (status != OK) {
        log_warning(LOG_PCI, pci_name(device),
                    "MSI-X table of %u vectors at 0x%x of BAR %u cannot be used (%s)", nr_vectors,
                    table & ~PCI_MSIX_TABLE_BAR, table & PCI_MSIX_TABLE_BAR, status_name(status));
        return status;
    }
    msix->capability = capability;
    msix->nr_vectors = nr_vectors;
    msix->table = registers;
    pci_msix_enable(msix, false);
    for (u16 vector = 0; vector < nr_vectors; vector++)
        pci_msix_mask(msix, vector);
    return OK;
}

int pci_msix_set(struct pci_msix *msix, u16 vector, struct irq_message message)
{
    if (vector >= msix->nr_vectors)
        return E_RANGE;
    pci_msix_mask(msix, vector);
    mmio_write32(entry_field(msix, vector, PCI_MSIX_ENTRY_ADDRESS_LOW), (u32)message.address);
    mmio_write32(entry_field(msix, vector, PCI_MSIX_ENTRY_ADDRESS_HI),
                 (u32)(message.address >> 32));
    mmio_write32(entry_field(msix, vector, PCI_MSIX_ENTRY_DATA), message.data);
    mmio_write32(entry_field(msix, vector, PCI_MSIX_ENTRY_CONTROL), 0);
    return OK;
}

void pci_msix_mask(struct pci_msix *msix, u16 vector)
{
    ASSERT(vector < msix->nr_vectors);
    mmio_write32(entry_field(msix, vector, PCI_MSIX_ENTRY_CONTROL), PCI_MSIX_ENTRY_MASKED);
}

void pci_msix_enable(struct pci_msix *msix, bool on)
{
    if (on)
        write_control(msix, PCI_MSIX_CONTROL_ENABLE, PCI_MSIX_CONTROL_MASK_ALL);
    else
        write_control(msix, 0, PCI_MSIX_CONTROL_ENABLE);
}
