/* SPDX-License-Identifier: BSD-2-Clause */
/* One capability of virtio's, whatever it says, with any found before it. */
#include "drivers/virtio/pci/virtio_pci_caps.c"
#include "tests/proofs/vmem_host.h"

static uint64_t mapped_end; /* the last byte that was asked for first: the structure's own */
static uint8_t register_byte;

uint32_t vmem_host_pci_read(void *function, uint16_t offset, unsigned bytes)
{
    (void)function;
    PROVE(offset + bytes <= VIRTIO_PCI_CONFIG_BYTES && offset % bytes == 0);
    return nondet_u32();
}

int vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, uint64_t bytes,
                      volatile void **registers)
{
    (void)function;
    PROVE(bar < VIRTIO_PCI_BARS && bytes != 0 && offset + bytes <= (uint64_t)2 << 32);
    *registers = &register_byte;
    if (mapped_end == 0)
        mapped_end = offset + bytes;
    PROVE(offset + bytes <= mapped_end);
    return nondet_bool() ? VMEM_OK : VMEM_E_RANGE;
}

void vmem_host_pci_unmap(void *function, volatile void *registers, uint64_t bytes)
{
    (void)function;
    PROVE(registers == &register_byte && bytes != 0);
}

void harness(void)
{
    struct virtio_pci_windows windows;
    struct search search = {.windows = &windows};
    uint8_t at = nondet_u8() & 0xfc;
    uint32_t head;
    uint8_t type = head >> 24, cap_bytes = head >> 16 & 0xff;
    struct virtio_pci_window *window = window_of(&windows, type);
    struct virtio_pci_window before = window ? *window : windows.common;

    look_at(&search, at, head);
    if (!window || before.bytes != 0) {
        PROVE(!window || (window->offset == before.offset && window->bytes == before.bytes));
        return;
    }
    if (window->bytes == 0)
        return;
    bool is_notify = type == VIRTIO_PCI_CFG_NOTIFY;
    PROVE(cap_bytes >= (is_notify ? 20 : 16) && at + (is_notify ? 20 : 16) <= 256);
    PROVE(window->bar < 6 && mapped_end == (uint64_t)window->offset + window->bytes);
    PROVE(window->offset % (is_notify ? 2 : type == VIRTIO_PCI_CFG_ISR ? 1 : 4) == 0);
    PROVE(window->bytes >= (type == VIRTIO_PCI_CFG_COMMON ? 56u : is_notify ? 2u : 1u));
    PROVE(is_notify || (window->registers == &register_byte && window->mapped_bytes != 0));
    PROVE(window->mapped_bytes <= window->bytes);
}
