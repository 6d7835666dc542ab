/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtqueue.c shares with the two ring formats; nobody else includes it.
 *
 * virtqueue.c keeps the book: which buffer is outstanding under which id, what
 * it holds, and in which order they were added. A ring format only knows its
 * memory. The book is private memory, so nothing the device writes reaches it;
 * what a format reads from the ring, it reads once and hands on as a copy.
 */
#ifndef TIDE_DRIVERS_VIRTIO_CORE_VIRTQUEUE_RING_H
#define TIDE_DRIVERS_VIRTIO_CORE_VIRTQUEUE_RING_H

#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/core/virtqueue.h"
#include "include/endian.h"

/* Buffers of 2 to so many pieces go into an indirect table, where that is negotiated. */
#define VIRTQUEUE_TABLE_PIECES 4

#define VIRTQUEUE_NO_SLOT 0xffff

/* The bits of a descriptor's flags that both formats share. */
enum virtqueue_descriptor_flag {
    VIRTQUEUE_DESC_NEXT = 1,
    VIRTQUEUE_DESC_WRITE = 2,
    VIRTQUEUE_DESC_INDIRECT = 4,
};

/* One per entry of the ring. Split: descriptor i; packed: buffer id i. */
struct virtqueue_slot {
    void *token;
    u32 writable_bytes;
    u16 nr_descriptors; /* in the ring, 0: no buffer is outstanding under this id */
    u16 next;           /* of the chain while outstanding (split), of the free list otherwise */
};

/* A buffer on its way into the ring. */
struct virtqueue_buffer {
    const struct virtqueue_piece *pieces;
    unsigned nr_pieces;
    unsigned nr_readable; /* the first of them; the rest is writable */
    u16 id;               /* the slot taken for it */
    u16 nr_descriptors;   /* 1 with an indirect table */
    bool indirect;
};

/* A used entry, copied out of the ring. */
struct virtqueue_entry {
    u32 id;
    u32 bytes;
    u16 nr_more; /* split: used entries after this one; packed: not known, 0xffff */
};

struct virtqueue_format {
    const char *name;
    /* Bytes of the three parts for a queue of `size` entries. */
    u32 (*descriptor_bytes)(u16 size);
    u32 (*driver_area_bytes)(u16 size);
    u32 (*device_area_bytes)(u16 size);
    /* Start over; the ring's memory is zero. */
    void (*start)(struct virtqueue *queue);
    void (*add)(struct virtqueue *queue, const struct virtqueue_buffer *buffer);
    /* Make visible what was added; true if the device wants to be notified. */
    bool (*publish)(struct virtqueue *queue);
    /* What a notification carries with NOTIFICATION_DATA: 16 bits. */
    u16 (*next_avail)(const struct virtqueue *queue);
    /* Look at the next used entry: E_AGAIN, or E_BROKEN with the device broken. */
    must_check int (*peek)(struct virtqueue *queue, struct virtqueue_entry *entry);
    /* Move past nr_buffers used buffers that took nr_descriptors of the ring. */
    void (*advance)(struct virtqueue *queue, u16 nr_buffers, u16 nr_descriptors);
};

extern const struct virtqueue_format vmem_queue_split_format;
extern const struct virtqueue_format vmem_queue_packed_format;

struct virtqueue {
    struct vmem_virtio *device;
    const struct virtqueue_format *format;
    struct virtqueue_layout layout; /* physical addresses equal virtual ones */
    u16 index;
    u16 size;
    bool event_idx;
    bool in_order;
    void *tables; /* indirect tables, one per slot; NULL without INDIRECT_DESC */

    u16 nr_free; /* descriptors of the ring */
    u16 outstanding;
    u16 free_head; /* slots, first freed first taken; VIRTQUEUE_NO_SLOT: none */
    u16 free_tail;
    struct virtqueue_slot *slots;

    /* IN_ORDER: ids in the order they were added, positions in a ring of `size`. */
    u16 *order;
    u16 order_add;
    u16 order_take;
    u16 batch_left;  /* buffers of the batch that the last used entry named */
    u32 batch_bytes; /* used bytes of its last one */

    u16 nr_added;   /* descriptors added since the last publish */
    u16 next_avail; /* split: free running index; packed: position */
    u16 next_used;
    u16 published;       /* split: the index last written */
    u16 event_armed;     /* split: the used_event last written */
    bool avail_wrap;     /* packed: wrap counters */
    bool used_wrap;      /* packed */
    u16 held_position;   /* packed: the first descriptor added since the last publish ... */
    u16 held_flags;      /* ... and the flags that will make it available */
    unsigned page_order; /* of the two allocations */
    unsigned book_order;
};

/* Reads of memory that the device may change at any time: each is done once, here. */
static inline u16 ring_read16(const le16 *field)
{
    return *(const volatile u16 *)&field->raw;
}

static inline u32 ring_read32(const le32 *field)
{
    return *(const volatile u32 *)&field->raw;
}

/* Writes of memory that the device may read at any time. */
static inline void ring_write16(le16 *field, u16 value)
{
    *(volatile u16 *)&field->raw = value;
}

/* "Available Buffer Notification Suppression": did (old, new] pass the event's position? */
static inline bool ring_event_passed(u16 event, u16 new_index, u16 old_index)
{
    return (u16)(new_index - event - 1) < (u16)(new_index - old_index);
}

#endif
