/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport: see vmem/mmio.h. One interrupt line, or polling of the same status register.
 */
#include "../core/arch.h"
#include "../core/text.h"
#include "../core/virtio.h"
#include "../core/virtio_spec.h"
#include "../include/vmem/mmio.h"
#include "virtio_mmio_spec.h"

#define CONFIG_BYTES_MAX        4096 /* of a larger range */
#define NOTIFICATION_DATA_SHIFT 16

struct virtio_mmio {
    struct vmem_virtio device;
    volatile uint8_t *registers;
    uint32_t config_bytes;
    bool has_irq; /* the host has the line, and it was not given up */
};

static struct virtio_mmio *mmio_of(struct vmem_virtio *device)
{
    return VMEM_CONTAINER_OF(device, struct virtio_mmio, device);
}

static uint32_t read_register(struct vmem_virtio *device, uint32_t offset)
{
    return vmem_io_read32(mmio_of(device)->registers + offset);
}

static void write_register(struct vmem_virtio *device, uint32_t offset, uint32_t value)
{
    vmem_io_write32(mmio_of(device)->registers + offset, value);
}

static void write_address(struct vmem_virtio *device, uint32_t offset, uint64_t paddr)
{
    write_register(device, offset, (uint32_t)paddr);
    write_register(device, offset + 4, (uint32_t)(paddr >> 32));
}

/* ---- status, features, config ---- */

static uint8_t mmio_get_status(struct vmem_virtio *device)
{
    return (uint8_t)read_register(device, VIRTIO_MMIO_REG_STATUS);
}

static void mmio_set_status(struct vmem_virtio *device, uint8_t status)
{
    write_register(device, VIRTIO_MMIO_REG_STATUS, status);
}

static uint64_t mmio_get_features(struct vmem_virtio *device)
{
    uint64_t features = 0;
    for (uint32_t half = 0; half < 2; half++) {
        write_register(device, VIRTIO_MMIO_REG_DEVICE_FEATURES_SEL, half);
        features |= (uint64_t)read_register(device, VIRTIO_MMIO_REG_DEVICE_FEATURES) << (32 * half);
    }
    return features;
}

static void mmio_set_features(struct vmem_virtio *device, uint64_t features)
{
    for (uint32_t half = 0; half < 2; half++) {
        write_register(device, VIRTIO_MMIO_REG_DRIVER_FEATURES_SEL, half);
        write_register(device, VIRTIO_MMIO_REG_DRIVER_FEATURES,
                       (uint32_t)(features >> (32 * half)));
    }
}

static uint32_t mmio_config_generation(struct vmem_virtio *device)
{
    return read_register(device, VIRTIO_MMIO_REG_CONFIG_GENERATION);
}

static uint32_t mmio_config_bytes(struct vmem_virtio *device)
{
    return mmio_of(device)->config_bytes;
}

static uint32_t mmio_read_config(struct vmem_virtio *device, uint32_t offset)
{
    return read_register(device, VIRTIO_MMIO_REG_CONFIG + offset);
}

static void mmio_write_config(struct vmem_virtio *device, uint32_t offset, uint32_t value)
{
    write_register(device, VIRTIO_MMIO_REG_CONFIG + offset, value);
}

/* ---- queues ---- */

static uint16_t mmio_queue_size_max(struct vmem_virtio *device, uint16_t queue)
{
    write_register(device, VIRTIO_MMIO_REG_QUEUE_SEL, queue);
    uint32_t max = read_register(device, VIRTIO_MMIO_REG_QUEUE_SIZE_MAX);
    return max > UINT16_MAX ? UINT16_MAX : (uint16_t)max; /* the caller refuses what is too large */
}

static int mmio_queue_enable(struct vmem_virtio *device, uint16_t queue,
                             const struct virtqueue_layout *layout)
{
    if (read_register(device, VIRTIO_MMIO_REG_QUEUE_READY) != 0) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device),
                 "queue %u: in use already, expected QueueReady 0", queue);
        return VMEM_E_BUSY;
    }
    write_register(device, VIRTIO_MMIO_REG_QUEUE_SIZE, layout->size);
    write_address(device, VIRTIO_MMIO_REG_QUEUE_DESC, layout->descriptors);
    write_address(device, VIRTIO_MMIO_REG_QUEUE_DRIVER, layout->driver_area);
    write_address(device, VIRTIO_MMIO_REG_QUEUE_DEVICE, layout->device_area);
    write_register(device, VIRTIO_MMIO_REG_QUEUE_READY, 1);
    return VMEM_OK;
}

static void mmio_notify(struct vmem_virtio *device, uint16_t queue, uint32_t next_avail)
{
    uint32_t value = queue;
    if (vmem_virtio_has_feature(device, VIRTIO_F_NOTIFICATION_DATA))
        value |= next_avail << NOTIFICATION_DATA_SHIFT;
    write_register(device, VIRTIO_MMIO_REG_QUEUE_NOTIFY, value);
}

/* ---- interrupts ---- */

/* What the device says, acknowledged: bits 0 and 1 are those of enum virtio_event. */
static uint32_t take_status(struct vmem_virtio *device)
{
    uint32_t events = read_register(device, VIRTIO_MMIO_REG_INTERRUPT_STATUS) &
                      (VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
    if (events != 0)
        write_register(device, VIRTIO_MMIO_REG_INTERRUPT_ACK, events);
    return events;
}

bool vmem_mmio_interrupt(struct vmem_virtio *device)
{
    struct virtio_mmio *transport = mmio_of(device);
    if (transport->has_irq)
        transport->has_irq = vmem_virtio_interrupt(device, take_status(device));
    return transport->has_irq;
}

static void mmio_irq_disable(struct vmem_virtio *device)
{
    device->irq_mode = VMEM_IRQ_POLL;
}

static int mmio_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted)
{
    bool uses_line = wanted != VMEM_IRQ_POLL && mmio_of(device)->has_irq;
    device->irq_mode = uses_line ? VMEM_IRQ_INTX : VMEM_IRQ_POLL;
    if (wanted != VMEM_IRQ_AUTO && wanted != device->irq_mode)
        vmem_log(VMEM_LOG_WARNING, vmem_virtio_subject(device),
                 "the interrupts asked for cannot be had, using %s",
                 uses_line ? "the line" : "polling");
    return VMEM_OK;
}

static const struct virtio_transport_ops mmio_ops = {
    .name = "virtio-mmio",
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .config_generation = mmio_config_generation,
    .config_bytes = mmio_config_bytes,
    .read_config = mmio_read_config,
    .write_config = mmio_write_config,
    .queue_size_max = mmio_queue_size_max,
    .queue_enable = mmio_queue_enable,
    .notify = mmio_notify,
    .irq_enable = mmio_irq_enable,
    .irq_disable = mmio_irq_disable,
    .poll_events = take_status,
};

/* ---- life ---- */

/* "MMIO Device Register Layout": magic, version and device ID decide whether to go on. */
static int identify(struct virtio_mmio *transport)
{
    struct vmem_virtio *device = &transport->device;
    uint32_t magic = read_register(device, VIRTIO_MMIO_REG_MAGIC);
    uint32_t version = read_register(device, VIRTIO_MMIO_REG_VERSION);
    if (magic != VIRTIO_MMIO_MAGIC) {
        vmem_log(VMEM_LOG_ERROR, device->location, "the magic value is 0x%08x, expected 0x%08x",
                 magic, VIRTIO_MMIO_MAGIC);
        return VMEM_E_NODEV;
    }
    if (version != VIRTIO_MMIO_VERSION) {
        vmem_log(VMEM_LOG_ERROR, device->location, "register version %u, expected %u", version,
                 VIRTIO_MMIO_VERSION);
        return VMEM_E_NODEV;
    }
    device->device_type = read_register(device, VIRTIO_MMIO_REG_DEVICE_ID);
    if (device->device_type == 0) {
        vmem_log(VMEM_LOG_DEBUG, device->location, "a placeholder, no device");
        return VMEM_E_NODEV;
    }
    return VMEM_OK;
}

int vmem_mmio_create(volatile void *registers, size_t bytes, bool has_irq, const char *location,
                     struct vmem_virtio **created)
{
    if (bytes < VIRTIO_MMIO_REG_CONFIG || !vmem_is_aligned((uintptr_t)registers, sizeof(uint32_t)))
        return VMEM_E_RANGE;
    struct virtio_mmio *transport = vmem_host_alloc(sizeof(*transport));
    if (!transport)
        return VMEM_E_NOMEM;
    memset(transport, 0, sizeof(*transport));
    transport->registers = registers;
    transport->config_bytes = (uint32_t)vmem_min(bytes - VIRTIO_MMIO_REG_CONFIG, CONFIG_BYTES_MAX);
    transport->has_irq = has_irq;
    transport->device.ops = &mmio_ops;
    transport->device.transport_features =
        VIRTIO_RESERVED_FEATURES & ~VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA);
    vmem_format(transport->device.location, sizeof(transport->device.location), "%s", location);
    int status = identify(transport);
    if (status != VMEM_OK) {
        vmem_host_free(transport, sizeof(*transport));
        return status;
    }
    *created = &transport->device;
    return VMEM_OK;
}

void vmem_mmio_destroy(struct vmem_virtio *device)
{
    vmem_host_free(mmio_of(device), sizeof(struct virtio_mmio));
}
