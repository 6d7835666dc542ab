/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport's interrupts: MSI-X with two vectors or a shared one, else
 * INTx, else polling of the ISR; the first that works.
 *
 * A handler notes events and quietens the device. The ISR is read only where
 * the line is used or polled: with MSI-X a read would cost an exit and tell
 * nothing. A device that interrupts without end is switched to polling, so
 * that the rest of the kernel goes on.
 */

#include "../core/text.h"
#include "virtio_pci_internal.h"

/* An ISR of all ones comes from a device that is gone: the driver will look and see. */
static uint32_t read_isr(const struct virtio_pci *transport)
{
    uint8_t isr = vmem_io_read8(transport->windows.isr.registers);
    uint32_t events = 0;

    if ((isr & VIRTIO_PCI_ISR_QUEUE) != 0)
        events |= VIRTIO_EVENT_QUEUE;
    if ((isr & VIRTIO_PCI_ISR_CONFIG) != 0)
        events |= VIRTIO_EVENT_CONFIG;
    return events;
}

/* ---- handlers ---- */

/* False once the device is in a storm. */
static bool handle(struct virtio_pci *transport, uint32_t events)
{
    if (!transport->cut_off)
        transport->cut_off = !vmem_virtio_interrupt(&transport->device, events);
    return !transport->cut_off;
}

/* One interrupt may mean both: "Notification of Device Configuration Changes". */
static bool handle_line(void *context)
{
    struct virtio_pci *transport = context;

    return !transport->cut_off && handle(transport, read_isr(transport));
}

/* The first of two, or the one for all. */
static bool handle_first_vector(void *context)
{
    struct virtio_pci *transport = context;

    return handle(transport,
                  VIRTIO_EVENT_CONFIG | (transport->nr_vectors == 1 ? VIRTIO_EVENT_QUEUE : 0));
}

static bool handle_queue_vector(void *context)
{
    return handle(context, VIRTIO_EVENT_QUEUE);
}

/* ---- MSI-X ---- */

static void detach_last_vector(struct virtio_pci *transport)
{
    vmem_host_pci_irq_detach(transport->function, --transport->nr_vectors);
}

static int attach_next_vector(struct virtio_pci *transport, vmem_irq_handler_t handler)
{
    int status =
        vmem_host_pci_irq_attach(transport->function, transport->nr_vectors, handler, transport);
    if (status == VMEM_OK)
        transport->nr_vectors++;
    return status;
}

/* Name the vectors to the device: config changes by the first, every queue by the last. */
static int map_vectors(struct virtio_pci *transport)
{
    uint16_t nr_queues = vmem_pci_read16(transport, VIRTIO_PCI_COMMON_NUM_QUEUES);

    uint16_t queue_vector = (uint16_t)(transport->nr_vectors - 1);
    int status = vmem_pci_set_vector(transport, VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR, 0);
    for (uint16_t queue = 0;
         status == VMEM_OK && queue < nr_queues && queue < VIRTIO_PCI_QUEUES_MAX; queue++) {
        vmem_pci_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SELECT, queue);
        status = vmem_pci_set_vector(transport, VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR, queue_vector);
    }
    return status;
}

/* With two vectors, or with one; false if neither works. */
static bool try_msix(struct virtio_pci *transport)
{
    int status = attach_next_vector(transport, handle_first_vector);
    if (status == VMEM_OK)
        (void)attach_next_vector(transport, handle_queue_vector);
    while (transport->nr_vectors > 0) {
        status = map_vectors(transport);
        if (status == VMEM_OK)
            return true;
        detach_last_vector(transport);
    }
    vmem_log(VMEM_LOG_DEBUG, vmem_virtio_subject(&transport->device), "MSI-X does not work (%s)",
             vmem_error_name(status));
    return false;
}

/* ---- the choice ---- */

static enum vmem_irq_mode choose(struct virtio_pci *transport, enum vmem_irq_mode wanted)
{
    bool msix_allowed = wanted == VMEM_IRQ_AUTO || wanted == VMEM_IRQ_MSIX;

    if (msix_allowed && transport->windows.has_msix && try_msix(transport))
        return VMEM_IRQ_MSIX;
    if (wanted != VMEM_IRQ_POLL)
        transport->line_attached =
            vmem_host_pci_irq_attach(transport->function, -1, handle_line, transport) == VMEM_OK;
    return transport->line_attached ? VMEM_IRQ_INTX : VMEM_IRQ_POLL;
}

int vmem_pci_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted)
{
    static const char *const names[] = {"none", "MSI-X", "INTx", "polling"};
    struct virtio_pci *transport = vmem_pci_of(device);

    vmem_pci_irq_disable(device);
    enum vmem_irq_mode mode = choose(transport, wanted);
    if (!transport->cut_off) /* by a storm that has begun meanwhile */
        device->irq_mode = mode;
    if (wanted != VMEM_IRQ_AUTO && wanted != device->irq_mode)
        vmem_log(VMEM_LOG_WARNING, vmem_virtio_subject(device),
                 "interrupts by %s cannot be had, using %s", names[wanted],
                 names[device->irq_mode]);
    vmem_log(VMEM_LOG_DEBUG, vmem_virtio_subject(device), "interrupts by %s, %u vectors",
             names[device->irq_mode], transport->nr_vectors);
    return VMEM_OK;
}

void vmem_pci_irq_disable(struct vmem_virtio *device)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    while (transport->nr_vectors > 0)
        detach_last_vector(transport);
    if (transport->line_attached)
        vmem_host_pci_irq_detach(transport->function, -1);
    transport->line_attached = false;
    transport->cut_off = false;
    device->irq_mode = VMEM_IRQ_POLL;
}

uint32_t vmem_pci_poll_events(struct vmem_virtio *device)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    if (transport->cut_off)
        vmem_pci_irq_disable(device);
    return read_isr(transport);
}
