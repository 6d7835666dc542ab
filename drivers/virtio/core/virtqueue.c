/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue whatever its ring format: memory, the record of what is
 * outstanding, and the checks of what comes back. See virtqueue.h and
 * virtqueue_ring.h.
 *
 * Invariant: a slot has nr_descriptors != 0 exactly while a buffer is
 * outstanding under its id. An id from the device is looked up there and
 * nowhere else, so an id that was never given, was given back already or
 * names the middle of a chain breaks the device.
 */
#include "virtqueue.h"

#include "arch.h"
#include "text.h"
#include "virtqueue_ring.h"

/* ---- memory ---- */

static uint32_t part_bytes(uint32_t bytes)
{
    return (uint32_t)vmem_align_up(bytes, VIRTQUEUE_ALIGNMENT);
}

/* The parts are behind each other in one piece of memory. */
static int allocate_ring(struct virtqueue *queue)
{
    const struct virtqueue_format *format = queue->format;
    uint32_t driver_area = part_bytes(format->descriptor_bytes(queue->size));
    uint32_t device_area = driver_area + part_bytes(format->driver_area_bytes(queue->size));
    uint64_t address;
    queue->ring_bytes = device_area + part_bytes(format->device_area_bytes(queue->size));
    uint8_t *ring = vmem_host_dma_alloc(queue->ring_bytes, VIRTQUEUE_ALIGNMENT, &address);
    if (!ring)
        return VMEM_E_NOMEM;
    queue->descriptors = ring;
    queue->driver_area = ring + driver_area;
    queue->device_area = ring + device_area;
    queue->layout = (struct virtqueue_layout){queue->size, address, address + driver_area,
                                              address + device_area};
    return VMEM_OK;
}

/* The record and the ring are two allocations: the device is told of the ring's memory alone. All
 * that is not set here begins as zero, as the ring does ("The Virtqueue Used Ring"). */
static struct virtqueue *allocate(struct vmem_virtio *device, const struct virtqueue_format *format,
                                  uint16_t size)
{
    size_t record_bytes = sizeof(struct virtqueue) + size * sizeof(struct virtqueue_slot);
    struct virtqueue *queue = vmem_host_alloc(record_bytes);
    if (!queue)
        return NULL;
    memset(queue, 0, record_bytes);
    queue->device = device;
    queue->format = format;
    queue->size = queue->nr_free = size;
    queue->avail_wrap = queue->used_wrap = true;
    queue->record_bytes = record_bytes;
    queue->slots = (struct virtqueue_slot *)(queue + 1);
    for (uint16_t i = 0; i < size; i++)
        queue->slots[i].next = (uint16_t)((i + 1) % size);
    if (allocate_ring(queue) == VMEM_OK)
        return queue;
    vmem_host_free(queue, record_bytes);
    return NULL;
}

/* ---- life ---- */

/* The largest size both sides can live with: VMEM_E_INVAL if the device's maximum is not valid. */
static int choose_size(struct vmem_virtio *device, uint16_t index, uint16_t size_wanted,
                       uint16_t *chosen)
{
    uint16_t max = device->ops->queue_size_max(device, index);
    bool packed = vmem_virtio_has_feature(device, VIRTIO_F_RING_PACKED);
    if (max == 0) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device), "it has no queue %u", index);
        return VMEM_E_NODEV;
    }
    if (max > VIRTQUEUE_SIZE_MAX || (!packed && !vmem_is_power_of_two(max))) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device),
                 "queue %u has %u entries, expected %s of at most %u", index, max,
                 packed ? "a number" : "a power of two", VIRTQUEUE_SIZE_MAX);
        return VMEM_E_INVAL;
    }
    uint16_t size = size_wanted < max ? size_wanted : max;
    while (!packed && !vmem_is_power_of_two(size))
        size &= (uint16_t)(size - 1);
    *chosen = size;
    return VMEM_OK;
}

int vmem_queue_create(struct vmem_virtio *device, uint16_t index, uint16_t size_wanted,
                      struct virtqueue **created)
{
    const struct virtqueue_format *format = vmem_virtio_has_feature(device, VIRTIO_F_RING_PACKED)
                                                ? &vmem_queue_packed_format
                                                : &vmem_queue_split_format;
    uint16_t size;
    VMEM_ASSERT(size_wanted != 0);
    int status = choose_size(device, index, size_wanted, &size);
    if (status != VMEM_OK)
        return status;
    struct virtqueue *queue = allocate(device, format, size);
    if (!queue)
        return VMEM_E_NOMEM;
    queue->index = index;
    queue->event_idx = vmem_virtio_has_feature(device, VIRTIO_F_EVENT_IDX);
    status = device->ops->queue_enable(device, index, &queue->layout);
    if (status != VMEM_OK) {
        vmem_log(VMEM_LOG_ERROR, vmem_virtio_subject(device),
                 "queue %u of %u entries was not enabled: %s", index, size,
                 vmem_error_name(status));
        vmem_queue_destroy(queue);
        return status;
    }
    vmem_log(VMEM_LOG_DEBUG, vmem_virtio_subject(device), "queue %u: %s ring, %u entries at 0x%llx",
             index, format->name, size, vmem_llu(queue->layout.descriptors));
    *created = queue;
    return VMEM_OK;
}

void vmem_queue_destroy(struct virtqueue *queue)
{
    if (!queue)
        return;
    vmem_host_dma_free(queue->descriptors, queue->ring_bytes, queue->layout.descriptors);
    vmem_host_free(queue, queue->record_bytes);
}

uint16_t vmem_queue_outstanding(const struct virtqueue *queue)
{
    return queue->outstanding;
}

void vmem_queue_poll(struct virtqueue *queue)
{
    queue->is_polled = true;
}

uint16_t vmem_queue_size(const struct virtqueue *queue)
{
    return queue->size;
}

/* ---- to the device ---- */

/* The last slot of a chain that begins at `id`; packed: a buffer has one slot. */
static uint16_t chain_tail(const struct virtqueue *queue, uint16_t id, uint16_t nr_slots)
{
    while (--nr_slots > 0)
        id = queue->slots[id].next;
    return id;
}

static uint16_t slots_of(const struct virtqueue *queue, uint16_t nr_descriptors)
{
    return queue->format == &vmem_queue_packed_format ? 1 : nr_descriptors;
}

static uint16_t take_slots(struct virtqueue *queue, uint16_t nr_descriptors)
{
    uint16_t id = queue->free_head;
    uint16_t tail = chain_tail(queue, id, slots_of(queue, nr_descriptors));
    queue->free_head = queue->slots[tail].next;
    queue->nr_free = (uint16_t)(queue->nr_free - nr_descriptors);
    return id;
}

static void give_back_slots(struct virtqueue *queue, uint16_t id)
{
    uint16_t nr_descriptors = queue->slots[id].nr_descriptors;
    queue->slots[chain_tail(queue, id, slots_of(queue, nr_descriptors))].next = queue->free_head;
    queue->free_head = id;
    queue->nr_free = (uint16_t)(queue->nr_free + nr_descriptors);
    queue->slots[id].nr_descriptors = 0;
}

int vmem_queue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                   unsigned nr_readable, unsigned nr_writable, void *token)
{
    unsigned nr_pieces = nr_readable + nr_writable;
    uint64_t bytes = 0;
    uint64_t writable_bytes = 0;

    VMEM_ASSERT(nr_pieces != 0);
    if (queue->device->broken)
        return VMEM_E_BROKEN;
    for (unsigned i = 0; i < nr_pieces; i++) {
        bytes += pieces[i].bytes;
        writable_bytes += i < nr_readable ? 0 : pieces[i].bytes;
    }
    if (nr_pieces > queue->size || bytes > UINT32_MAX)
        return VMEM_E_INVAL;
    if (nr_pieces > queue->nr_free)
        return VMEM_E_NOMEM;

    uint16_t id = take_slots(queue, (uint16_t)nr_pieces);
    queue->slots[id].token = token;
    queue->slots[id].writable_bytes = (uint32_t)writable_bytes;
    queue->slots[id].nr_descriptors = (uint16_t)nr_pieces;
    queue->outstanding++;
    queue->format->add(queue, &(struct virtqueue_buffer){pieces, nr_pieces, nr_readable, id});
    queue->nr_added = (uint16_t)(queue->nr_added + nr_pieces);
    return VMEM_OK;
}

void vmem_queue_publish(struct virtqueue *queue)
{
    struct vmem_virtio *device = queue->device;
    if (queue->nr_added == 0 || device->broken)
        return;
    /* "Device Initialization": no available-buffer notification before DRIVER_OK. */
    VMEM_ASSERT((device->status & VIRTIO_STATUS_DRIVER_OK) != 0);
    bool wanted = queue->format->publish(queue);
    queue->nr_added = 0;
    if (wanted)
        device->ops->notify(device, queue->index, queue->format->next_avail(queue));
}

/* ---- from the device ---- */

static bool is_outstanding(const struct virtqueue *queue, uint32_t id)
{
    return id < queue->size && queue->slots[id].nr_descriptors != 0;
}

/* The next used entry. If there is none, ask for an interrupt, and look again: one may have come
 * before the device could know. */
static int peek(struct virtqueue *queue, struct virtqueue_entry *entry)
{
    int status = queue->format->peek(queue, entry);
    if (status != VMEM_E_AGAIN || queue->is_polled || !queue->format->ask_for_interrupt(queue))
        return status;
    /* What we ask for, before we look again: the device uses a buffer, then reads whether to
     * interrupt. */
    vmem_dma_full_barrier();
    return queue->format->peek(queue, entry);
}

int vmem_queue_take_used(struct virtqueue *queue, struct virtqueue_used *used)
{
    struct virtqueue_entry entry = {0};
    if (queue->device->broken)
        return VMEM_E_BROKEN;
    int status = peek(queue, &entry);
    if (status != VMEM_OK)
        return status;
    if (!is_outstanding(queue, entry.id)) {
        vmem_virtio_break(queue->device, "queue %u: used id %u, expected one of the %u outstanding",
                          queue->index, entry.id, queue->outstanding);
        return VMEM_E_BROKEN;
    }
    uint16_t id = (uint16_t)entry.id;
    const struct virtqueue_slot *slot = &queue->slots[id];
    /* More than there was room for: the length is false, or the device wrote elsewhere. */
    if (entry.bytes > slot->writable_bytes) {
        vmem_virtio_break(queue->device, "queue %u: used length %u, expected at most %u",
                          queue->index, entry.bytes, slot->writable_bytes);
        return VMEM_E_BROKEN;
    }
    *used = (struct virtqueue_used){slot->token, entry.bytes};
    queue->format->advance(queue, slot->nr_descriptors);
    give_back_slots(queue, id);
    queue->outstanding--;
    return VMEM_OK;
}
