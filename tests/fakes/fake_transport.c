/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_transport.h. */
#include "tests/fakes/fake_transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"

#define NEVER    (~(u32)0)
#define ALL_ONES 0xffffffffu

static struct fake_transport *fake_of(struct vmem_virtio *device)
{
    return container_of(device, struct fake_transport, device);
}

static bool is_running(const struct fake_transport *fake)
{
    u8 mask = VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET;
    return !fake->faults.vanished && (fake->status & mask) == VIRTIO_STATUS_DRIVER_OK;
}

/* ---- status ---- */

static u8 get_status(struct vmem_virtio *device)
{
    struct fake_transport *fake = fake_of(device);

    fake->nr_accesses++;
    if (fake->faults.vanished)
        return 0xff;
    if (fake->reset_reads_left != 0) {
        if (fake->reset_reads_left != NEVER)
            fake->reset_reads_left--;
        return VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
    }
    return fake->status;
}

static void reset(struct fake_transport *fake)
{
    fake->status = fake->written = 0;
    fake->features_written = false;
    fake->isr = 0;
    fake->irq_enabled = false;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        fake->queues[i].enabled = false;
        fake->queues[i].nr_unanswered = 0;
    }
    fake->nr_resets++;
    fake->reset_reads_left = fake->faults.reset_reads;
    if (fake->on_reset)
        fake->on_reset(fake->context);
}

void fake_transport_power_off(struct fake_transport *transport)
{
    reset(transport);
    transport->reset_reads_left = 0;
}

/* The bits that must be set before each one: "Device Initialization" (I1). */
static u8 needed_before(u8 bit)
{
    u8 started = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

    switch (bit) {
    case VIRTIO_STATUS_ACKNOWLEDGE:
    case VIRTIO_STATUS_FAILED:
        return 0;
    case VIRTIO_STATUS_DRIVER:
        return VIRTIO_STATUS_ACKNOWLEDGE;
    case VIRTIO_STATUS_FEATURES_OK:
        return started;
    case VIRTIO_STATUS_DRIVER_OK:
        return started | VIRTIO_STATUS_FEATURES_OK;
    default:
        fail_msg("the driver set status bit 0x%x", bit);
        return 0;
    }
}

static void set_status(struct vmem_virtio *device, u8 status)
{
    struct fake_transport *fake = fake_of(device);

    if (fake->faults.vanished)
        return;
    if (status == 0) {
        reset(fake);
        return;
    }
    u8 needs_reset = status & VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(needs_reset, fake->status & VIRTIO_STATUS_NEEDS_RESET); /* S2 */
    status &= (u8)~VIRTIO_STATUS_NEEDS_RESET;
    assert_int_equal(status & fake->written, fake->written); /* S2: no bit is cleared */
    u8 added = status & (u8)~fake->written;
    if (added == 0)
        return;
    assert_true(is_power_of_two(added)); /* S1: step by step */
    if (added != VIRTIO_STATUS_FAILED)
        assert_int_equal(fake->written & VIRTIO_STATUS_FAILED, 0); /* S3 */
    u8 before = needed_before(added);
    assert_int_equal(fake->written & before, before); /* I1 */
    if (added == VIRTIO_STATUS_FEATURES_OK)
        assert_true(fake->features_written);
    fake->written = status;
    if (fake->faults.refuse_features_ok)
        status &= (u8)~VIRTIO_STATUS_FEATURES_OK;
    fake->status = status | needs_reset;
}

/* ---- features and config ---- */

static u64 get_features(struct vmem_virtio *device)
{
    struct fake_transport *fake = fake_of(device);

    assert_true(fake->faults.vanished || (fake->written & VIRTIO_STATUS_DRIVER) != 0);
    fake->last_offered = fake->offered;
    if (fake->faults.features_flip && fake->nr_feature_reads % 2 != 0)
        fake->last_offered = ~fake->offered;
    if (fake->faults.vanished)
        fake->last_offered = ~(u64)0;
    fake->nr_feature_reads++;
    return fake->last_offered;
}

static void set_features(struct vmem_virtio *device, u64 features)
{
    struct fake_transport *fake = fake_of(device);
    u64 never = VIRTIO_FEATURE(VIRTIO_F_SR_IOV) | VIRTIO_FEATURE(VIRTIO_F_RING_RESET) |
                VIRTIO_FEATURE(VIRTIO_F_ADMIN_VQ) | VIRTIO_FEATURE(VIRTIO_F_SUSPEND);

    assert_int_not_equal(fake->written & VIRTIO_STATUS_DRIVER, 0);
    assert_int_equal(fake->written & VIRTIO_STATUS_FEATURES_OK, 0);    /* I1 */
    assert_true((features & ~fake->last_offered) == 0);                /* F1 */
    assert_true((features & never) == 0);                              /* F3, G6 */
    assert_true((features & VIRTIO_FEATURE(VIRTIO_F_VERSION_1)) != 0); /* G1 */
    fake->accepted = features;
    fake->features_written = true;
}

static u32 config_generation(struct vmem_virtio *device)
{
    struct fake_transport *fake = fake_of(device);

    fake->nr_accesses++;
    if (fake->faults.vanished)
        return ALL_ONES;
    if (fake->faults.generation_runs)
        fake->generation++;
    return fake->generation;
}

static u32 config_bytes(struct vmem_virtio *device)
{
    return fake_of(device)->config_bytes;
}

/* Within config space, and aligned (P4). */
static u8 *config_field(struct fake_transport *fake, u32 offset)
{
    fake->nr_accesses++;
    assert_true(is_aligned(offset, sizeof(u32)));
    assert_true(offset + sizeof(u32) <= fake->config_bytes);
    return fake->config + offset;
}

static u32 read_config(struct vmem_virtio *device, u32 offset)
{
    struct fake_transport *fake = fake_of(device);
    const u8 *field = config_field(fake, offset);
    u32 value;

    fake->nr_config_reads++;
    if (fake->faults.vanished)
        return ALL_ONES;
    if (fake->faults.on_config_read)
        fake->faults.on_config_read(fake, offset);
    memcpy(&value, field, sizeof(value));
    return value;
}

/* A device that lets no field be written has no on_config_write(). */
static void write_config(struct vmem_virtio *device, u32 offset, u32 value)
{
    struct fake_transport *fake = fake_of(device);
    u8 *field = config_field(fake, offset);

    if (fake->faults.vanished)
        return;
    assert_non_null(fake->on_config_write);
    fake->on_config_write(fake->context, offset, value);
    memcpy(field, &value, sizeof(value));
}

/* ---- queues ---- */

static u16 queue_size_max(struct vmem_virtio *device, u16 queue)
{
    struct fake_transport *fake = fake_of(device);

    if (fake->faults.vanished)
        return 0xffff;
    return queue < fake->nr_queues ? fake->queue_size_max : 0;
}

static int queue_enable(struct vmem_virtio *device, u16 index,
                        const struct virtqueue_layout *layout)
{
    struct fake_transport *fake = fake_of(device);

    if (fake->faults.queue_enable_status != OK)
        return fake->faults.queue_enable_status;
    assert_int_not_equal(fake->written & VIRTIO_STATUS_FEATURES_OK, 0); /* I1 */
    assert_true(index < fake->nr_queues && index < FAKE_QUEUES);
    assert_false(fake->queues[index].enabled);
    assert_in_range(layout->size, 1, fake->queue_size_max); /* P13 */
    fake_ring_init(&fake->queues[index].ring, layout, fake->accepted);
    fake->queues[index].enabled = true;
    fake->queues[index].nr_unanswered = 0;
    return OK;
}

static void notify(struct vmem_virtio *device, u16 index, u32 next_avail)
{
    struct fake_transport *fake = fake_of(device);

    fake->nr_accesses++;
    assert_true(index < FAKE_QUEUES && fake->queues[index].enabled);
    assert_int_not_equal(fake->written & VIRTIO_STATUS_DRIVER_OK, 0); /* I3 */
    fake->nr_notifies++;
    if (fake->hold || !is_running(fake))
        return;
    (void)fake_transport_process(fake, index);
    const struct fake_ring *ring = &fake->queues[index].ring;
    bool is_packed = (fake->accepted & VIRTIO_FEATURE(VIRTIO_F_RING_PACKED)) != 0;
    if (fake->queues[index].enabled &&
        is_running(fake)) /* K3, P19: where the next available buffer will be */
        assert_int_equal(next_avail, ring->next_avail | (is_packed && ring->avail_wrap) << 15);
}

/* ---- events ---- */

static int irq_enable(struct vmem_virtio *device, enum vmem_irq_mode wanted)
{
    struct fake_transport *fake = fake_of(device);

    for (unsigned i = 0; i < FAKE_QUEUES; i++)
        assert_false(fake->queues[i].enabled);
    if (fake->faults.irq_enable_status != OK)
        return fake->faults.irq_enable_status;
    device->irq_mode = wanted == VMEM_IRQ_AUTO ? VMEM_IRQ_MSIX : wanted;
    if (device->irq_mode == VMEM_IRQ_MSIX && fake->faults.refuse_msix)
        device->irq_mode = VMEM_IRQ_INTX;
    if (device->irq_mode == VMEM_IRQ_INTX && fake->faults.refuse_intx)
        device->irq_mode = VMEM_IRQ_POLL;
    fake->irq_enabled = true;
    return OK;
}

static void irq_disable(struct vmem_virtio *device)
{
    fake_of(device)->irq_enabled = false;
}

static u32 poll_events(struct vmem_virtio *device)
{
    struct fake_transport *fake = fake_of(device);
    u32 isr = fake->faults.vanished ? 0 : fake->isr;

    fake->nr_accesses++;
    fake->isr = 0;
    return isr;
}

void fake_transport_interrupt(struct fake_transport *fake, u32 events)
{
    if (fake->faults.no_interrupts)
        return;
    fake->nr_interrupts++;
    if (fake->device.irq_mode == VMEM_IRQ_POLL)
        fake->isr |= events;
    else if (fake->irq_enabled)
        vmem_virtio_post_events(&fake->device, events);
}

static void config_event(struct fake_transport *fake)
{
    if ((fake->status & VIRTIO_STATUS_DRIVER_OK) == 0)
        return;
    bool both = fake->device.irq_mode != VMEM_IRQ_MSIX;
    fake_transport_interrupt(fake, VIRTIO_EVENT_CONFIG | (both ? VIRTIO_EVENT_QUEUE : 0));
}

void fake_transport_raise_config(struct fake_transport *fake)
{
    /* QEMU counts changes only while the driver runs: conformance of 7.2. */
    if ((fake->status & VIRTIO_STATUS_DRIVER_OK) != 0 && !fake->faults.generation_frozen)
        fake->generation++;
    config_event(fake);
}

void fake_transport_fail(struct fake_transport *fake)
{
    fake->status |= VIRTIO_STATUS_NEEDS_RESET;
    config_event(fake);
}

/* ---- requests ---- */

static void answer(struct fake_transport *fake, u16 index, const struct fake_buffer *buffer,
                   const void *reply, u32 reply_bytes, u32 used_bytes)
{
    u32 written = fake_ring_scatter(buffer, reply, reply_bytes);
    bool is_false = used_bytes != FAKE_USED_AS_WRITTEN;

    fake_ring_push(&fake->queues[index].ring, buffer, is_false ? used_bytes : written);
}

static void serve(struct fake_transport *fake, u16 index, const struct fake_buffer *buffer)
{
    struct fake_queue *queue = &fake->queues[index];
    u8 readable[FAKE_REQUEST_BYTES];
    u8 reply[FAKE_REQUEST_BYTES];
    struct fake_request request = {
        .queue = index,
        .readable = readable,
        .readable_bytes = fake_ring_gather(buffer, readable, sizeof(readable)),
        .reply = reply,
        .reply_capacity = buffer->writable_bytes,
        .used_bytes = FAKE_USED_AS_WRITTEN,
    };

    memset(reply, 0xee, sizeof(reply));
    fake->nr_requests++;
    assert_non_null(fake->on_request);
    fake->on_request(fake->context, &request);
    if (!queue->enabled || !is_running(fake))
        return;
    if (request.no_answer) {
        assert_true(queue->nr_unanswered < FAKE_UNANSWERED);
        queue->unanswered[queue->nr_unanswered++] = *buffer;
        return;
    }
    answer(fake, index, buffer, reply, request.reply_bytes, request.used_bytes);
}

static void queue_interrupt(struct fake_transport *fake, u16 index)
{
    if (fake_ring_wants_interrupt(&fake->queues[index].ring))
        fake_transport_interrupt(fake, VIRTIO_EVENT_QUEUE);
}

unsigned fake_transport_process(struct fake_transport *fake, u16 index)
{
    struct fake_queue *queue = &fake->queues[index];
    struct fake_buffer buffer;
    unsigned nr_served = 0;

    while (queue->enabled && is_running(fake) && fake_ring_pop(&queue->ring, &buffer)) {
        serve(fake, index, &buffer);
        nr_served++;
    }
    if (!queue->enabled || !is_running(fake))
        return nr_served;
    fake_ring_want_notify(&queue->ring, true);
    queue_interrupt(fake, index);
    return nr_served;
}

void fake_transport_answer_late(struct fake_transport *fake, u16 index, unsigned which,
                                const void *reply, u32 bytes)
{
    struct fake_queue *queue = &fake->queues[index];

    assert_true(which < queue->nr_unanswered);
    struct fake_buffer buffer = queue->unanswered[which];
    queue->nr_unanswered--;
    memmove(&queue->unanswered[which], &queue->unanswered[which + 1],
            (queue->nr_unanswered - which) * sizeof(buffer));
    answer(fake, index, &buffer, reply, bytes, FAKE_USED_AS_WRITTEN);
    queue_interrupt(fake, index);
}

static const struct virtio_transport_ops fake_ops = {
    .name = "fake",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_generation = config_generation,
    .config_bytes = config_bytes,
    .read_config = read_config,
    .write_config = write_config,
    .queue_size_max = queue_size_max,
    .queue_enable = queue_enable,
    .notify = notify,
    .irq_enable = irq_enable,
    .irq_disable = irq_disable,
    .poll_events = poll_events,
};

void fake_transport_init(struct fake_transport *fake, u32 device_type, u64 device_features,
                         u32 bytes)
{
    memset(fake, 0, sizeof(*fake));
    assert_true(bytes <= FAKE_CONFIG_BYTES);
    fake->device.ops = &fake_ops;
    fake->device.device_type = device_type;
    fake->device.transport_features = VIRTIO_RESERVED_FEATURES;
    strcpy(fake->device.location, "fake transport");
    fake->offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1) | device_features;
    fake->config_bytes = bytes;
    fake->nr_queues = 1;
    fake->queue_size_max = 128;
}
