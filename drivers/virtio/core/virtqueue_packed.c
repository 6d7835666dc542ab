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
#include "drivers/virtio/core/virtqueue_ring.h"

#include <asm/barrier.h>

#include "include/status.h"

#define FLAG_AVAIL (1u << 7)
#define FLAG_USED  (1u << 15)

/* Written by the driver, then overwritten by the device with a used entry. */
struct packed_descriptor {
    le64 paddr;
    le32 bytes;
    le16 id;
    le16 flags;
};

/* What a side wants to be told: "Event Suppression Structure Format". */
struct packed_event {
    le16 position_wrap; /* 15 bits of position, then the wrap counter */
    le16 flags;
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
    return phys_to_virt(queue->layout.descriptors);
}

static u32 packed_descriptor_bytes(u16 size)
{
    return size * (u32)sizeof(struct packed_descriptor);
}

static u32 packed_event_bytes(u16 size)
{
    (void)size;
    return (u32)sizeof(struct packed_event);
}

/* The driver's event structure stays zero: it wants to be told of every used buffer. */
static void packed_start(struct virtqueue *queue)
{
    queue->avail_wrap = true;
    queue->used_wrap = true;
}

/* ---- to the device ---- */

static u16 available_flags(const struct virtqueue *queue)
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
    u16 flags = piece < buffer->nr_readable ? 0 : VIRTQUEUE_DESC_WRITE;
    return (struct packed_descriptor){.paddr = cpu_to_le64(buffer->pieces[piece].paddr),
                                      .bytes = cpu_to_le32(buffer->pieces[piece].bytes),
                                      .id = cpu_to_le16(buffer->id),
                                      .flags = cpu_to_le16(flags)};
}

/* Fill in all of a descriptor but its flags, which alone make it the device's. */
static void fill(struct virtqueue *queue, u16 position, const struct packed_descriptor *from)
{
    struct packed_descriptor *descriptor = &ring(queue)[position];

    descriptor->paddr = from->paddr;
    descriptor->bytes = from->bytes;
    descriptor->id = from->id;
}

static struct packed_descriptor fill_table(struct virtqueue *queue,
                                           const struct virtqueue_buffer *buffer)
{
    struct packed_descriptor *table =
        (struct packed_descriptor *)queue->tables + buffer->id * VIRTQUEUE_TABLE_PIECES;

    for (unsigned i = 0; i < buffer->nr_pieces; i++)
        table[i] = describe(buffer, i);
    return (struct packed_descriptor){
        .paddr = cpu_to_le64(virt_to_phys(table)),
        .bytes = cpu_to_le32(buffer->nr_pieces * (u32)sizeof(table[0])),
        .id = cpu_to_le16(buffer->id),
        .flags = cpu_to_le16(VIRTQUEUE_DESC_INDIRECT),
    };
}

/*
 * A list's first descriptor is made available last, and the first of all that
 * was added since the last publish only by packed_publish(): the device stops
 * there and sees nothing of what follows.
 */
static void packed_add(struct virtqueue *queue, const struct virtqueue_buffer *buffer)
{
    u16 head = queue->next_avail;
    u16 head_flags = 0;

    for (unsigned i = 0; i < buffer->nr_descriptors; i++) {
        struct packed_descriptor descriptor =
            buffer->indirect ? fill_table(queue, buffer) : describe(buffer, i);
        u16 flags = le16_to_cpu(descriptor.flags) | available_flags(queue);
        if (i + 1 < buffer->nr_descriptors)
            flags |= VIRTQUEUE_DESC_NEXT;
        fill(queue, queue->next_avail, &descriptor);
        if (i == 0)
            head_flags = flags;
        else
            ring_write16(&ring(queue)[queue->next_avail].flags, flags);
        step_avail(queue);
    }
    if (queue->nr_added == 0) {
        queue->held_position = head;
        queue->held_flags = head_flags;
        return;
    }
    /* The list and its table, before the flags that make it available. */
    dma_write_barrier();
    ring_write16(&ring(queue)[head].flags, head_flags);
}

static bool packed_publish(struct virtqueue *queue)
{
    /* All that was added, before the flags of the first of it. */
    dma_write_barrier();
    ring_write16(&ring(queue)[queue->held_position].flags, queue->held_flags);
    /* Our flags, before we read what the device wants: it writes that, then reads our flags. */
    dma_full_barrier();

    const le32 *wish = phys_to_virt(queue->layout.device_area);
    u32 event = ring_read32(wish);
    u16 flags = event >> 16 & 3;
    if (flags != EVENT_POSITION || !queue->event_idx)
        return flags != EVENT_DISABLE;
    u16 position = event & 0x7fff;
    if ((event >> 15 & 1) != queue->avail_wrap)
        position = (u16)(position - queue->size);
    return ring_event_passed(position, queue->next_avail,
                             (u16)(queue->next_avail - queue->nr_added));
}

static u16 packed_next_avail(const struct virtqueue *queue)
{
    return (u16)(queue->next_avail | queue->avail_wrap << 15);
}

/* ---- from the device ---- */

static int packed_peek(struct virtqueue *queue, struct virtqueue_entry *entry)
{
    const struct packed_descriptor *from = &ring(queue)[queue->next_used];
    u16 flags = ring_read16(&from->flags);

    if (((flags & FLAG_AVAIL) != 0) != queue->used_wrap ||
        ((flags & FLAG_USED) != 0) != queue->used_wrap)
        return E_AGAIN;
    /* The flags that we read, before the rest of the entry and the reply that it covers. */
    dma_read_barrier();
    entry->id = ring_read16(&from->id);
    entry->bytes = ring_read32(&from->bytes);
    entry->nr_more = UINT16_MAX;
    return OK;
}

static void packed_advance(struct virtqueue *queue, u16 nr_buffers, u16 nr_descriptors)
{
    (void)nr_buffers;
    u32 position = (u32)queue->next_used + nr_descriptors;
    if (position >= queue->size) {
        position -= queue->size;
        queue->used_wrap = !queue->used_wrap;
    }
    queue->next_used = (u16)position;
}

const struct virtqueue_format vmem_queue_packed_format = {
    .name = "packed",
    .descriptor_bytes = packed_descriptor_bytes,
    .driver_area_bytes = packed_event_bytes,
    .device_area_bytes = packed_event_bytes,
    .start = packed_start,
    .add = packed_add,
    .publish = packed_publish,
    .next_avail = packed_next_avail,
    .peek = packed_peek,
    .advance = packed_advance,
};
