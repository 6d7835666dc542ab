/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For harnesses of virtqueue.c and of a ring format: a queue of PROOF_SIZE entries in any valid
 * state, and a device that may change the ring's memory at any time: each read of it gives any
 * value.
 */
#ifndef TIDE_TESTS_PROOFS_RING_H
#define TIDE_TESTS_PROOFS_RING_H

#define VMEM_FAKE_ARCH "tests/proofs/barriers.h"
#define ring_read16    ring_read16_of_memory
#define ring_read32    ring_read32_of_memory
#define ring_write16   ring_write16_of_memory
#include "drivers/virtio/core/arch.h"
#include "drivers/virtio/core/virtqueue_ring.h"
#undef ring_read16
#undef ring_read32
#undef ring_write16
#include "tests/proofs/vmem_host.h"

#define PROOF_SIZE 4

static const void *proof_shows; /* the field whose new value shows the device what was added */
static const void *proof_tells; /* the field that tells of used entries */
static uint16_t proof_was_read; /* the last of 16 bits */
static uint32_t proof_was_read_32;

static bool proof_is_notified;

static inline uint16_t ring_read16(const vmem_le16 *field)
{
    PROVE(__CPROVER_r_ok(field, 2) && !proof_has_shown);
    proof_has_read |= field == proof_tells;
    return proof_was_read = nondet_u16();
}

static inline uint32_t ring_read32(const vmem_le32 *field)
{
    PROVE(__CPROVER_r_ok(field, 4) && !proof_has_shown && !proof_has_read);
    return proof_was_read_32 = nondet_u32();
}

static inline void ring_write16(vmem_le16 *field, uint16_t value)
{
    if (field == proof_shows)
        PROVE(!proof_has_written);
    proof_has_written = proof_has_shown = true;
    field->raw = value;
}

void vmem_virtio_break(struct vmem_virtio *device, const char *format, ...)
{
    (void)format;
    device->broken = true;
}

static struct vmem_virtio proof_device;
static struct virtqueue_slot proof_slots[PROOF_SIZE];
static struct virtqueue_slot proof_slots_before[PROOF_SIZE]; /* as any_queue() made them */
static uint8_t proof_descriptors[PROOF_SIZE * 16] VMEM_ALIGNED(16);
static uint8_t proof_driver_area[6 + 2 * PROOF_SIZE] VMEM_ALIGNED(16);
static uint8_t proof_device_area[6 + 8 * PROOF_SIZE] VMEM_ALIGNED(16);

/* Whether the slots that are outstanding, and the free list, are all slots, each once. */
static inline bool are_slots_valid(const struct virtqueue *queue)
{
    bool is_packed = queue->format == &vmem_queue_packed_format;
    unsigned nr_buffers = 0, nr_descriptors = 0, nr_slots = 0;
    bool seen[PROOF_SIZE] = {false};
    for (unsigned i = 0; i < PROOF_SIZE; i++) {
        const struct virtqueue_slot *slot = &proof_slots[i];
        if (slot->nr_descriptors == 0)
            continue;
        if (slot->nr_descriptors > PROOF_SIZE)
            return false;
        nr_buffers++;
        nr_descriptors += slot->nr_descriptors;
        uint16_t id = (uint16_t)i;
        for (unsigned k = 0; k < (is_packed ? 1 : slot->nr_descriptors); k++, nr_slots++) {
            if (id >= PROOF_SIZE || seen[id] || (k != 0 && proof_slots[id].nr_descriptors != 0))
                return false;
            seen[id] = true;
            id = proof_slots[id].next;
        }
    }
    uint16_t id = queue->free_head;
    for (unsigned i = 0; i < PROOF_SIZE && nr_slots < PROOF_SIZE; i++, nr_slots++) {
        if (id >= PROOF_SIZE || seen[id] || proof_slots[id].nr_descriptors != 0)
            return false;
        seen[id] = true;
        id = proof_slots[id].next;
    }
    return queue->outstanding == nr_buffers && nr_descriptors <= PROOF_SIZE &&
           queue->nr_free == PROOF_SIZE - nr_descriptors;
}

static inline bool are_positions_valid(const struct virtqueue *queue)
{
    if (queue->format != &vmem_queue_packed_format)
        return (uint16_t)(queue->next_used + queue->outstanding) == queue->next_avail;
    unsigned end = queue->next_used + (unsigned)(PROOF_SIZE - queue->nr_free);
    return queue->next_used < PROOF_SIZE && queue->next_avail == end % PROOF_SIZE &&
           queue->first_position < PROOF_SIZE &&
           (queue->avail_wrap != queue->used_wrap) == (end >= PROOF_SIZE);
}

static inline bool is_queue_valid(const struct virtqueue *queue)
{
    return are_slots_valid(queue) && are_positions_valid(queue);
}

static void proof_notify(struct vmem_virtio *device, uint16_t index, uint16_t next_avail)
{
    (void)device, (void)index, (void)next_avail;
    PROVE(!proof_has_shown);
    proof_is_notified = true;
}

/* Any state that the queue can be in, and some that it cannot. */
static inline void any_queue(struct virtqueue *queue, const struct virtqueue_format *format)
{
    static const struct virtio_transport_ops ops = {.notify = proof_notify};
    for (unsigned i = 0; i < PROOF_SIZE; i++)
        proof_slots[i] = (struct virtqueue_slot){(void *)(uintptr_t)nondet_u64(), nondet_u32(),
                                                 nondet_u16(), nondet_u16()};
    struct virtqueue any;
    *queue = any;
    queue->device = &proof_device;
    queue->format = format;
    queue->size = PROOF_SIZE;
    queue->event_idx = nondet_bool();
    queue->is_quiet = nondet_bool();
    queue->avail_wrap = nondet_bool();
    queue->used_wrap = nondet_bool();
    queue->slots = proof_slots;
    queue->descriptors = proof_descriptors;
    queue->driver_area = proof_driver_area;
    queue->device_area = proof_device_area;
    __CPROVER_havoc_object(proof_descriptors);
    proof_device.ops = &ops;
    proof_device.status = VIRTIO_STATUS_DRIVER_OK;
    proof_device.broken = nondet_bool();
    proof_has_written = proof_has_shown = proof_has_read = false;
    ASSUME(is_queue_valid(queue));
    for (unsigned i = 0; i < PROOF_SIZE; i++)
        proof_slots_before[i] = proof_slots[i];
}

/* vmem_queue_take_used() took one buffer that was outstanding, or none. */
static inline void prove_taken(const struct virtqueue *queue, int status, uint16_t outstanding,
                               const struct virtqueue_used *used)
{
    PROVE(status == VMEM_OK || status == VMEM_E_AGAIN || status == VMEM_E_BROKEN);
    PROVE(is_queue_valid(queue));
    PROVE((status == VMEM_E_BROKEN) == proof_device.broken);
    if (status != VMEM_OK) {
        PROVE(queue->outstanding == outstanding);
        return;
    }
    PROVE(queue->outstanding == outstanding - 1);
    bool was_given = false;
    for (unsigned i = 0; i < PROOF_SIZE; i++)
        was_given |= proof_slots_before[i].nr_descriptors != 0 &&
                     proof_slots[i].nr_descriptors == 0 &&
                     used->token == proof_slots_before[i].token &&
                     used->bytes <= proof_slots_before[i].writable_bytes;
    PROVE(was_given);
}

#endif
