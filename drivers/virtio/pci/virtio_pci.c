/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of the modern PCI transport. See virtio_pci.h; the capability
 * list is virtio_pci_caps.c's and interrupts are virtio_pci_irq.c's.
 *
 * Each field is read and written by its own width, 64-bit ones as two halves.
 * Of the common structure only the fields that a driver may write are written.
 */
#include "drivers/virtio/pci/virtio_pci.h"

#include "drivers/virtio/core/arch.h"
#include "drivers/virtio/core/text.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/pci/virtio_pci_internal.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/string.h"
#include "mm/page.h"

#define CONFIG_BYTES_MAX 4096 /* of a device's config space, as far as it is mapped */

_Static_assert(sizeof(struct virtio_pci) <= PAGE_BYTES, "it is allocated as one page");

/* ---- registers ---- */

static volatile void *common_field(const struct virtio_pci *transport, unsigned field)
{
    return transport->common + field;
}

uint16_t vmem_pci_common_read16(const struct virtio_pci *transport, unsigned field)
{
    return vmem_io_read16(common_field(transport, field));
}

void vmem_pci_common_write16(struct virtio_pci *transport, unsigned field, uint16_t value)
{
    vmem_io_write16(common_field(transport, field), value);
}

static void common_write64(struct virtio_pci *transport, unsigned field, uint64_t value)
{
    vmem_io_write32(common_field(transport, field), (uint32_t)value);
    vmem_io_write32(common_field(transport, field + 4), (uint32_t)(value >> 32));
}

/* "MSI-X Vector Configuration": the vector must be read back. */
int vmem_pci_set_vector(struct virtio_pci *transport, unsigned field, uint16_t vector)
{
    vmem_pci_common_write16(transport, field, vector);
    uint16_t now = vmem_pci_common_read16(transport, field);
    return now == vector ? VMEM_OK : VMEM_E_UNSUPPORTED;
}

static uint8_t pci_get_status(struct vmem_virtio *device)
{
    return vmem_io_read8(common_field(vmem_pci_of(device), VIRTIO_PCI_COMMON_DEVICE_STATUS));
}

static void pci_set_status(struct vmem_virtio *device, uint8_t status)
{
    vmem_io_write8(common_field(vmem_pci_of(device), VIRTIO_PCI_COMMON_DEVICE_STATUS), status);
}

static uint64_t pci_get_features(struct vmem_virtio *device)
{
    const struct virtio_pci *transport = vmem_pci_of(device);
    uint64_t features = 0;

    for (uint32_t half = 0; half < 2; half++) {
        vmem_io_write32(common_field(transport, VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT), half);
        uint64_t bits = vmem_io_read32(common_field(transport, VIRTIO_PCI_COMMON_DEVICE_FEATURE));
        features |= bits << (32 * half);
    }
    return features;
}

static void pci_set_features(struct vmem_virtio *device, uint64_t features)
{
    const struct virtio_pci *transport = vmem_pci_of(device);

    for (uint32_t half = 0; half < 2; half++) {
        vmem_io_write32(common_field(transport, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT), half);
        vmem_io_write32(common_field(transport, VIRTIO_PCI_COMMON_DRIVER_FEATURE),
                        (uint32_t)(features >> (32 * half)));
    }
}

static uint32_t pci_config_generation(struct vmem_virtio *device)
{
    return vmem_io_read8(common_field(vmem_pci_of(device), VIRTIO_PCI_COMMON_CONFIG_GENERATION));
}

static uint32_t pci_device_config_bytes(struct vmem_virtio *device)
{
    return (uint32_t)vmem_min(vmem_pci_of(device)->windows.device.bytes, CONFIG_BYTES_MAX);
}

static uint32_t pci_read_config(struct vmem_virtio *device, uint32_t offset, unsigned bytes)
{
    volatile uint8_t *field = vmem_pci_of(device)->config + offset;

    if (bytes == 1)
        return vmem_io_read8(field);
    return bytes == 2 ? vmem_io_read16(field) : vmem_io_read32(field);
}

/* ---- queues ---- */

static uint16_t pci_queue_size_max(struct vmem_virtio *device, uint16_t queue)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    if (queue >= VIRTIO_PCI_QUEUES_MAX ||
        queue >= vmem_pci_common_read16(transport, VIRTIO_PCI_COMMON_NUM_QUEUES))
        return 0;
    vmem_pci_common_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SELECT, queue);
    return vmem_pci_common_read16(transport, VIRTIO_PCI_COMMON_QUEUE_SIZE);
}

/* Where the selected queue is notified, and with what. */
static int set_up_doorbell(struct virtio_pci *transport, uint16_t queue)
{
    struct virtio_pci_doorbell *doorbell = &transport->doorbells[queue];
    uint32_t bytes =
        vmem_virtio_has_feature(&transport->device, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2;
    uint16_t notify_off = vmem_pci_common_read16(transport, VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF);
    volatile void *address;
    uint64_t offset;

    int status = vmem_pci_notify_offset(&transport->windows, notify_off, bytes, &offset);
    if (status != VMEM_OK) {
        vmem_log(VMEM_LOG_ERROR, transport->device.name,
                 "queue %u: notify offset %u * %u is not in the notify structure of %u bytes",
                 queue, notify_off, transport->windows.notify_multiplier,
                 transport->windows.notify.bytes);
        return status;
    }
    status = pci_map_bar(transport->pci, transport->windows.notify.bar, offset, bytes, &address);
    if (status != VMEM_OK)
        return status;
    doorbell->address = address;
    doorbell->value = queue;
    if (vmem_virtio_has_feature(&transport->device, VIRTIO_F_NOTIF_CONFIG_DATA))
        doorbell->value =
            vmem_pci_common_read16(transport, VIRTIO_PCI_COMMON_QUEUE_NOTIF_CONFIG_DATA);
    return VMEM_OK;
}

static int pci_queue_enable(struct vmem_virtio *device, uint16_t queue,
                            const struct virtqueue_layout *layout)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    vmem_pci_common_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SELECT, queue);
    vmem_pci_common_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SIZE, layout->size);
    uint16_t size = vmem_pci_common_read16(transport, VIRTIO_PCI_COMMON_QUEUE_SIZE);
    if (size != layout->size) {
        vmem_log(VMEM_LOG_ERROR, device->name,
                 "queue %u: its size reads %u, expected %u as written", queue, size, layout->size);
        return VMEM_E_UNSUPPORTED;
    }
    common_write64(transport, VIRTIO_PCI_COMMON_QUEUE_DESC, layout->descriptors);
    common_write64(transport, VIRTIO_PCI_COMMON_QUEUE_DRIVER, layout->driver_area);
    common_write64(transport, VIRTIO_PCI_COMMON_QUEUE_DEVICE, layout->device_area);
    int status = set_up_doorbell(transport, queue);
    if (status != VMEM_OK)
        return status;
    if (transport->nr_messages != 0) {
        status = vmem_pci_set_vector(transport, VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR,
                                     transport->queue_vector);
        if (status != VMEM_OK)
            return status;
    }
    /* "Common configuration structure layout": all else before queue_enable. */
    vmem_pci_common_write16(transport, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 1);
    return VMEM_OK;
}

/* "Virtqueue Reset": write 1, wait for 0, and see that the queue is no longer enabled. */
/* "Available Buffer Notifications": 16 bits, or 32 with where the next buffer will be. */
static void pci_notify(struct vmem_virtio *device, uint16_t queue, uint32_t next_avail)
{
    const struct virtio_pci_doorbell *doorbell = &vmem_pci_of(device)->doorbells[queue];

    if (vmem_virtio_has_feature(device, VIRTIO_F_NOTIFICATION_DATA))
        vmem_io_write32(doorbell->address, doorbell->value | next_avail << 16);
    else
        vmem_io_write16(doorbell->address, doorbell->value);
}

static const struct virtio_transport_ops pci_ops = {
    .name = "virtio-pci",
    .get_status = pci_get_status,
    .set_status = pci_set_status,
    .get_features = pci_get_features,
    .set_features = pci_set_features,
    .config_generation = pci_config_generation,
    .config_bytes = pci_device_config_bytes,
    .read_config = pci_read_config,
    .queue_size_max = pci_queue_size_max,
    .queue_enable = pci_queue_enable,
    .notify = pci_notify,
    .irq_enable = vmem_pci_irq_enable,
    .irq_disable = vmem_pci_irq_disable,
    .poll_events = vmem_pci_poll_events,
};

/* ---- life ---- */

uint32_t vmem_pci_device_type(const struct pci_device *pci)
{
    if (pci->vendor_id != VIRTIO_PCI_VENDOR || pci->device_id <= VIRTIO_PCI_MODERN_BASE ||
        pci->device_id > VIRTIO_PCI_MODERN_LAST)
        return 0;
    return pci->device_id - (uint32_t)VIRTIO_PCI_MODERN_BASE;
}

/* Fields that an older device's shorter common structure lacks take their features with them. */
static uint64_t features_of(const struct virtio_pci_windows *windows)
{
    uint64_t features = VIRTIO_RESERVED_FEATURES;

    if (windows->common.bytes < VIRTIO_PCI_COMMON_BYTES)
        features &= ~VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA);
    return features;
}

static int map_window(struct pci_device *pci, const struct virtio_pci_window *window,
                      uint32_t bytes_max, volatile uint8_t **mapped)
{
    volatile void *registers;
    uint64_t bytes =
        vmem_min(window->bytes, bytes_max); /* a structure may be far longer than needed */

    int status = pci_map_bar(pci, window->bar, window->offset, bytes, &registers);
    if (status == VMEM_OK)
        *mapped = registers;
    return status;
}

static int map_windows(struct virtio_pci *transport)
{
    const struct virtio_pci_windows *windows = &transport->windows;
    struct pci_device *pci = transport->pci;

    int status = map_window(pci, &windows->common, VIRTIO_PCI_COMMON_BYTES, &transport->common);
    if (status == VMEM_OK)
        status = map_window(pci, &windows->isr, 1, &transport->isr);
    if (status == VMEM_OK && windows->device.bytes != 0)
        status = map_window(pci, &windows->device, CONFIG_BYTES_MAX, &transport->config);
    return status;
}

static bool is_modern(const struct pci_device *pci)
{
    char location[PCI_ADDRESS_TEXT_BYTES];

    if (vmem_pci_device_type(pci) != 0)
        return true;
    bool is_old = pci->vendor_id == VIRTIO_PCI_VENDOR &&
                  pci->device_id >= VIRTIO_PCI_TRANSITIONAL_FIRST &&
                  pci->device_id < VIRTIO_PCI_MODERN_BASE;
    vmem_log(VMEM_LOG_ERROR, pci_address_text(pci->address, location),
             "%04x:%04x is %s, expected %04x:%04x to %04x", pci->vendor_id, pci->device_id,
             is_old ? "a legacy or transitional virtio device" : "not a virtio device",
             VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN_BASE + 1, VIRTIO_PCI_MODERN_LAST);
    return false;
}

int vmem_pci_create(struct pci_device *pci, struct vmem_virtio **created)
{
    char location[PCI_ADDRESS_TEXT_BYTES];
    struct virtio_pci_windows windows;

    if (!is_modern(pci))
        return VMEM_E_NODEV;
    int status = vmem_pci_find_windows(pci, &windows);
    if (status != VMEM_OK)
        return status;
    uint64_t paddr = page_alloc(0, PAGE_KERNEL);
    if (paddr == PADDR_NONE)
        return VMEM_E_NOMEM;

    struct virtio_pci *transport = phys_to_virt(paddr);
    memset(transport, 0, sizeof(*transport));
    transport->pci = pci;
    transport->windows = windows;
    transport->device.ops = &pci_ops;
    transport->device.device_type = vmem_pci_device_type(pci);
    transport->device.transport_features = features_of(&windows);
    vmem_format(transport->device.location, sizeof(transport->device.location), "pci %s",
                pci_address_text(pci->address, location));
    status = map_windows(transport);
    if (status != VMEM_OK) {
        page_free(paddr, 0);
        return status;
    }
    pci_enable(pci, true); /* before MSI-X, whose table is in a BAR */
    vmem_pci_irq_init(transport);
    *created = &transport->device;
    return VMEM_OK;
}

void vmem_pci_destroy(struct vmem_virtio *device)
{
    struct virtio_pci *transport = vmem_pci_of(device);

    vmem_pci_irq_disable(device);
    pci_enable(transport->pci, false);
    page_free(virt_to_phys(transport), 0);
}
