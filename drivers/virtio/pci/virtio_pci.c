/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The modern PCI transport: see vmem/pci.h. The capability list is virtio_pci_caps.c's and
 * interrupts are virtio_pci_irq.c's.
 *
 * Each field is read and written by its own width, 64-bit ones as two halves.
 * Of the common structure only the fields that a driver may write are written.
 */
#include "../core/text.h"
#include "../core/virtio_spec.h"
#include "virtio_pci_internal.h"

/* ---- registers ---- */

static void common_write64(struct virtio_pci *transport, unsigned field, uint64_t value)
{
    vmem_io_write32(vmem_pci_common(transport, field), (uint32_t)value);
    vmem_io_write32(vmem_pci_common(transport, field + 4), (uint32_t)(value >> 32));
}

static uint8_t pci_get_status(struct vmem_virtio *device)
{
    return vmem_io_read8(vmem_pci_common(vmem_pci_of(device), VIRTIO_PCI_COMMON_DEVICE_STATUS));
}

static void pci_set_status(struct vmem_virtio *device, uint8_t status)
{
    vmem_io_write8(vmem_pci_common(vmem_pci_of(device), VIRTIO_PCI_COMMON_DEVICE_STATUS), status);
}

static uint64_t pci_get_features(struct vmem_virtio *device)
{
    const struct virtio_pci *transport = vmem_pci_of(device);
    uint64_t features = 0;
    for (uint32_t half = 0; half < 2; half++) {
        vmem_io_write32(vmem_pci_common(transport, VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT), half);
        uint64_t bits =
            vmem_io_read32(vmem_pci_common(transport, VIRTIO_PCI_COMMON_DEVICE_FEATURE));
        features |= bits << (32 * half);
    }
    return features;
}

static void pci_set_features(struct vmem_virtio *device, uint64_t features)
{
    const struct virtio_pci *transport = vmem_pci_of(device);
    for (uint32_t half = 0; half < 2; half++) {
        vmem_io_write32(vmem_pci_common(transport, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT), half);
        vmem_io_write32(vmem_pci_common(transport, VIRTIO_PCI_COMMON_DRIVER_FEATURE),
                        (uint32_t)(features >> (32 * half)));
    }
}

static uint32_t pci_config_generation(struct vmem_virtio *device)
{
    return vmem_io_read8(vmem_pci_common(vmem_pci_of(device), VIRTIO_PCI_COMMON_CONFIG_GENERATION));
}

static uint32_t pci_device_config_bytes(struct vmem_virtio *device)
{
    return vmem_pci_of(device)->windows.device.mapped_bytes;
}

static uint32_t pci_read_config(struct vmem_virtio *device, uint32_t offset)
{
    return vmem_io_read32(vmem_pci_of(device)->windows.device.registers + offset);
}

static void pci_write_config(struct vmem_virtio *device, uint32_t offset, uint32_t value)
{
    vmem_io_write32(vmem_pci_of(device)->windows.device.registers + offset, value);
}

/* ---- queues ---- */

static uint16_t pci_queue_size_max(struct vmem_virtio *device, uint16_t queue)
{
    struct virtio_pci *transport = vmem_pci_of(device);
    if (queue >= VIRTIO_PCI_QUEUES_MAX ||
        queue >= vmem_pci_read16(transport, VIRTIO_PCI_COMMON_NUM_QUEUES))
        return 0;
    vmem_pci_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SELECT, queue);
    return vmem_pci_read16(transport, VIRTIO_PCI_COMMON_QUEUE_SIZE);
}

static void unmap_doorbell(struct virtio_pci *transport, struct virtio_pci_doorbell *doorbell)
{
    if (doorbell->address)
        vmem_host_pci_unmap(transport->function, doorbell->address, doorbell->bytes);
    doorbell->address = NULL;
}

/* Where the selected queue is notified, and with what. */
static int set_up_doorbell(struct virtio_pci *transport, uint16_t queue)
{
    const struct virtio_pci_window *notify = &transport->windows.notify;
    struct virtio_pci_doorbell *doorbell = &transport->doorbells[queue];
    uint16_t notify_off = vmem_pci_read16(transport, VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF);
    uint64_t offset;
    unmap_doorbell(transport, doorbell); /* of before the last reset */
    doorbell->bytes =
        vmem_virtio_has_feature(&transport->device, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2;
    int status = vmem_pci_notify_offset(&transport->windows, notify_off, doorbell->bytes, &offset);
    if (status != VMEM_OK) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(&transport->device),
                 "queue %u: notify offset %u * %u is not in the notify structure of %u bytes",
                 queue, notify_off, transport->windows.notify_multiplier, notify->bytes);
        return status;
    }
    status = vmem_host_pci_map(transport->function, notify->bar, offset, doorbell->bytes,
                               &doorbell->address);
    if (status != VMEM_OK) {
        doorbell->address = NULL;
        return status;
    }
    doorbell->value = queue;
    if (vmem_virtio_has_feature(&transport->device, VIRTIO_F_NOTIF_CONFIG_DATA))
        doorbell->value = vmem_pci_read16(transport, VIRTIO_PCI_COMMON_QUEUE_NOTIF_CONFIG_DATA);
    return VMEM_OK;
}

static int pci_queue_enable(struct vmem_virtio *device, uint16_t queue,
                            const struct virtqueue_layout *layout)
{
    struct virtio_pci *transport = vmem_pci_of(device);
    vmem_pci_write16(transport, VIRTIO_PCI_COMMON_QUEUE_SIZE, layout->size);
    uint16_t size = vmem_pci_read16(transport, VIRTIO_PCI_COMMON_QUEUE_SIZE);
    if (size != layout->size) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device),
                 "queue %u: its size reads %u, expected %u as written", queue, size, layout->size);
        return VMEM_E_UNSUPPORTED;
    }
    common_write64(transport, VIRTIO_PCI_COMMON_QUEUE_DESC, layout->descriptors);
    common_write64(transport, VIRTIO_PCI_COMMON_QUEUE_DRIVER, layout->driver_area);
    common_write64(transport, VIRTIO_PCI_COMMON_QUEUE_DEVICE, layout->device_area);
    int status = set_up_doorbell(transport, queue);
    if (status != VMEM_OK)
        return status;
    /* "Common configuration structure layout": all else before queue_enable. The vector of each
     * queue was named when interrupts were enabled. */
    vmem_pci_write16(transport, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 1);
    return VMEM_OK;
}

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
    .write_config = pci_write_config,
    .queue_size_max = pci_queue_size_max,
    .queue_enable = pci_queue_enable,
    .notify = pci_notify,
    .irq_enable = vmem_pci_irq_enable,
    .irq_disable = vmem_pci_irq_disable,
    .poll_events = vmem_pci_poll_events,
};

/* ---- life ---- */

uint32_t vmem_pci_device_type(uint16_t vendor_id, uint16_t device_id)
{
    /* It has a modern interface beside the old one, and is what a host offers by default. */
    if (vendor_id == VIRTIO_PCI_VENDOR && device_id == VIRTIO_PCI_TRANSITIONAL_BALLOON)
        return VMEM_VIRTIO_ID_BALLOON;
    if (vendor_id != VIRTIO_PCI_VENDOR || device_id <= VIRTIO_PCI_MODERN_BASE ||
        device_id > VIRTIO_PCI_MODERN_LAST)
        return 0;
    return device_id - (uint32_t)VIRTIO_PCI_MODERN_BASE;
}

/* A field that an older device's shorter common structure lacks takes its feature with it. */
static uint64_t features_of(const struct virtio_pci_windows *windows)
{
    uint64_t features = VIRTIO_RESERVED_FEATURES;
    if (windows->common.bytes < VIRTIO_PCI_COMMON_BYTES)
        features &= ~VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA);
    return features;
}

/* The virtio device ID; 0 with an error line if it is no modern function. */
static uint32_t identify(void *function, const char *location)
{
    uint32_t ids = vmem_host_pci_read(function, VIRTIO_PCI_HEADER_VENDOR, 4);
    uint16_t vendor_id = (uint16_t)ids;
    uint16_t device_id = (uint16_t)(ids >> 16);
    uint32_t type = vmem_pci_device_type(vendor_id, device_id);
    if (type != 0)
        return type;
    bool is_old = vendor_id == VIRTIO_PCI_VENDOR && device_id >= VIRTIO_PCI_TRANSITIONAL_FIRST &&
                  device_id < VIRTIO_PCI_MODERN_BASE;
    vmem_log(VMEM_LOG_ERROR, location, "%04x:%04x is %s, expected %04x:%04x to %04x", vendor_id,
             device_id, is_old ? "a legacy or transitional virtio device" : "not a virtio device",
             VIRTIO_PCI_VENDOR, VIRTIO_PCI_MODERN_BASE + 1, VIRTIO_PCI_MODERN_LAST);
    return 0;
}

/* Memory decoding and bus mastering on or off, the line's interrupt off. */
static void switch_function(void *function, bool on)
{
    const uint32_t bits = VIRTIO_PCI_COMMAND_MEMORY | VIRTIO_PCI_COMMAND_MASTER;
    uint32_t command = vmem_host_pci_read(function, VIRTIO_PCI_HEADER_COMMAND, 2);
    uint32_t wanted = (on ? command | bits : command & ~bits) | VIRTIO_PCI_COMMAND_INTX_DISABLE;
    if (wanted != command)
        vmem_host_pci_write(function, VIRTIO_PCI_HEADER_COMMAND, 2, wanted);
}

int vmem_pci_create(void *function, const char *location, struct vmem_virtio **created)
{
    uint32_t device_type = identify(function, location);
    if (device_type == 0)
        return VMEM_E_NODEV;
    struct virtio_pci *transport = vmem_host_alloc(sizeof(*transport));
    if (!transport)
        return VMEM_E_NOMEM;
    memset(transport, 0, sizeof(*transport));
    int status = vmem_pci_find_windows(function, location, &transport->windows);
    if (status != VMEM_OK) {
        vmem_host_free(transport, sizeof(*transport));
        return status;
    }
    transport->function = function;
    transport->device.ops = &pci_ops;
    transport->device.device_type = device_type;
    transport->device.transport_features = features_of(&transport->windows);
    vmem_format(transport->device.location, sizeof(transport->device.location), "%s", location);
    switch_function(function, true);
    *created = &transport->device;
    return VMEM_OK;
}

void vmem_pci_destroy(struct vmem_virtio *device)
{
    struct virtio_pci *transport = vmem_pci_of(device);
    vmem_pci_irq_disable(device);
    switch_function(transport->function, false);
    for (unsigned i = 0; i < VIRTIO_PCI_QUEUES_MAX; i++)
        unmap_doorbell(transport, &transport->doorbells[i]);
    vmem_pci_unmap_windows(transport->function, &transport->windows);
    vmem_host_free(transport, sizeof(*transport));
}
