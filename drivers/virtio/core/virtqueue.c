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

#include "text.h"
#include "virtqueue_ring.h"

/* ---- memory ---- */

static uint32_t part_bytes(uint32_t bytes)
{
    return (uint32_t)vmem_align_up(bytes, VIRTQUEUE_ALIGNMENT);
}

/* Where the parts are behind each other in one piece of memory, the tables last; its length. */
static uint32_t lay_out(const struct virtqueue *queue, uint32_t *driver_area, uint32_t *device_area,
                        uint32_t *tables)
{
    const struct virtqueue_format *format = queue->format;
    bool has_tables = vmem_virtio_has_feature(queue->device, VIRTIO_F_INDIRECT_DESC);

    *driver_area = part_bytes(format->descriptor_bytes(queue->size));
    *device_area = *driver_area + part_bytes(format->driver_area_bytes(queue->size));
    *tables = *device_area + part_bytes(format->device_area_bytes(queue->size));
    return *tables + (has_tables ? queue->size * VIRTQUEUE_TABLE_BYTES : 0);
}

static int allocate_ring(struct virtqueue *queue)
{
    uint32_t driver_area;
    uint32_t device_area;
    uint32_t tables;
    uint64_t address;

    queue->ring_bytes = lay_out(queue, &driver_area, &device_area, &tables);
    uint8_t *ring = vmem_host_dma_alloc(queue->ring_bytes, VIRTQUEUE_ALIGNMENT, &address);
    if (!ring)
        return VMEM_E_NOMEM;
    queue->descriptors = ring;
    queue->driver_area = ring + driver_area;
    queue->device_area = ring + device_area;
    queue->layout = (struct virtqueue_layout){queue->size, address, address + driver_area,
                                              address + device_area};
    if (tables != queue->ring_bytes) {
        queue->tables = ring + tables;
        queue->tables_address = address + tables;
    }
    return VMEM_OK;
}

/* The record and the ring are two allocations: the device is told of the ring's memory alone. */
static struct virtqueue *allocate(struct vmem_virtio *device, const struct virtqueue_format *format,
                                  uint16_t size)
{
    size_t slot_bytes = size * sizeof(struct virtqueue_slot);
    size_t record_bytes = sizeof(struct virtqueue) + slot_bytes + size * sizeof(uint16_t);
    struct virtqueue *queue = vmem_host_alloc(record_bytes);

    if (!queue)
        return NULL;
    memset(queue, 0, record_bytes);
    queue->device = device;
    queue->format = format;
    queue->size = size;
    queue->record_bytes = record_bytes;
    queue->slots = (struct virtqueue_slot *)(queue + 1);
    queue->order = (uint16_t *)(queue->slots + size);
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

/* An empty record and an empty ring. The ring's memory is zero. */
static void start(struct virtqueue *queue)
{
    queue->nr_free = queue->size;
    queue->outstanding = 0;
    queue->free_head = 0;
    queue->free_tail = (uint16_t)(queue->size - 1);
    for (uint16_t i = 0; i < queue->size; i++)
        queue->slots[i] = (struct virtqueue_slot){.next = (uint16_t)((i + 1) % queue->size)};
    queue->order_add = queue->order_take = queue->batch_left = 0;
    queue->nr_added = queue->next_avail = queue->next_used = 0;
    queue->format->start(queue);
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
    queue->in_order = vmem_virtio_has_feature(device, VIRTIO_F_IN_ORDER);
    start(queue);

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

/*
 * Slots leave the free list at its head and come back at its tail: a device
 * that uses buffers in order then finds them in ring order for ever, which is
 * what IN_ORDER wants of a chain's `next` ("Split Virtqueues", descriptors).
 */
static uint16_t take_slots(struct virtqueue *queue, uint16_t nr_descriptors)
{
    uint16_t id = queue->free_head;
    uint16_t tail = chain_tail(queue, id, slots_of(queue, nr_descriptors));

    queue->free_head = tail == queue->free_tail ? VIRTQUEUE_NO_SLOT : queue->slots[tail].next;
    queue->nr_free = (uint16_t)(queue->nr_free - nr_descriptors);
    return id;
}

static void give_back_slots(struct virtqueue *queue, uint16_t id)
{
    uint16_t nr_descriptors = queue->slots[id].nr_descriptors;

    if (queue->free_head == VIRTQUEUE_NO_SLOT)
        queue->free_head = id;
    else
        queue->slots[queue->free_tail].next = id;
    queue->free_tail = chain_tail(queue, id, slots_of(queue, nr_descriptors));
    queue->nr_free = (uint16_t)(queue->nr_free + nr_descriptors);
    queue->slots[id].nr_descriptors = 0;
}

static uint16_t next_position(const struct virtqueue *queue, uint16_t position)
{
    return position + 1 == queue->size ? 0 : (uint16_t)(position + 1);
}

int vmem_queue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                   unsigned nr_readable, unsigned nr_writable, void *token)
{
    unsigned nr_pieces = nr_readable + nr_writable;
    uint64_t bytes = 0;
    uint64_t readable_bytes = 0;

    VMEM_ASSERT(nr_pieces != 0);
    if (queue->device->broken)
        return VMEM_E_BROKEN;
    for (unsigned i = 0; i < nr_pieces; i++) {
        if (i == nr_readable)
            readable_bytes = bytes;
        bytes += pieces[i].bytes;
    }
    if (nr_writable == 0)
        readable_bytes = bytes;
    if (nr_pieces > queue->size || bytes > UINT32_MAX)
        return VMEM_E_INVAL;

    bool indirect = queue->tables && nr_pieces > 1 && nr_pieces <= VIRTQUEUE_TABLE_PIECES;
    uint16_t nr_descriptors = indirect ? 1 : (uint16_t)nr_pieces;
    if (nr_descriptors > queue->nr_free)
        return VMEM_E_NOMEM;

    uint16_t id = take_slots(queue, nr_descriptors);
    queue->slots[id].token = token;
    queue->slots[id].writable_bytes = (uint32_t)(bytes - readable_bytes);
    queue->slots[id].nr_descriptors = nr_descriptors;
    queue->outstanding++;
    if (queue->in_order) {
        queue->order[queue->order_add] = id;
        queue->order_add = next_position(queue, queue->order_add);
    }
    queue->format->add(queue, &(struct virtqueue_buffer){.pieces = pieces,
                                                         .nr_pieces = nr_pieces,
                                                         .nr_readable = nr_readable,
                                                         .id = id,
                                                         .nr_descriptors = nr_descriptors,
                                                         .indirect = indirect});
    queue->nr_added = (uint16_t)(queue->nr_added + nr_descriptors);
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

static int break_id(const struct virtqueue *queue, uint32_t id)
{
    vmem_virtio_break(queue->device, "queue %u: used id %u, expected one of the %u outstanding",
                      queue->index, id, queue->outstanding);
    return VMEM_E_BROKEN;
}

/*
 * Which buffers one used entry stands for. With IN_ORDER one entry may end a
 * batch: it names the last buffer, stands where the first one's would, and the
 * next entry is as far on as the batch is long.
 */
static int begin_batch(struct virtqueue *queue, const struct virtqueue_entry *entry)
{
    uint16_t nr_buffers = 1;
    uint16_t nr_descriptors = queue->slots[entry->id].nr_descriptors;

    if (queue->in_order) {
        uint16_t position = queue->order_take;
        uint16_t sum = 0;
        for (nr_buffers = 1;; nr_buffers++) {
            uint16_t id = queue->order[position];
            sum = (uint16_t)(sum + queue->slots[id].nr_descriptors);
            if (id == entry->id)
                break;
            VMEM_ASSERT(nr_buffers < queue->outstanding); /* it is outstanding, so in the order */
            position = next_position(queue, position);
        }
        nr_descriptors = sum;
    }
    if (nr_buffers - 1 > entry->nr_more) {
        vmem_virtio_break(queue->device,
                          "queue %u: a batch of %u used buffers, but the index moved %u",
                          queue->index, nr_buffers, entry->nr_more + 1u);
        return VMEM_E_BROKEN;
    }
    /* More than there was room for: the length is false, or the device wrote elsewhere. */
    if (entry->bytes > queue->slots[entry->id].writable_bytes) {
        vmem_virtio_break(queue->device, "queue %u: used length %u, expected at most %u",
                          queue->index, entry->bytes, queue->slots[entry->id].writable_bytes);
        return VMEM_E_BROKEN;
    }
    queue->format->advance(queue, nr_buffers, nr_descriptors);
    queue->batch_left = nr_buffers;
    queue->batch_bytes = entry->bytes;
    return VMEM_OK;
}

int vmem_queue_take_used(struct virtqueue *queue, struct virtqueue_used *used)
{
    struct virtqueue_entry entry = {0};

    if (queue->device->broken)
        return VMEM_E_BROKEN;
    if (queue->batch_left == 0) {
        int status = queue->format->peek(queue, &entry);
        if (status != VMEM_OK)
            return status;
        if (!is_outstanding(queue, entry.id))
            return break_id(queue, entry.id);
        status = begin_batch(queue, &entry);
        if (status != VMEM_OK)
            return status;
    }

    uint16_t id = (uint16_t)entry.id;
    if (queue->in_order) {
        id = queue->order[queue->order_take];
        queue->order_take = next_position(queue, queue->order_take);
    }
    struct virtqueue_slot *slot = &queue->slots[id];
    /* The buffers that an entry skipped were used completely: "In-order use of descriptors". */
    queue->batch_left--;
    used->token = slot->token;
    used->bytes = queue->batch_left == 0 ? queue->batch_bytes : slot->writable_bytes;
    give_back_slots(queue, id);
    queue->outstanding--;
    return VMEM_OK;
}
