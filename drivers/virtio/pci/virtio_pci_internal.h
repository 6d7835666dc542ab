/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtio_pci.c (registers) and virtio_pci_irq.c (interrupts) share;
 * nobody else includes it.
 */
#ifndef VMEM_PCI_VIRTIO_PCI_INTERNAL_H
#define VMEM_PCI_VIRTIO_PCI_INTERNAL_H

#include "drivers/pci/msix.h"
#include "drivers/virtio/pci/virtio_pci.h"
#include "drivers/virtio/pci/virtio_pci_caps.h"
#include "drivers/virtio/pci/virtio_pci_spec.h"

#define VIRTIO_PCI_QUEUES_MAX  8
#define VIRTIO_PCI_VECTORS_MAX 2

/* Where a queue is notified; written when it is enabled. */
struct virtio_pci_doorbell {
    volatile void *address;
    uint16_t value; /* queue index, or queue_notif_config_data */
};

struct virtio_pci {
    struct vmem_virtio device;
    struct pci_device *pci;
    struct virtio_pci_windows windows;
    volatile uint8_t *common;
    volatile uint8_t *isr;
    volatile uint8_t *config; /* NULL if the device has none */
    struct virtio_pci_doorbell doorbells[VIRTIO_PCI_QUEUES_MAX];

    /* ---- virtio_pci_irq.c's ---- */
    struct pci_msix msix;
    bool has_msix;
    bool line_attached;
    uint8_t
        nr_messages; /* attached: 2 with a vector for config and one for queues, 1 shared, 0 none */
    uint16_t queue_vector;
    struct irq_message messages[VIRTIO_PCI_VECTORS_MAX];
    uint64_t window_start_ms; /* interrupts are counted by windows of time: a storm is cut off */
    uint32_t window_interrupts;
    bool cut_off; /* by a handler; poll_events() has to switch the interrupt off for good */
};

static inline struct virtio_pci *vmem_pci_of(struct vmem_virtio *device)
{
    return VMEM_CONTAINER_OF(device, struct virtio_pci, device);
}

/* Registers of the common structure; the queue's ones are of the queue last selected. */
uint16_t vmem_pci_common_read16(const struct virtio_pci *transport, unsigned field);
void vmem_pci_common_write16(struct virtio_pci *transport, unsigned field, uint16_t value);

/* Set a vector and read it back: a device that cannot shows VIRTIO_PCI_NO_VECTOR. */
VMEM_MUST_CHECK int vmem_pci_set_vector(struct virtio_pci *transport, unsigned field,
                                        uint16_t vector);

/* The operations of struct virtio_transport_ops that virtio_pci_irq.c has. */
VMEM_MUST_CHECK int vmem_pci_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted);
void vmem_pci_irq_disable(struct vmem_virtio *device);
uint32_t vmem_pci_poll_events(struct vmem_virtio *device);

/* Once, when the transport is created: INTx off, MSI-X looked for. */
void vmem_pci_irq_init(struct virtio_pci *transport);

#endif
