/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring: virtio 1.4, "Split Virtqueues".
 *
 * Three parts: a table of descriptors and the available ring, which the driver
 * writes, and the used ring, which the device writes. Both indices run freely
 * over 16 bits. The driver never reads back what it wrote: chains are
 * followed in the record's slots, so a device that rewrites descriptors
 * deceives only itself.
 */
#include "virtqueue_ring.h"

#include "arch.h"

enum avail_flag { AVAIL_NO_INTERRUPT = 1 };
enum used_flag { USED_NO_NOTIFY = 1 };

/* Written by the driver, read by the device. */
struct split_descriptor {
    vmem_le64 address;
    vmem_le32 bytes;
    vmem_le16 flags;
    vmem_le16 next;
};

/* Written by the driver, read by the device. A vmem_le16 used_event follows the ring. */
struct split_avail {
    vmem_le16 flags; /* AVAIL_NO_INTERRUPT or 0, and with EVENT_IDX always 0 */
    vmem_le16 index;
    vmem_le16 ring[];
};

struct split_used_entry {
    vmem_le32 id;
    vmem_le32 bytes;
};

/* Written by the device, read by the driver. A vmem_le16 avail_event follows the ring. */
struct split_used {
    vmem_le16 flags;
    vmem_le16 index;
    struct split_used_entry ring[];
};

_Static_assert(sizeof(struct split_descriptor) == 16, "descriptor layout");
_Static_assert(sizeof(struct split_avail) == 4, "avail ring layout");
_Static_assert(sizeof(struct split_used) == 4, "used ring layout");
_Static_assert(sizeof(struct split_used_entry) == 8, "used entry layout");

static struct split_descriptor *descriptors(const struct virtqueue *queue)
{
    return (void *)queue->descriptors;
}

static struct split_avail *avail(const struct virtqueue *queue)
{
    return (void *)queue->driver_area;
}

static struct split_used *used_ring(const struct virtqueue *queue)
{
    return (void *)queue->device_area;
}

static vmem_le16 *used_event(const struct virtqueue *queue)
{
    return &avail(queue)->ring[queue->size];
}

static const vmem_le16 *avail_event(const struct virtqueue *queue)
{
    return (const vmem_le16 *)(const void *)&used_ring(queue)->ring[queue->size];
}

static uint16_t ring_index(const struct virtqueue *queue, uint16_t index)
{
    return index & (uint16_t)(queue->size - 1);
}

static uint32_t split_descriptor_bytes(uint16_t size)
{
    return size * (uint32_t)sizeof(struct split_descriptor);
}

static uint32_t split_driver_area_bytes(uint16_t size)
{
    return (uint32_t)sizeof(struct split_avail) + size * (uint32_t)sizeof(vmem_le16) +
           (uint32_t)sizeof(vmem_le16);
}

static uint32_t split_device_area_bytes(uint16_t size)
{
    return (uint32_t)sizeof(struct split_used) + size * (uint32_t)sizeof(struct split_used_entry) +
           (uint32_t)sizeof(vmem_le16);
}

/* ---- to the device ---- */

static struct split_descriptor describe(const struct virtqueue_buffer *buffer, unsigned piece)
{
    uint16_t flags = piece < buffer->nr_readable ? 0 : VIRTQUEUE_DESC_WRITE;
    if (piece + 1 < buffer->nr_pieces)
        flags |= VIRTQUEUE_DESC_NEXT;
    return (struct split_descriptor){.address = vmem_to_le64(buffer->pieces[piece].address),
                                     .bytes = vmem_to_le32(buffer->pieces[piece].bytes),
                                     .flags = vmem_to_le16(flags)};
}

static void split_add(struct virtqueue *queue, const struct virtqueue_buffer *buffer)
{
    uint16_t id = buffer->id;

    for (unsigned i = 0; i < buffer->nr_pieces; i++) {
        uint16_t next = queue->slots[id].next;
        struct split_descriptor descriptor = describe(buffer, i);
        if (i + 1 < buffer->nr_pieces)
            descriptor.next = vmem_to_le16(next);
        descriptors(queue)[id] = descriptor;
        id = next;
    }
    ring_write16(&avail(queue)->ring[ring_index(queue, queue->next_avail)], buffer->id);
    queue->next_avail++;
}

/*
 * With EVENT_IDX the device interrupts once, when it uses the buffer that used_event names: the
 * next one, or to be quiet the last one before it, which is used already.
 */
static bool set_event(struct virtqueue *queue, uint16_t index)
{
    bool is_news = queue->event_armed != index;
    queue->event_armed = index;
    ring_write16(used_event(queue), index);
    return is_news;
}

static bool set_quiet(struct virtqueue *queue, bool is_quiet)
{
    bool is_news = queue->is_quiet != is_quiet;
    queue->is_quiet = is_quiet;
    ring_write16(&avail(queue)->flags, is_quiet ? AVAIL_NO_INTERRUPT : 0);
    return is_news;
}

static bool split_ask_for_interrupt(struct virtqueue *queue)
{
    return queue->event_idx ? set_event(queue, queue->next_used) : set_quiet(queue, false);
}

static bool split_publish(struct virtqueue *queue)
{
    uint16_t before = queue->published;

    queue->published = queue->next_avail;
    if (queue->event_idx)
        (void)set_event(queue, (uint16_t)(queue->next_used - 1));
    else
        (void)set_quiet(queue, true);
    /* Descriptors, ring entries, the wish for quiet, before the index that makes all available. */
    vmem_dma_write_barrier();
    ring_write16(&avail(queue)->index, queue->next_avail);
    /* Our index, before we read what the device wants: it writes that, then reads our index. */
    vmem_dma_full_barrier();
    if (queue->event_idx)
        return ring_event_passed(ring_read16(avail_event(queue)), queue->next_avail, before);
    return (ring_read16(&used_ring(queue)->flags) & USED_NO_NOTIFY) == 0;
}

static uint16_t split_next_avail(const struct virtqueue *queue)
{
    return queue->next_avail;
}

/* ---- from the device ---- */

static uint16_t count_used(const struct virtqueue *queue)
{
    return (uint16_t)(ring_read16(&used_ring(queue)->index) - queue->next_used);
}

static int split_peek(struct virtqueue *queue, struct virtqueue_entry *entry)
{
    uint16_t nr_used = count_used(queue);

    if (nr_used == 0)
        return VMEM_E_AGAIN;
    if (nr_used > queue->outstanding) {
        vmem_virtio_break(
            queue->device,
            "queue %u: used index %u, expected %u and at most the %u outstanding more",
            queue->index, (uint16_t)(queue->next_used + nr_used), queue->next_used,
            queue->outstanding);
        return VMEM_E_BROKEN;
    }
    /* The index that we read, before the entries and replies that it covers. */
    vmem_dma_read_barrier();
    const struct split_used_entry *from =
        &used_ring(queue)->ring[ring_index(queue, queue->next_used)];
    entry->id = ring_read32(&from->id);
    entry->bytes = ring_read32(&from->bytes);
    return VMEM_OK;
}

static void split_advance(struct virtqueue *queue, uint16_t nr_descriptors)
{
    (void)nr_descriptors;
    queue->next_used++;
}

const struct virtqueue_format vmem_queue_split_format = {
    .name = "split",
    .descriptor_bytes = split_descriptor_bytes,
    .driver_area_bytes = split_driver_area_bytes,
    .device_area_bytes = split_device_area_bytes,
    .add = split_add,
    .publish = split_publish,
    .ask_for_interrupt = split_ask_for_interrupt,
    .next_avail = split_next_avail,
    .peek = split_peek,
    .advance = split_advance,
};
