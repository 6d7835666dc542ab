/* SPDX-License-Identifier: BSD-2-Clause */
/* Any structures that the capabilities of a function gave. */
#include "drivers/virtio/pci/virtio_pci_caps.c"
#include "tests/proofs/vmem_host.h"

static uint8_t registers[VIRTIO_PCI_CFG_DEVICE + 1]; /* of which structure what is mapped is */
static struct virtio_pci_window used[VIRTIO_PCI_CFG_DEVICE + 1];
static bool is_used[VIRTIO_PCI_CFG_DEVICE + 1], is_mapped[VIRTIO_PCI_CFG_DEVICE + 1];
static int failures[VIRTIO_PCI_CFG_DEVICE + 1];

uint32_t vmem_host_pci_read(void *function, uint16_t offset, unsigned bytes)
{
    (void)function, (void)offset, (void)bytes;
    return nondet_u32();
}

int vmem_host_pci_map(void *function, unsigned bar, uint64_t offset, uint64_t bytes,
                      volatile void **mapped)
{
    (void)function, (void)bar, (void)offset, (void)bytes, (void)mapped;
    return VMEM_E_NODEV;
}

void vmem_host_pci_unmap(void *function, volatile void *mapped, uint64_t bytes)
{
    (void)function;
    for (unsigned i = VIRTIO_PCI_CFG_COMMON; i <= VIRTIO_PCI_CFG_DEVICE; i++) {
        if (mapped != &registers[i])
            continue;
        PROVE(is_mapped[i] && bytes == used[i].mapped_bytes);
        is_mapped[i] = false;
    }
}

/* One structure of each type, or why it is not used, as the proofs of look_at() and walk() leave
 * it. */
void any_walk(struct search *search)
{
    for (uint8_t i = VIRTIO_PCI_CFG_COMMON; i <= VIRTIO_PCI_CFG_DEVICE; i++) {
        failures[i] = nondet_bool() ? VMEM_OK : nondet_bool() ? VMEM_E_RANGE : VMEM_E_NOMEM;
        search->failures[i] = failures[i];
        is_used[i] = nondet_bool();
        if (!is_used[i])
            continue;
        struct virtio_pci_window window;
        ASSUME(window.bytes != 0 && window.mapped_bytes != 0);
        is_mapped[i] = i != VIRTIO_PCI_CFG_NOTIFY;
        window.registers = is_mapped[i] ? &registers[i] : NULL;
        *window_of(search->windows, i) = used[i] = window;
    }
}

/* Whether the parts that the driver uses of two structures are apart. */
static bool are_apart(unsigned one, unsigned other)
{
    uint64_t end_one = (uint64_t)used[one].offset + vmem_min(used[one].bytes, 64);
    uint64_t end_other = (uint64_t)used[other].offset + vmem_min(used[other].bytes, 64);
    return used[one].bar != used[other].bar || !is_used[one] || !is_used[other] ||
           end_one <= used[other].offset || end_other <= used[one].offset;
}

static bool is_same(const struct virtio_pci_window *window, unsigned type)
{
    return is_used[type] ? window->bytes == used[type].bytes &&
                               window->offset == used[type].offset && window->bar == used[type].bar
                         : window->bytes == 0;
}

void harness(void)
{
    struct virtio_pci_windows windows;
    bool has_all = true, has_any = false;

    int status = vmem_pci_find_windows(NULL, NULL, &windows);
    bool are_all_apart = are_apart(VIRTIO_PCI_CFG_COMMON, VIRTIO_PCI_CFG_ISR) &&
                         are_apart(VIRTIO_PCI_CFG_COMMON, VIRTIO_PCI_CFG_DEVICE) &&
                         are_apart(VIRTIO_PCI_CFG_ISR, VIRTIO_PCI_CFG_DEVICE);
    for (unsigned i = VIRTIO_PCI_CFG_COMMON; i <= VIRTIO_PCI_CFG_DEVICE; i++) {
        bool had_no_memory = failures[i] == VMEM_E_NOMEM;
        has_all &= is_used[i] || (i == VIRTIO_PCI_CFG_DEVICE && !had_no_memory);
        has_any |= is_mapped[i];
        PROVE(status != VMEM_OK || i == VIRTIO_PCI_CFG_NOTIFY || is_mapped[i] == is_used[i]);
    }
    PROVE((status == VMEM_OK) == (has_all && are_all_apart));
    PROVE(status == VMEM_OK || !has_any); /* nothing stays mapped */
    PROVE(is_same(&windows.common, VIRTIO_PCI_CFG_COMMON) &&
          is_same(&windows.notify, VIRTIO_PCI_CFG_NOTIFY) &&
          is_same(&windows.isr, VIRTIO_PCI_CFG_ISR) &&
          is_same(&windows.device, VIRTIO_PCI_CFG_DEVICE));
}
