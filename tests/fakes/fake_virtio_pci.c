/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_virtio_pci.h. Offsets are written down here anew, not shared with the driver. */
#include "tests/fakes/fake_virtio_pci.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "extras/msix/msix.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define BAR_BASE       0xfe000000u
#define TABLE_BASE     0xfe010000u
#define COMMON_BYTES   64
#define NO_VECTOR      0xffff
#define INTX_DISABLE   0x0400
#define MSIX_ENABLE    0x8000
#define INTERRUPT_LINE 11

static bool has(const struct fake_virtio_pci *fake, unsigned bit)
{
    return (fake->accepted >> bit & 1) != 0;
}

static bool msix_on(const struct fake_virtio_pci *fake)
{
    return fake->function->bars[1].bytes != 0 &&
           (fake_pci_get(fake->function, FAKE_VIRTIO_MSIX_CAP + 2, 2) & MSIX_ENABLE) != 0;
}

void fake_virtio_pci_interrupt(struct fake_virtio_pci *fake, u8 isr)
{
    fake->isr |= isr;
    if (!msix_on(fake)) {
        if (isr != 0 && (fake_pci_get(fake->function, PCI_COMMAND, 2) & INTX_DISABLE) == 0)
            fake_raise_line(INTERRUPT_LINE);
        return;
    }
    u16 vector = (isr & 2) != 0 ? fake->config_vector : fake->queues[0].vector;
    if (vector == NO_VECTOR)
        return;
    const u32 *entry = &fake->msix_table[vector * 4];
    if ((entry[3] & 1) == 0)
        fake_raise_message((struct irq_message){entry[0] | (u64)entry[1] << 32, entry[2]});
}

/* ---- common structure ---- */

static unsigned width_of(u64 offset)
{
    if (offset < 16)
        return 4;
    if (offset == 20 || offset == 21)
        return 1;
    return offset < 32 || offset >= 56 ? 2 : 4; /* 64-bit fields: two halves */
}

static struct fake_virtio_queue *selected(struct fake_virtio_pci *fake)
{
    assert_true(fake->queue_select < fake->nr_queues);
    return &fake->queues[fake->queue_select];
}

static u32 read_queue(struct fake_virtio_pci *fake, u64 offset)
{
    if (fake->queue_select >= fake->nr_queues)
        return offset == 24 ? fake->size_beyond : 0;
    const struct fake_virtio_queue *queue = selected(fake);

    switch (offset) {
    case 24:
        return fake->size_reads != 0 && queue->size != fake->size_max ? fake->size_reads
                                                                      : queue->size;
    case 26:
        return queue->vector;
    case 28:
        return queue->enabled;
    case 30:
        return queue->notify_off;
    case 56:
        return queue->notif_config_data;
    default:
        return (u32)(queue->areas[(offset - 32) / 8] >> (offset % 8 * 8));
    }
}

static u32 read_common(struct fake_virtio_pci *fake, u64 offset)
{
    switch (offset) {
    case 0:
        return fake->device_select;
    case 4:
        return fake->device_select < 2 ? (u32)(fake->offered >> (32 * fake->device_select)) : 0;
    case 8:
        return fake->driver_select;
    case 12:
        return (u32)(fake->accepted >> (32 * fake->driver_select));
    case 16:
        return fake->config_vector;
    case 18:
        return fake->nr_queues;
    case 20:
        return fake->status;
    case 21:
        return fake->generation;
    case 22:
        return fake->queue_select;
    default:
        return read_queue(fake, offset);
    }
}

static void reset(struct fake_virtio_pci *fake)
{
    fake->status = 0;
    fake->accepted = 0;
    fake->isr = 0;
    fake->config_vector = NO_VECTOR;
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++) {
        fake->queues[i].size = fake->size_max;
        fake->queues[i].vector = NO_VECTOR;
        fake->queues[i].enabled = 0;
        memset(fake->queues[i].areas, 0, sizeof(fake->queues[i].areas));
    }
}

static u16 vector_taken(const struct fake_virtio_pci *fake, u32 vector)
{
    return vector < fake->vectors_usable ? (u16)vector : NO_VECTOR;
}

static void enable_queue(struct fake_virtio_pci *fake, u32 value)
{
    struct fake_virtio_queue *queue = selected(fake);

    assert_int_equal(value, 1);          /* P16 */
    assert_int_equal(queue->enabled, 0); /* enabled once */
    queue->enabled = 1;
    struct virtqueue_layout layout = {.size = queue->size,
                                      .descriptors = queue->areas[0],
                                      .driver_area = queue->areas[1],
                                      .device_area = queue->areas[2]};
    fake_ring_init(&queue->ring, &layout, fake->accepted);
}

static void write_queue(struct fake_virtio_pci *fake, u64 offset, u32 value)
{
    struct fake_virtio_queue *queue = selected(fake);

    assert_int_equal(queue->enabled, 0); /* P14 */
    switch (offset) {
    case 24:
        assert_in_range(value, 1, fake->size_max); /* P13 */
        if (!has(fake, VIRTIO_F_RING_PACKED))
            assert_int_equal(value & (value - 1), 0);
        queue->size = (u16)value;
        return;
    case 26:
        queue->vector = vector_taken(fake, value);
        return;
    case 28:
        enable_queue(fake, value);
        return;
    default:
        assert_in_range(offset, 32, 55); /* P12: queue_notify_off, queue_notif_config_data */
        u64 *area = &queue->areas[(offset - 32) / 8];
        unsigned shift = (unsigned)(offset % 8 * 8);
        *area = (*area & ~((u64)0xffffffff << shift)) | (u64)value << shift;
    }
}

static void write_common(struct fake_virtio_pci *fake, u64 offset, u32 value)
{
    switch (offset) {
    case 0:
        fake->device_select = value;
        return;
    case 8:
        fake->driver_select = value;
        return;
    case 12:
        assert_in_range(fake->driver_select, 0, 1);
        fake->accepted &= ~((u64)0xffffffff << (32 * fake->driver_select));
        fake->accepted |= (u64)value << (32 * fake->driver_select);
        return;
    case 16:
        fake->config_vector = vector_taken(fake, value);
        return;
    case 20:
        if (value == 0)
            reset(fake);
        else
            fake->status = (u8)value;
        return;
    case 22:
        fake->queue_select = (u16)value;
        return;
    default:
        assert_true(offset > 22); /* P12: device_feature, num_queues, config_generation */
        write_queue(fake, offset, value);
    }
}

/* ---- notifications ---- */

static void echo(struct fake_virtio_queue *queue)
{
    struct fake_buffer buffer;
    u8 bytes[4096];

    while (fake_ring_pop(&queue->ring, &buffer)) {
        u32 nr = fake_ring_gather(&buffer, bytes, sizeof(bytes));
        fake_ring_push(&queue->ring, &buffer, fake_ring_scatter(&buffer, bytes, nr));
    }
    fake_ring_want_notify(&queue->ring, true);
}

void fake_virtio_pci_answer(struct fake_virtio_pci *fake)
{
    struct fake_virtio_queue *queue = &fake->queues[0];

    echo(queue);
    if (fake_ring_wants_interrupt(&queue->ring))
        fake_virtio_pci_interrupt(fake, 1);
}

static void notified(struct fake_virtio_pci *fake, u64 offset, unsigned bytes, u32 value)
{
    fake->nr_notifies++;
    fake->last_notify = value;
    fake->last_notify_bytes = bytes;
    fake->last_notify_at = offset;
    assert_int_not_equal(fake->status & VIRTIO_STATUS_DRIVER_OK, 0);        /* I3 */
    assert_int_equal(bytes, has(fake, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2); /* P19 */
    for (unsigned i = 0; i < fake->nr_queues; i++) {
        struct fake_virtio_queue *queue = &fake->queues[i];
        u16 name = has(fake, VIRTIO_F_NOTIF_CONFIG_DATA) ? queue->notif_config_data : (u16)i;
        if (!queue->enabled || offset != (u64)queue->notify_off * fake->notify_multiplier ||
            (value & 0xffff) != name) /* P20 */
            continue;
        if (fake->is_late)
            return;
        echo(queue);
        if (bytes == 4) /* K3 */
            assert_int_equal(value >> 16,
                             queue->ring.next_avail |
                                 (has(fake, VIRTIO_F_RING_PACKED) && queue->ring.avail_wrap) << 15);
        if (fake_ring_wants_interrupt(&queue->ring))
            fake_virtio_pci_interrupt(fake, 1);
        return;
    }
    fail_msg("a notification of 0x%x at offset 0x%x is for no queue", value, (unsigned)offset);
}

/* ---- the BARs ---- */

static u32 read_bar(void *context, u64 offset, unsigned bytes)
{
    struct fake_virtio_pci *fake = context;
    u32 value = 0;

    if (offset < COMMON_BYTES) {
        assert_int_equal(bytes, width_of(offset)); /* P4 */
        return read_common(fake, offset);
    }
    if (offset == FAKE_VIRTIO_ISR) {
        assert_int_equal(bytes, 1);
        assert_false(msix_on(fake)); /* P21 */
        fake->nr_isr_reads++;
        value = fake->isr;
        if (!fake->isr_stuck)
            fake->isr = 0;
        return value;
    }
    assert_in_range(offset, FAKE_VIRTIO_DEVICE,
                    FAKE_VIRTIO_DEVICE + FAKE_VIRTIO_CONFIG_BYTES - bytes);
    assert_int_equal(offset % bytes, 0);
    memcpy(&value, fake->config + (offset - FAKE_VIRTIO_DEVICE), bytes);
    return value;
}

static void write_bar(void *context, u64 offset, unsigned bytes, u32 value)
{
    struct fake_virtio_pci *fake = context;

    if (offset < COMMON_BYTES) {
        assert_int_equal(bytes, width_of(offset)); /* P4 */
        write_common(fake, offset, value);
        return;
    }
    if (offset >= FAKE_VIRTIO_DEVICE && offset - FAKE_VIRTIO_DEVICE < FAKE_VIRTIO_CONFIG_BYTES) {
        assert_true(bytes == 4 && offset % 4 == 0);
        memcpy(fake->config + (offset - FAKE_VIRTIO_DEVICE), &value, bytes);
        return;
    }
    assert_in_range(offset, FAKE_VIRTIO_NOTIFY, FAKE_VIRTIO_BAR_BYTES - 1); /* ISR */
    notified(fake, offset - FAKE_VIRTIO_NOTIFY, bytes, value);
}

static u32 read_table(void *context, u64 offset, unsigned bytes)
{
    struct fake_virtio_pci *fake = context;

    assert_true(bytes == 4 && offset < sizeof(fake->msix_table)); /* P23 */
    return fake->msix_table[offset / 4];
}

static void write_table(void *context, u64 offset, unsigned bytes, u32 value)
{
    struct fake_virtio_pci *fake = context;

    assert_true(bytes == 4 && offset < sizeof(fake->msix_table)); /* P23 */
    fake->msix_table[offset / 4] = value;
}

static const struct fake_registers bar_registers = {read_bar, write_bar};
static const struct fake_registers table_registers = {read_table, write_table};

/* P10: capabilities are not written, but for MSI-X's control. */
static void config_written(struct fake_pci_function *function, u16 offset)
{
    (void)function;
    if (offset >= 0x40)
        assert_int_equal(offset, FAKE_VIRTIO_MSIX_CAP + 2);
}

/* ---- setting it up ---- */

void fake_virtio_pci_add_cap(struct fake_virtio_pci *fake, u8 at, u8 cap_bytes, u8 cfg_type, u8 bar,
                             u32 offset, u32 length)
{
    fake_pci_add_capability(fake->function, at, PCI_CAP_VENDOR);
    fake_pci_set(fake->function, at + 2, 1, cap_bytes);
    fake_pci_set(fake->function, at + 3, 1, cfg_type);
    fake_pci_set(fake->function, at + 4, 1, bar);
    fake_pci_set(fake->function, at + 8, 4, offset);
    fake_pci_set(fake->function, at + 12, 4, length);
}

void fake_virtio_pci_clear_caps(struct fake_virtio_pci *fake)
{
    memset(fake->function->config + 0x40, 0, 0xc0);
    fake->function->config[PCI_CAPABILITIES] = 0;
    fake->function->last_capability = 0;
}

void fake_virtio_pci_start(struct fake_virtio_pci *fake, u32 type, unsigned nr_vectors)
{
    memset(fake, 0, sizeof(*fake));
    fake->function = fake_pci_add(fake_pci_start(), 4, 0, 0x1af4, (u16)(0x1040 + type));
    fake_pci_set(fake->function, PCI_INTERRUPT_LINE, 1, INTERRUPT_LINE);
    fake_pci_set(fake->function, PCI_INTERRUPT_LINE + 1, 1, 1);
    fake_pci_add_bar(fake->function, 4, PCI_BAR_TYPE_64BIT | PCI_BAR_IS_PREFETCHABLE,
                     FAKE_VIRTIO_BAR_BYTES, BAR_BASE, &bar_registers, fake);
    fake_virtio_pci_add_cap(fake, 0x84, 20, 5, 0, 0, 0);
    fake_virtio_pci_add_cap(fake, 0x70, 20, 2, 4, FAKE_VIRTIO_NOTIFY, FAKE_VIRTIO_NOTIFY_BYTES);
    fake_pci_set(fake->function, 0x70 + 16, 4, 4);
    fake_virtio_pci_add_cap(fake, 0x60, 16, 4, 4, FAKE_VIRTIO_DEVICE, FAKE_VIRTIO_CONFIG_BYTES);
    fake_virtio_pci_add_cap(fake, 0x50, 16, 3, 4, FAKE_VIRTIO_ISR, 0x1000);
    fake_virtio_pci_add_cap(fake, 0x40, 16, 1, 4, FAKE_VIRTIO_COMMON, 0x1000);
    if (nr_vectors != 0) {
        fake_pci_add_bar(fake->function, 1, 0, 0x1000, TABLE_BASE, &table_registers, fake);
        fake_pci_add_capability(fake->function, FAKE_VIRTIO_MSIX_CAP, PCI_CAP_MSIX);
        fake_pci_set(fake->function, FAKE_VIRTIO_MSIX_CAP + 2, 2, nr_vectors - 1);
        fake_pci_set(fake->function, FAKE_VIRTIO_MSIX_CAP + 4, 4, 1);
        fake->function->writable[FAKE_VIRTIO_MSIX_CAP + 3] = 0xc0;
    }
    fake->function->written = config_written;
    fake->offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    fake->nr_queues = 1;
    fake->size_max = 128;
    fake->notify_multiplier = 4;
    fake->vectors_usable = FAKE_VIRTIO_VECTORS;
    reset(fake);
}

struct pci_device *fake_virtio_pci_scan(struct fake_virtio_pci *fake)
{
    static struct boot_info boot; /* an empty map: no BAR is given another address */

    (void)fake;
    pci_init(&boot);
    assert_int_equal(pci_scan(), 1);
    assert_non_null(pci_device_at(0));
    return pci_device_at(0);
}
