/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio_pci.c (the transport) and virtio_pci_irq.c (its interrupts) share; nobody else
 * includes it.
 */
#ifndef VMEM_PCI_VIRTIO_PCI_INTERNAL_H
#define VMEM_PCI_VIRTIO_PCI_INTERNAL_H

#include "../core/arch.h"
#include "../core/virtio.h"
#include "../include/vmem/pci.h"
#include "virtio_pci_caps.h"
#include "virtio_pci_spec.h"

#define VIRTIO_PCI_QUEUES_MAX 8

/* Where a queue is notified; mapped when it is enabled. */
struct virtio_pci_doorbell {
    volatile void *address;
    uint32_t bytes;
    uint16_t value; /* queue index, or queue_notif_config_data */
};

struct virtio_pci {
    struct vmem_virtio device;
    void *function; /* the host's handle */
    struct virtio_pci_windows windows;
    struct virtio_pci_doorbell doorbells[VIRTIO_PCI_QUEUES_MAX];

    /* ---- virtio_pci_irq.c's ---- */
    bool line_attached;
    uint8_t nr_vectors; /* attached: 2, one for config and one for queues, 1 shared, 0 none */
    bool cut_off;       /* in a storm, by a handler; poll_events() has to detach the interrupts */
};

static inline struct virtio_pci *vmem_pci_of(struct vmem_virtio *device)
{
    return VMEM_CONTAINER_OF(device, struct virtio_pci, device);
}

/* ---- registers of the common structure; the queue's ones are of the queue last selected ---- */

static inline volatile void *vmem_pci_common(const struct virtio_pci *transport, unsigned field)
{
    return transport->windows.common.registers + field;
}

static inline uint16_t vmem_pci_read16(const struct virtio_pci *transport, unsigned field)
{
    return vmem_io_read16(vmem_pci_common(transport, field));
}

static inline void vmem_pci_write16(struct virtio_pci *transport, unsigned field, uint16_t value)
{
    vmem_io_write16(vmem_pci_common(transport, field), value);
}

/*
 * Set a vector and read it back, as "MSI-X Vector Configuration" demands: a device that cannot
 * shows VIRTIO_PCI_NO_VECTOR.
 */
static inline int vmem_pci_set_vector(struct virtio_pci *transport, unsigned field, uint16_t vector)
{
    vmem_pci_write16(transport, field, vector);
    return vmem_pci_read16(transport, field) == vector ? VMEM_OK : VMEM_E_UNSUPPORTED;
}

/* ---- the operations of struct virtio_transport_ops that virtio_pci_irq.c has ---- */

VMEM_MUST_CHECK int vmem_pci_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted);
void vmem_pci_irq_disable(struct vmem_virtio *device);
uint32_t vmem_pci_poll_events(struct vmem_virtio *device);

#endif
