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

#include "drivers/pci/pci_spec.h"
#include "drivers/virtio/core/arch.h"
#include "drivers/virtio/core/text.h"
#include "drivers/virtio/pci/virtio_pci_internal.h"
#include "include/status.h"

#define STORM_WINDOW_MS      100
#define STORM_INTERRUPTS_MAX 4096 /* in one window; a working device needs a few a request */

/* An ISR of all ones comes from a device that is gone: the driver will look and see. */
static uint32_t read_isr(const struct virtio_pci *transport)
{
    uint8_t isr = vmem_io_read8(transport->isr);
    uint32_t events = 0;

    if ((isr & VIRTIO_PCI_ISR_QUEUE) != 0)
        events |= VIRTIO_EVENT_QUEUE;
    if ((isr & VIRTIO_PCI_ISR_CONFIG) != 0)
        events |= VIRTIO_EVENT_CONFIG;
    return events;
}

static void set_intx(const struct virtio_pci *transport, bool on)
{
    uint16_t command = pci_read16(transport->pci, PCI_COMMAND);
    uint16_t wanted = on ? (uint16_t)(command & ~PCI_COMMAND_INTX_DISABLE)
                         : (uint16_t)(command | PCI_COMMAND_INTX_DISABLE);
    if (wanted != command)
        pci_write16(transport->pci, PCI_COMMAND, wanted);
}

/* ---- handlers ---- */

/*
 * A storm: from now on the device is polled. What needs config space is left to
 * finish_cut_off(), because an interrupt may have come between the two port
 * accesses of the code that it interrupted.
 */
static void cut_off(struct virtio_pci *transport)
{
    struct vmem_virtio *device = &transport->device;

    for (uint16_t i = 0; i < transport->nr_messages; i++)
        pci_msix_mask(&transport->msix, i);
    transport->cut_off = true;
    device->irq_mode = VMEM_IRQ_POLL;
    vmem_log(VMEM_LOG_WARNING, device->name ? device->name : device->location,
             "more than %u interrupts in %u ms: they are masked, and the device is polled",
             STORM_INTERRUPTS_MAX, STORM_WINDOW_MS);
}

static void finish_cut_off(struct virtio_pci *transport)
{
    transport->cut_off = false;
    if (transport->nr_messages != 0)
        pci_msix_enable(&transport->msix, false);
    set_intx(transport, false);
}

static void handle(struct virtio_pci *transport, uint32_t events)
{
    uint64_t now_ms = vmem_host_now_ms();

    if (now_ms - transport->window_start_ms >= STORM_WINDOW_MS) {
        transport->window_start_ms = now_ms;
        transport->window_interrupts = 0;
    }
    vmem_virtio_post_events(&transport->device, events);
    if (++transport->window_interrupts > STORM_INTERRUPTS_MAX)
        cut_off(transport);
}

/* One interrupt may mean both: "Notification of Device Configuration Changes". */
static void handle_line(void *context)
{
    struct virtio_pci *transport = context;

    if (transport->device.irq_mode == VMEM_IRQ_INTX) /* else another device's, on the same line */
        handle(transport, read_isr(transport));
}

static void handle_config_vector(void *context)
{
    handle(context, VIRTIO_EVENT_CONFIG);
}

static void handle_queue_vector(void *context)
{
    handle(context, VIRTIO_EVENT_QUEUE);
}

static void handle_shared_vector(void *context)
{
    handle(context, VIRTIO_EVENT_CONFIG | VIRTIO_EVENT_QUEUE);
}

/* ---- MSI-X ---- */

static void drop_messages(struct virtio_pci *transport)
{
    if (transport->nr_messages == 0)
        return;
    pci_msix_enable(&transport->msix, false);
    for (uint16_t i = 0; i < transport->nr_messages; i++) {
        pci_msix_mask(&transport->msix, i);
        platform_irq_detach_message(&transport->messages[i]);
    }
    transport->nr_messages = 0;
}

static int attach_message(struct virtio_pci *transport, irq_handler_t handler)
{
    uint16_t vector = transport->nr_messages;
    struct irq_message *message = &transport->messages[vector];

    int status = platform_irq_attach_message(handler, transport, message);
    if (status != VMEM_OK)
        return status;
    transport->nr_messages++;
    return pci_msix_set(&transport->msix, vector, *message);
}

/* Name the vectors to the device: config changes by the first, every queue by the last. */
static int map_vectors(struct virtio_pci *transport)
{
    uint16_t nr_queues = vmem_pci_common_read16(transport, VIRTIO_PCI_COMMON_NUM_QUEUES);

    transport->queue_vector = (uint16_t)(transport->nr_messages - 1);
    int status = vmem_pci_set_vector(transport, VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR, 0);
    for (uint16_t queue = 0;
         status == VMEM_OK && queue < nr_queues && queue < VIRTIO_PCI_QUEUES_MAX; queue++) {
        vmem_pci_common_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SELECT, queue);
        status = vmem_pci_set_vector(transport, VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR,
                                     transport->queue_vector);
    }
    return status;
}

static int try_msix(struct virtio_pci *transport, unsigned nr_vectors)
{
    int status = nr_vectors <= transport->msix.nr_vectors ? VMEM_OK : VMEM_E_RANGE;

    if (status == VMEM_OK)
        status = attach_message(transport,
                                nr_vectors == 1 ? handle_shared_vector : handle_config_vector);
    if (status == VMEM_OK && nr_vectors == 2)
        status = attach_message(transport, handle_queue_vector);
    if (status == VMEM_OK) {
        pci_msix_enable(&transport->msix, true);
        status = map_vectors(transport);
    }
    if (status != VMEM_OK) {
        vmem_log(VMEM_LOG_DEBUG, transport->device.name, "MSI-X with %u vectors does not work (%s)",
                 nr_vectors, vmem_error_name(status));
        drop_messages(transport);
    }
    return status;
}

/* ---- the choice ---- */

static int try_line(struct virtio_pci *transport)
{
    if (transport->pci->interrupt_pin == 0)
        return VMEM_E_UNSUPPORTED;
    int status = platform_irq_attach_line(transport->pci->interrupt_line, handle_line, transport);
    if (status != VMEM_OK)
        return status;
    transport->line_attached = true;
    return VMEM_OK;
}

static enum vmem_irq_mode choose(struct virtio_pci *transport, enum vmem_irq_mode wanted)
{
    bool msix_allowed = wanted == VMEM_IRQ_AUTO || wanted == VMEM_IRQ_MSIX;

    if (msix_allowed && transport->has_msix &&
        (try_msix(transport, 2) == VMEM_OK || try_msix(transport, 1) == VMEM_OK))
        return VMEM_IRQ_MSIX;
    if (wanted != VMEM_IRQ_POLL && try_line(transport) == VMEM_OK)
        return VMEM_IRQ_INTX;
    return VMEM_IRQ_POLL;
}

int vmem_pci_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted)
{
    static const char *const names[] = {"none", "MSI-X", "INTx", "polling"};
    struct virtio_pci *transport = vmem_pci_of(device);

    vmem_pci_irq_disable(device);
    transport->window_interrupts = 0;
    device->irq_mode = choose(transport, wanted);
    if (device->irq_mode == VMEM_IRQ_INTX)
        set_intx(transport, true);
    if (wanted != VMEM_IRQ_AUTO && wanted != device->irq_mode)
        vmem_log(VMEM_LOG_WARNING, device->name, "interrupts by %s cannot be had, using %s",
                 names[wanted], names[device->irq_mode]);
    vmem_log(VMEM_LOG_DEBUG, device->name, "interrupts by %s, %u vectors", names[device->irq_mode],
             transport->nr_messages);
    return VMEM_OK;
}

void vmem_pci_irq_disable(struct vmem_virtio *device)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    transport->cut_off = false;
    set_intx(transport, false);
    drop_messages(transport);
    if (transport->line_attached)
        platform_irq_detach_line(transport->pci->interrupt_line, handle_line, transport);
    transport->line_attached = false;
    device->irq_mode = VMEM_IRQ_POLL;
}

uint32_t vmem_pci_poll_events(struct vmem_virtio *device)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    if (transport->cut_off)
        finish_cut_off(transport);
    return read_isr(transport);
}

void vmem_pci_irq_init(struct virtio_pci *transport)
{
    set_intx(transport, false);
    transport->has_msix = pci_msix_init(&transport->msix, transport->pci) == VMEM_OK;
    transport->device.irq_mode = VMEM_IRQ_POLL;
}
