/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What virtqueue.c shares with the two ring formats; nobody else includes it.
 *
 * virtqueue.c keeps the record: which buffer is outstanding under which id, what
 * it holds, and in which order they were added. A ring format only knows its
 * memory. The record is private memory, so nothing the device writes reaches it;
 * what a format reads from the ring, it reads once and hands on as a copy.
 */
#ifndef VMEM_CORE_VIRTQUEUE_RING_H
#define VMEM_CORE_VIRTQUEUE_RING_H

#include "virtio_spec.h"
#include "virtqueue.h"

/* The ring's parts and tables are aligned above what virtio asks for: 16, 2 and 4 bytes. */
#define VIRTQUEUE_ALIGNMENT 64

/* Buffers of 2 to so many pieces go into an indirect table, where that is negotiated. */
#define VIRTQUEUE_TABLE_PIECES 4
#define VIRTQUEUE_TABLE_BYTES  (VIRTQUEUE_TABLE_PIECES * 16) /* both formats' descriptor has 16 */

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
    uint32_t writable_bytes;
    uint16_t nr_descriptors; /* in the ring, 0: no buffer is outstanding under this id */
    uint16_t next; /* of the chain while outstanding (split), of the free list otherwise */
};

/* A buffer on its way into the ring. */
struct virtqueue_buffer {
    const struct virtqueue_piece *pieces;
    unsigned nr_pieces;
    unsigned nr_readable;    /* the first of them; the rest is writable */
    uint16_t id;             /* the slot taken for it */
    uint16_t nr_descriptors; /* 1 with an indirect table */
    bool indirect;
};

/* A used entry, copied out of the ring. */
struct virtqueue_entry {
    uint32_t id;
    uint32_t bytes;
    uint16_t nr_more; /* split: used entries after this one; packed: not known, 0xffff */
};

struct virtqueue_format {
    const char *name;
    /* Bytes of the three parts for a queue of `size` entries. */
    uint32_t (*descriptor_bytes)(uint16_t size);
    uint32_t (*driver_area_bytes)(uint16_t size);
    uint32_t (*device_area_bytes)(uint16_t size);
    /* Start over; the ring's memory is zero. */
    void (*start)(struct virtqueue *queue);
    void (*add)(struct virtqueue *queue, const struct virtqueue_buffer *buffer);
    /* Make visible what was added; true if the device wants to be notified. */
    bool (*publish)(struct virtqueue *queue);
    /* What a notification carries with NOTIFICATION_DATA: 16 bits. */
    uint16_t (*next_avail)(const struct virtqueue *queue);
    /* Look at the next used entry: VMEM_E_AGAIN, or VMEM_E_BROKEN with the device broken. */
    VMEM_MUST_CHECK int (*peek)(struct virtqueue *queue, struct virtqueue_entry *entry);
    /* Move past nr_buffers used buffers that took nr_descriptors of the ring. */
    void (*advance)(struct virtqueue *queue, uint16_t nr_buffers, uint16_t nr_descriptors);
};

extern const struct virtqueue_format vmem_queue_split_format;
extern const struct virtqueue_format vmem_queue_packed_format;

struct virtqueue {
    struct vmem_virtio *device;
    const struct virtqueue_format *format;
    struct virtqueue_layout layout; /* where the ring is for the device ... */
    uint8_t *descriptors;           /* ... and for us */
    uint8_t *driver_area;
    uint8_t *device_area;
    uint16_t index;
    uint16_t size;
    bool event_idx;
    bool in_order;
    void *tables;            /* indirect tables, one per slot; NULL without INDIRECT_DESC */
    uint64_t tables_address; /* for the device */

    uint16_t nr_free; /* descriptors of the ring */
    uint16_t outstanding;
    uint16_t free_head; /* slots, first freed first taken; VIRTQUEUE_NO_SLOT: none */
    uint16_t free_tail;
    struct virtqueue_slot *slots;

    /* IN_ORDER: ids in the order they were added, positions in a ring of `size`. */
    uint16_t *order;
    uint16_t order_add;
    uint16_t order_take;
    uint16_t batch_left;  /* buffers of the batch that the last used entry named */
    uint32_t batch_bytes; /* used bytes of its last one */

    uint16_t nr_added;   /* descriptors added since the last publish */
    uint16_t next_avail; /* split: free running index; packed: position */
    uint16_t next_used;
    uint16_t published;      /* split: the index last written */
    uint16_t event_armed;    /* split: the used_event last written */
    bool avail_wrap;         /* packed: wrap counters */
    bool used_wrap;          /* packed */
    uint16_t first_position; /* packed: the first descriptor added since the last publish ... */
    uint16_t first_flags;    /* ... and the flags that will make it available */
    size_t ring_bytes;       /* of the two allocations */
    size_t record_bytes;
};

/* The indirect table of a slot, for us and for the device. */
static inline void *vmem_queue_table(const struct virtqueue *queue, uint16_t id)
{
    return (uint8_t *)queue->tables + (size_t)id * VIRTQUEUE_TABLE_BYTES;
}

static inline uint64_t vmem_queue_table_address(const struct virtqueue *queue, uint16_t id)
{
    return queue->tables_address + (uint64_t)id * VIRTQUEUE_TABLE_BYTES;
}

/* Reads of memory that the device may change at any time: each is done once, here. */
static inline uint16_t ring_read16(const vmem_le16 *field)
{
    return *(const volatile uint16_t *)&field->raw;
}

static inline uint32_t ring_read32(const vmem_le32 *field)
{
    return *(const volatile uint32_t *)&field->raw;
}

/* Writes of memory that the device may read at any time. */
static inline void ring_write16(vmem_le16 *field, uint16_t value)
{
    *(volatile uint16_t *)&field->raw = value;
}

/* "Available Buffer Notification Suppression": did (old, new] pass the event's position? */
static inline bool ring_event_passed(uint16_t event, uint16_t new_index, uint16_t old_index)
{
    return (uint16_t)(new_index - event - 1) < (uint16_t)(new_index - old_index);
}

#endif
