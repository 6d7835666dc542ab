/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed ring: virtio 1.4, "Packed Virtqueues".
 *
 * One ring of descriptors that both sides write. A descriptor is available
 * when its AVAIL bit equals the driver's wrap counter and its USED bit does
 * not, and used when both equal the device's; each counter flips as its side
 * passes the end. The device writes used entries over descriptors, so nothing
 * but such an entry's id and length is ever read back.
 */
#include "virtqueue_ring.h"

#include "arch.h"

#define FLAG_AVAIL (1u << 7)
#define FLAG_USED  (1u << 15)

/* Written by the driver, then overwritten by the device with a used entry. */
struct packed_descriptor {
    vmem_le64 address;
    vmem_le32 bytes;
    vmem_le16 id;
    vmem_le16 flags;
};

/* What a side wants to be told: "Event Suppression Structure Format". */
struct packed_event {
    vmem_le16 position_wrap; /* 15 bits of position, then the wrap counter */
    vmem_le16 flags;
};

enum packed_event_flag {
    EVENT_ENABLE = 0,
    EVENT_DISABLE = 1,
    EVENT_POSITION = 2, /* only with EVENT_IDX */
};

_Static_assert(sizeof(struct packed_descriptor) == 16, "descriptor layout");
_Static_assert(sizeof(struct packed_event) == 4, "event suppression layout");

static struct packed_descriptor *ring(const struct virtqueue *queue)
{
    return (void *)queue->descriptors;
}

static uint32_t packed_descriptor_bytes(uint16_t size)
{
    return size * (uint32_t)sizeof(struct packed_descriptor);
}

static uint32_t packed_event_bytes(uint16_t size)
{
    (void)size;
    return (uint32_t)sizeof(struct packed_event);
}

/* ---- to the device ---- */

static uint16_t available_flags(const struct virtqueue *queue)
{
    return queue->avail_wrap ? FLAG_AVAIL : FLAG_USED;
}

static void step_avail(struct virtqueue *queue)
{
    if (++queue->next_avail == queue->size) {
        queue->next_avail = 0;
        queue->avail_wrap = !queue->avail_wrap;
    }
}

static struct packed_descriptor describe(const struct virtqueue_buffer *buffer, unsigned piece)
{
    uint16_t flags = piece < buffer->nr_readable ? 0 : VIRTQUEUE_DESC_WRITE;
    return (struct packed_descriptor){.address = vmem_to_le64(buffer->pieces[piece].address),
                                      .bytes = vmem_to_le32(buffer->pieces[piece].bytes),
                                      .id = vmem_to_le16(buffer->id),
                                      .flags = vmem_to_le16(flags)};
}

/* Fill in all of a descriptor but its flags, which alone make it the device's. */
static void fill(struct virtqueue *queue, uint16_t position, const struct packed_descriptor *from)
{
    struct packed_descriptor *descriptor = &ring(queue)[position];

    descriptor->address = from->address;
    descriptor->bytes = from->bytes;
    descriptor->id = from->id;
}

/*
 * A list's first descriptor is made available last, and the first of all that
 * was added since the last publish only by packed_publish(): the device stops
 * there and sees nothing of what follows.
 */
static void packed_add(struct virtqueue *queue, const struct virtqueue_buffer *buffer)
{
    uint16_t head = queue->next_avail;
    uint16_t head_flags = 0;

    for (unsigned i = 0; i < buffer->nr_pieces; i++) {
        struct packed_descriptor descriptor = describe(buffer, i);
        uint16_t flags = vmem_from_le16(descriptor.flags) | available_flags(queue);
        if (i + 1 < buffer->nr_pieces)
            flags |= VIRTQUEUE_DESC_NEXT;
        fill(queue, queue->next_avail, &descriptor);
        if (i == 0)
            head_flags = flags;
        else
            ring_write16(&ring(queue)[queue->next_avail].flags, flags);
        step_avail(queue);
    }
    if (queue->nr_added == 0) {
        queue->first_position = head;
        queue->first_flags = head_flags;
        return;
    }
    /* The list, before the flags that make it available. */
    vmem_dma_write_barrier();
    ring_write16(&ring(queue)[head].flags, head_flags);
}

static bool set_quiet(struct virtqueue *queue, bool is_quiet)
{
    struct packed_event *event = (void *)queue->driver_area;
    bool is_news = queue->is_quiet != is_quiet;
    queue->is_quiet = is_quiet;
    ring_write16(&event->flags, is_quiet ? EVENT_DISABLE : EVENT_ENABLE);
    return is_news;
}

static bool packed_ask_for_interrupt(struct virtqueue *queue)
{
    return set_quiet(queue, false);
}

static bool packed_publish(struct virtqueue *queue)
{
    (void)set_quiet(queue, true);
    /* All that was added and the wish for quiet, before the flags of the first of it. */
    vmem_dma_write_barrier();
    ring_write16(&ring(queue)[queue->first_position].flags, queue->first_flags);
    /* Our flags, before we read what the device wants: it writes that, then reads our flags. */
    vmem_dma_full_barrier();

    const vmem_le32 *device_event = (void *)queue->device_area;
    uint32_t event = ring_read32(device_event);
    uint16_t flags = event >> 16 & 3;
    if (flags != EVENT_POSITION || !queue->event_idx)
        return flags != EVENT_DISABLE;
    uint16_t position = event & 0x7fff;
    if ((event >> 15 & 1) != queue->avail_wrap)
        position = (uint16_t)(position - queue->size);
    return ring_event_passed(position, queue->next_avail,
                             (uint16_t)(queue->next_avail - queue->nr_added));
}

static uint16_t packed_next_avail(const struct virtqueue *queue)
{
    return (uint16_t)(queue->next_avail | queue->avail_wrap << 15);
}

/* ---- from the device ---- */

static int packed_peek(struct virtqueue *queue, struct virtqueue_entry *entry)
{
    const struct packed_descriptor *from = &ring(queue)[queue->next_used];
    uint16_t flags = ring_read16(&from->flags);

    if (((flags & FLAG_AVAIL) != 0) != queue->used_wrap ||
        ((flags & FLAG_USED) != 0) != queue->used_wrap)
        return VMEM_E_AGAIN;
    /* The flags that we read, before the rest of the entry and the reply that it covers. */
    vmem_dma_read_barrier();
    entry->id = ring_read16(&from->id);
    entry->bytes = ring_read32(&from->bytes);
    return VMEM_OK;
}

static void packed_advance(struct virtqueue *queue, uint16_t nr_descriptors)
{
    uint32_t position = (uint32_t)queue->next_used + nr_descriptors;
    if (position >= queue->size) {
        position -= queue->size;
        queue->used_wrap = !queue->used_wrap;
    }
    queue->next_used = (uint16_t)position;
}

const struct virtqueue_format vmem_queue_packed_format = {
    .name = "packed",
    .descriptor_bytes = packed_descriptor_bytes,
    .driver_area_bytes = packed_event_bytes,
    .device_area_bytes = packed_event_bytes,
    .add = packed_add,
    .publish = packed_publish,
    .ask_for_interrupt = packed_ask_for_interrupt,
    .next_avail = packed_next_avail,
    .peek = packed_peek,
    .advance = packed_advance,
};
