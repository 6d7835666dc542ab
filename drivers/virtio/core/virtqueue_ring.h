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

/* The bits of a descriptor's flags that both formats share. */
enum virtqueue_descriptor_flag {
    VIRTQUEUE_DESC_NEXT = 1,
    VIRTQUEUE_DESC_WRITE = 2,
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
    unsigned nr_readable; /* the first of them; the rest is writable */
    uint16_t id;          /* the slot taken for it */
};

/* A used entry, copied out of the ring. */
struct virtqueue_entry {
    uint32_t id;
    uint32_t bytes;
};

struct virtqueue_format {
    const char *name;
    /* Bytes of the three parts for a queue of `size` entries. */
    uint32_t (*descriptor_bytes)(uint16_t size);
    uint32_t (*driver_area_bytes)(uint16_t size);
    uint32_t (*device_area_bytes)(uint16_t size);
    void (*add)(struct virtqueue *queue, const struct virtqueue_buffer *buffer);
    /* Make visible what was added, no interrupt wanted for it; true if the device wants to be
     * notified. */
    bool (*publish)(struct virtqueue *queue);
    /* Ask for an interrupt for the next used buffer; true if that is news to the device. */
    bool (*ask_for_interrupt)(struct virtqueue *queue);
    /* What a notification carries with NOTIFICATION_DATA: 16 bits. */
    uint16_t (*next_avail)(const struct virtqueue *queue);
    /* Look at the next used entry: VMEM_E_AGAIN, or VMEM_E_BROKEN with the device broken. */
    VMEM_MUST_CHECK int (*peek)(struct virtqueue *queue, struct virtqueue_entry *entry);
    /* Move past a used buffer that took so many descriptors of the ring. */
    void (*advance)(struct virtqueue *queue, uint16_t nr_descriptors);
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
    bool is_polled;
    uint16_t nr_free; /* descriptors of the ring */
    uint16_t outstanding;
    uint16_t free_head; /* slots, while nr_free is not 0 */
    struct virtqueue_slot *slots;

    uint16_t nr_added;   /* descriptors added since the last publish */
    uint16_t next_avail; /* split: free running index; packed: position */
    uint16_t next_used;
    uint16_t published;      /* split: the index last written */
    uint16_t event_armed;    /* split: the used_event last written */
    bool is_quiet;           /* the device was told not to interrupt; not split with EVENT_IDX */
    bool avail_wrap;         /* packed: wrap counters */
    bool used_wrap;          /* packed */
    uint16_t first_position; /* packed: the first descriptor added since the last publish ... */
    uint16_t first_flags;    /* ... and the flags that will make it available */
    size_t ring_bytes;       /* of the two allocations */
    size_t record_bytes;
};

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
