/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MMIO transport. See virtio_mmio.h.
 *
 * One interrupt line, or polling of the same status register. A device that
 * interrupts without end is polled from then on; its line is given up, which
 * the platform masks with its last handler.
 */
#include "drivers/virtio/mmio/virtio_mmio.h"

#include "drivers/virtio/core/arch.h"
#include "drivers/virtio/core/text.h"
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/mmio/virtio_mmio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mm/page.h"

#define REGISTER_BYTES_MAX      (2 * PAGE_BYTES) /* mapped of a larger range */
#define STORM_WINDOW_MS         100
#define STORM_INTERRUPTS_MAX    4096
#define NOTIFICATION_DATA_SHIFT 16

struct virtio_mmio {
    struct vmem_virtio device;
    struct virtio_mmio_address address;
    volatile uint8_t *registers;
    uint32_t config_bytes;
    bool line_attached;
    bool line_given_up; /* by the handler; the line is detached when polled next */
    uint64_t window_start_ms;
    uint32_t window_interrupts;
};

_Static_assert(sizeof(struct virtio_mmio) <= PAGE_BYTES, "it is allocated as one page");

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

static uint32_t mmio_read_config(struct vmem_virtio *device, uint32_t offset, unsigned bytes)
{
    volatile uint8_t *field = mmio_of(device)->registers + VIRTIO_MMIO_REG_CONFIG + offset;

    if (bytes == 1)
        return vmem_io_read8(field);
    return bytes == 2 ? vmem_io_read16(field) : vmem_io_read32(field);
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
    write_register(device, VIRTIO_MMIO_REG_QUEUE_SEL, queue);
    if (read_register(device, VIRTIO_MMIO_REG_QUEUE_READY) != 0) {
        vmem_log(VMEM_LOG_ERROR, device->name, "queue %u: in use already, expected QueueReady 0",
                 queue);
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

static void handle_line(void *context)
{
    struct virtio_mmio *transport = context;
    struct vmem_virtio *device = &transport->device;
    uint64_t now_ms = vmem_host_now_ms();

    if (device->irq_mode != VMEM_IRQ_INTX)
        return;
    if (now_ms - transport->window_start_ms >= STORM_WINDOW_MS) {
        transport->window_start_ms = now_ms;
        transport->window_interrupts = 0;
    }
    vmem_virtio_post_events(device, take_status(device));
    if (++transport->window_interrupts <= STORM_INTERRUPTS_MAX)
        return;
    transport->line_given_up = true;
    device->irq_mode = VMEM_IRQ_POLL;
    vmem_log(VMEM_LOG_WARNING, device->name ? device->name : device->location,
             "more than %u interrupts in %u ms: the device is polled from now on",
             STORM_INTERRUPTS_MAX, STORM_WINDOW_MS);
}

static void mmio_irq_disable(struct vmem_virtio *device)
{
    struct virtio_mmio *transport = mmio_of(device);

    if (transport->line_attached)
        platform_irq_detach_line(transport->address.irq_line, handle_line, transport);
    transport->line_attached = false;
    transport->line_given_up = false;
    device->irq_mode = VMEM_IRQ_POLL;
}

static int mmio_irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted)
{
    struct virtio_mmio *transport = mmio_of(device);

    mmio_irq_disable(device);
    transport->window_interrupts = 0;
    if (wanted == VMEM_IRQ_POLL)
        return VMEM_OK;
    if (platform_irq_attach_line(transport->address.irq_line, handle_line, transport) == VMEM_OK) {
        transport->line_attached = true;
        device->irq_mode = VMEM_IRQ_INTX;
    }
    if (wanted != VMEM_IRQ_AUTO && wanted != device->irq_mode)
        vmem_log(VMEM_LOG_WARNING, device->name, "the interrupts asked for cannot be had, using %s",
                 transport->line_attached ? "the line" : "polling");
    return VMEM_OK;
}

static uint32_t mmio_poll_events(struct vmem_virtio *device)
{
    struct virtio_mmio *transport = mmio_of(device);

    if (transport->line_given_up)
        mmio_irq_disable(device);
    return take_status(device);
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
    .queue_size_max = mmio_queue_size_max,
    .queue_enable = mmio_queue_enable,
    .notify = mmio_notify,
    .irq_enable = mmio_irq_enable,
    .irq_disable = mmio_irq_disable,
    .poll_events = mmio_poll_events,
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

static int check_address(const struct virtio_mmio_address *address)
{
    if (address->bytes < VIRTIO_MMIO_REG_CONFIG || address->base == 0 ||
        !vmem_is_aligned(address->base, sizeof(uint32_t)) ||
        vmem_range_overflows(address->base, address->bytes) ||
        address->base + address->bytes > platform_paddr_limit())
        return VMEM_E_RANGE;
    return VMEM_OK;
}

int vmem_mmio_create(const struct virtio_mmio_address *address, struct vmem_virtio **created)
{
    uint64_t bytes = vmem_min(address->bytes, REGISTER_BYTES_MAX);
    volatile void *registers;

    int status = check_address(address);
    if (status != VMEM_OK)
        return status;
    uint64_t paddr = page_alloc(0, PAGE_KERNEL);
    if (paddr == PADDR_NONE)
        return VMEM_E_NOMEM;
    struct virtio_mmio *transport = phys_to_virt(paddr);
    memset(transport, 0, sizeof(*transport));
    transport->address = *address;
    transport->config_bytes = (uint32_t)(bytes - VIRTIO_MMIO_REG_CONFIG);
    transport->device.ops = &mmio_ops;
    transport->device.irq_mode = VMEM_IRQ_POLL;
    transport->device.transport_features =
        VIRTIO_RESERVED_FEATURES & ~VIRTIO_FEATURE(VIRTIO_F_NOTIF_CONFIG_DATA);
    vmem_format(transport->device.location, sizeof(transport->device.location), "mmio 0x%llx",
                (unsigned long long)address->base);
    status = platform_map_mmio(address->base, bytes, &registers);
    if (status == VMEM_OK) {
        transport->registers = registers;
        status = identify(transport);
    }
    if (status != VMEM_OK) {
        page_free(paddr, 0);
        return status;
    }
    *created = &transport->device;
    return VMEM_OK;
}

void vmem_mmio_destroy(struct vmem_virtio *device)
{
    mmio_irq_disable(device);
    page_free(virt_to_phys(mmio_of(device)), 0);
}

/* ---- the command line ---- */

/* Copy the part of *text before `end` and move past it; false if `end` is not there. */
static bool take_part(const char **text, char end, char *part, size_t part_bytes)
{
    const char *found = strchr(*text, end);
    size_t length = found ? (size_t)(found - *text) : strlen(*text);

    if ((!found && end != '\0') || length >= part_bytes)
        return false;
    memcpy(part, *text, length);
    part[length] = '\0';
    *text += length + (end != '\0' && found ? 1 : 0);
    return true;
}

int vmem_mmio_parse(const char *text, struct virtio_mmio_address *address)
{
    char size[24];
    char base[24];
    char line[24];
    char id[24];
    uint64_t irq_line;
    uint64_t ignored;

    if (!take_part(&text, '@', size, sizeof(size)) || !take_part(&text, ':', base, sizeof(base)))
        return VMEM_E_INVAL;
    bool has_id = strchr(text, ':') != NULL;
    if (!take_part(&text, has_id ? ':' : '\0', line, sizeof(line)) ||
        (has_id && (!take_part(&text, '\0', id, sizeof(id)) || parse_u64(id, &ignored) != VMEM_OK)))
        return VMEM_E_INVAL;
    if (parse_size(size, &address->bytes) != VMEM_OK ||
        parse_u64(base, &address->base) != VMEM_OK || parse_u64(line, &irq_line) != VMEM_OK ||
        irq_line > UINT16_MAX)
        return VMEM_E_INVAL;
    address->irq_line = (unsigned)irq_line;
    return check_address(address);
}
