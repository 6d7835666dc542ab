/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a virtqueue, split or packed, in the host programs.
 *
 * It reads the ring memory that the driver wrote, and fails the test where
 * that breaks a rule of virtio 1.4, "Split Virtqueues" or "Packed
 * Virtqueues": alignment, flags that were not negotiated, a writable piece
 * before a readable one, a loop, an index that goes back. It can also lie to
 * the driver: used ids, indices and lengths of the test's choice.
 */
#ifndef TIDE_TESTS_FAKES_FAKE_RING_H
#define TIDE_TESTS_FAKES_FAKE_RING_H

#include "drivers/virtio/core/virtqueue.h"
#include "include/types.h"

/* A device's address less ours, for DMA memory; 0 unless the host of the program says otherwise. */
extern u64 fake_device_offset;

static inline void *fake_device_memory(u64 device_address)
{
    return (void *)(uintptr_t)(device_address - fake_device_offset);
}

#define FAKE_RING_PIECES      48
#define FAKE_RING_ENTRIES_MAX 1024

struct fake_piece {
    u64 address; /* for the device */
    u32 bytes;
    bool writable;
};

/* A buffer that the driver made available. */
struct fake_buffer {
    u16 id;       /* split: its head descriptor; packed: its buffer id */
    u16 nr_slots; /* its descriptors */
    unsigned nr_pieces;
    u32 readable_bytes;
    u32 writable_bytes;
    struct fake_piece pieces[FAKE_RING_PIECES];
    u16 slots[FAKE_RING_PIECES]; /* split: its descriptors */
};

struct fake_ring {
    struct virtqueue_layout layout;
    u64 features;    /* negotiated: they decide the format and what is allowed */
    u16 next_avail;  /* split: free running; packed: a position */
    u16 next_used;   /* the same */
    u16 seen_avail;  /* split: the driver's index when it was last read */
    bool avail_wrap; /* packed: wrap counters */
    bool used_wrap;
    u16 signalled; /* used entries (packed: descriptors) since fake_ring_wants_interrupt() */
    bool owned[FAKE_RING_ENTRIES_MAX]; /* the device has this descriptor (packed: this id) */
    /* Descriptors that the device has, by place in the ring, and what is in them. */
    bool exposed[FAKE_RING_ENTRIES_MAX];
    u8 expected[FAKE_RING_ENTRIES_MAX][16];
};

/* A fresh ring at `layout`; asserts its alignment and size. */
void fake_ring_init(struct fake_ring *ring, const struct virtqueue_layout *layout, u64 features);

/* Fails if the driver changed a descriptor that the device has (L1, K2). Each pop and push does. */
void fake_ring_check(const struct fake_ring *ring);

/* Take the next available buffer, checked; false if there is none. */
bool fake_ring_pop(struct fake_ring *ring, struct fake_buffer *buffer);

/* Copy out of the readable pieces, into the writable ones; returns how many bytes there were. */
u32 fake_ring_gather(const struct fake_buffer *buffer, void *to, u32 bytes);
u32 fake_ring_scatter(const struct fake_buffer *buffer, const void *from, u32 bytes);

/* Give a buffer back as used. */
void fake_ring_push(struct fake_ring *ring, const struct fake_buffer *buffer, u32 used_bytes);

/* Whether the driver wants an interrupt for what was pushed since this was last asked. */
bool fake_ring_wants_interrupt(struct fake_ring *ring);

/* Tell the driver that it need not notify, or that it must. EVENT_IDX: for the next buffer. */
void fake_ring_want_notify(struct fake_ring *ring, bool wanted);

/* EVENT_IDX: notify only when the driver's index (packed: position and wrap bit) passes this. */
void fake_ring_set_avail_event(struct fake_ring *ring, u16 index);

/* ---- lies ---- */

/* A used entry with any id and length; the ring's own place moves on by nr_slots (split: by 1). */
void fake_ring_push_raw(struct fake_ring *ring, u32 id, u32 used_bytes, u16 nr_slots);

/* Split: write the used index, whatever was pushed. */
void fake_ring_set_used_index(struct fake_ring *ring, u16 index);

/* Overwrite all that the driver wrote to the ring (not what the device wrote) with `junk`. */
void fake_ring_scribble(struct fake_ring *ring, u8 junk);

#endif
