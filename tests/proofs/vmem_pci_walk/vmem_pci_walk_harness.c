/* SPDX-License-Identifier: BSD-2-Clause */
/* Any list of capabilities: where the walk looks, and what it notes itself. */
#include "drivers/virtio/pci/virtio_pci_caps.c"
#include "tests/proofs/vmem_host.h"

static uint8_t next; /* where the last one that was read says that the list goes on */
static bool has_list, has_msix;
static unsigned nr_vendor, nr_looks; /* capabilities of virtio's that were read, and looked at */

uint32_t vmem_host_pci_read(void *function, uint16_t offset, unsigned bytes)
{
    (void)function;
    uint32_t value = nondet_u32();
    PROVE(offset + bytes <= VIRTIO_PCI_CONFIG_BYTES && offset % bytes == 0);
    if (offset == VIRTIO_PCI_HEADER_STATUS) {
        has_list = value & VIRTIO_PCI_STATUS_CAPABILITIES;
        return value;
    }
    PROVE(has_list);
    if (offset == VIRTIO_PCI_HEADER_CAPABILITIES) {
        next = value & 0xfc;
        return value;
    }
    PROVE(bytes == 4 && offset == next && offset >= VIRTIO_PCI_HEADER_END);
    next = value >> 8 & 0xfc;
    has_msix |= (value & 0xff) == VIRTIO_PCI_CAP_ID_MSIX;
    nr_vendor += (value & 0xff) == VIRTIO_PCI_CAP_ID_VENDOR;
    return value;
}

int vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, uint64_t bytes,
                      volatile void **mapped)
{
    (void)function, (void)bar, (void)offset, (void)bytes, (void)mapped;
    return VMEM_E_NODEV;
}

void vmem_host_pci_unmap(void *function, volatile void *mapped, uint64_t bytes)
{
    (void)function, (void)mapped, (void)bytes;
}

void note_look(struct search *search, uint8_t at, uint32_t head)
{
    (void)search;
    PROVE(at >= VIRTIO_PCI_HEADER_END && at % 4 == 0);
    PROVE((head & 0xff) == VIRTIO_PCI_CAP_ID_VENDOR && (head >> 8 & 0xfc) == next);
    nr_looks++;
}

void harness(void)
{
    struct virtio_pci_windows windows = {0};
    struct search search = {.windows = &windows};

    walk(&search);
    PROVE(nr_looks == nr_vendor && nr_looks <= 48);
    PROVE(windows.has_msix == has_msix);
}
