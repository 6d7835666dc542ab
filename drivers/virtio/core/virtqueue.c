/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtqueue whatever its ring format: memory, the book of what is
 * outstanding, and the checks of what comes back. See virtqueue.h and
 * virtqueue_ring.h.
 *
 * Invariant: a slot has nr_descriptors != 0 exactly while a buffer is
 * outstanding under its id. An id from the device is looked up there and
 * nowhere else, so an id that was never given, was given back already or
 * names the middle of a chain breaks the device.
 */
#include "drivers/virtio/core/virtqueue.h"

#include "drivers/virtio/core/virtqueue_ring.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

#define PART_ALIGNMENT 64 /* above what virtio asks for: 16, 2 and 4 bytes */

struct indirect_table {
    u8 descriptors[VIRTQUEUE_TABLE_PIECES][16];
};

/* ---- memory ---- */

static unsigned order_for(u64 bytes)
{
    unsigned order = 0;
    while ((PAGE_BYTES << order) < bytes)
        order++;
    return order;
}

static void *take_zeroed(unsigned order)
{
    if (order > PAGE_ORDER_MAX)
        return NULL;
    paddr_t paddr = page_alloc(order, PAGE_KERNEL);
    if (paddr == PADDR_NONE)
        return NULL;
    return memset(phys_to_virt(paddr), 0, PAGE_BYTES << order);
}

static u32 part_bytes(u32 bytes)
{
    return (u32)align_up(bytes, PART_ALIGNMENT);
}

static u32 table_bytes(const struct vmem_virtio *device, u16 size)
{
    if (!vmem_virtio_has_feature(device, VIRTIO_F_INDIRECT_DESC))
        return 0;
    return size * (u32)sizeof(struct indirect_table);
}

/* Lay the parts out behind each other in one run of pages. */
static u32 lay_out(struct virtqueue_layout *layout, const struct virtqueue_format *format, u16 size)
{
    layout->size = size;
    layout->driver_area = layout->descriptors + part_bytes(format->descriptor_bytes(size));
    layout->device_area = layout->driver_area + part_bytes(format->driver_area_bytes(size));
    paddr_t end = layout->device_area + part_bytes(format->device_area_bytes(size));
    return (u32)(end - layout->descriptors);
}

/* The book and the ring are apart: the device is told of the ring's pages alone. */
static int allocate(struct vmem_virtio *device, const struct virtqueue_format *format, u16 size,
                    struct virtqueue **allocated)
{
    u64 slot_bytes = (u64)size * sizeof(struct virtqueue_slot);
    u64 book_bytes = sizeof(struct virtqueue) + slot_bytes + (u64)size * sizeof(u16);
    unsigned book_order = order_for(book_bytes);
    struct virtqueue *queue = take_zeroed(book_order);
    if (!queue)
        return E_NOMEM;

    struct virtqueue_layout layout = {0};
    u32 ring_bytes = lay_out(&layout, format, size);
    queue->page_order = order_for(ring_bytes + table_bytes(device, size));
    void *ring = take_zeroed(queue->page_order);
    if (!ring) {
        page_free(virt_to_phys(queue), book_order);
        return E_NOMEM;
    }
    queue->book_order = book_order;
    queue->layout.descriptors = virt_to_phys(ring);
    (void)lay_out(&queue->layout, format, size);
    if (table_bytes(device, size) != 0)
        queue->tables = (u8 *)ring + ring_bytes;
    queue->slots = (struct virtqueue_slot *)(queue + 1);
    queue->order = (u16 *)(queue->slots + size);
    *allocated = queue;
    return OK;
}

/* ---- life ---- */

/* The largest size both sides can live with: E_INVAL if the device's maximum is not valid. */
static int choose_size(struct vmem_virtio *device, u16 index, u16 size_wanted, u16 *chosen)
{
    u16 max = device->ops->queue_size_max(device, index);
    bool packed = vmem_virtio_has_feature(device, VIRTIO_F_RING_PACKED);

    if (max == 0) {
        log_error(LOG_VIRTIO, device->name, "it has no queue %u", index);
        return E_NODEV;
    }
    if (max > VIRTQUEUE_SIZE_MAX || (!packed && !is_power_of_two(max))) {
        log_error(LOG_VIRTIO, device->name, "queue %u has %u entries, expected %s of at most %u",
                  index, max, packed ? "a number" : "a power of two", VIRTQUEUE_SIZE_MAX);
        return E_INVAL;
    }
    u16 size = size_wanted < max ? size_wanted : max;
    while (!packed && !is_power_of_two(size))
        size &= (u16)(size - 1);
    *chosen = size;
    return OK;
}

/* An empty book and an empty ring. The ring's memory is zero. */
static void start(struct virtqueue *queue)
{
    queue->nr_free = queue->size;
    queue->outstanding = 0;
    queue->free_head = 0;
    queue->free_tail = (u16)(queue->size - 1);
    for (u16 i = 0; i < queue->size; i++)
        queue->slots[i] = (struct virtqueue_slot){.next = (u16)((i + 1) % queue->size)};
    queue->order_add = queue->order_take = queue->batch_left = 0;
    queue->nr_added = queue->next_avail = queue->next_used = 0;
    queue->format->start(queue);
}

int vmem_queue_create(struct vmem_virtio *device, u16 index, u16 size_wanted,
                      struct virtqueue **created)
{
    const struct virtqueue_format *format = vmem_virtio_has_feature(device, VIRTIO_F_RING_PACKED)
                                                ? &vmem_queue_packed_format
                                                : &vmem_queue_split_format;
    struct virtqueue *queue;
    u16 size;

    ASSERT(size_wanted != 0);
    int status = choose_size(device, index, size_wanted, &size);
    if (status != OK)
        return status;
    status = allocate(device, format, size, &queue);
    if (status != OK)
        return status;
    queue->device = device;
    queue->format = format;
    queue->index = index;
    queue->size = size;
    queue->event_idx = vmem_virtio_has_feature(device, VIRTIO_F_EVENT_IDX);
    queue->in_order = vmem_virtio_has_feature(device, VIRTIO_F_IN_ORDER);
    start(queue);

    status = device->ops->queue_enable(device, index, &queue->layout);
    if (status != OK) {
        log_error(LOG_VIRTIO, device->name, "queue %u of %u entries was not enabled: %s", index,
                  size, status_name(status));
        vmem_queue_destroy(queue);
        return status;
    }
    log_debug(LOG_VIRTIO, device->name, "queue %u: %s ring, %u entries at 0x%llx", index,
              format->name, size, (unsigned long long)queue->layout.descriptors);
    *created = queue;
    return OK;
}

void vmem_queue_destroy(struct virtqueue *queue)
{
    if (!queue)
        return;
    page_free(queue->layout.descriptors, queue->page_order);
    page_free(virt_to_phys(queue), queue->book_order);
}

int vmem_queue_reset(struct virtqueue *queue)
{
    struct vmem_virtio *device = queue->device;

    if (!vmem_virtio_has_feature(device, VIRTIO_F_RING_RESET))
        return E_UNSUPPORTED;
    /* The queue must not be live when its memory changes: "Virtqueue Reset". */
    int status = device->ops->queue_reset(device, queue->index);
    if (status != OK)
        return status;
    memset(phys_to_virt(queue->layout.descriptors), 0, PAGE_BYTES << queue->page_order);
    start(queue);
    return device->ops->queue_enable(device, queue->index, &queue->layout);
}

u16 vmem_queue_outstanding(const struct virtqueue *queue)
{
    return queue->outstanding;
}

u16 vmem_queue_size(const struct virtqueue *queue)
{
    return queue->size;
}

/* ---- to the device ---- */

/* The last slot of a chain that begins at `id`; packed: a buffer has one slot. */
static u16 chain_tail(const struct virtqueue *queue, u16 id, u16 nr_slots)
{
    while (--nr_slots > 0)
        id = queue->slots[id].next;
    return id;
}

static u16 slots_of(const struct virtqueue *queue, u16 nr_descriptors)
{
    return queue->format == &vmem_queue_packed_format ? 1 : nr_descriptors;
}

/*
 * Slots leave the free list at its head and come back at its tail: a device
 * that uses buffers in order then finds them in ring order for ever, which is
 * what IN_ORDER wants of a chain's `next` ("Split Virtqueues", descriptors).
 */
static u16 take_slots(struct virtqueue *queue, u16 nr_descriptors)
{
    u16 id = queue->free_head;
    u16 tail = chain_tail(queue, id, slots_of(queue, nr_descriptors));

    queue->free_head = tail == queue->free_tail ? VIRTQUEUE_NO_SLOT : queue->slots[tail].next;
    queue->nr_free = (u16)(queue->nr_free - nr_descriptors);
    return id;
}

static void give_back_slots(struct virtqueue *queue, u16 id)
{
    u16 nr_descriptors = queue->slots[id].nr_descriptors;

    if (queue->free_head == VIRTQUEUE_NO_SLOT)
        queue->free_head = id;
    else
        queue->slots[queue->free_tail].next = id;
    queue->free_tail = chain_tail(queue, id, slots_of(queue, nr_descriptors));
    queue->nr_free = (u16)(queue->nr_free + nr_descriptors);
    queue->slots[id].nr_descriptors = 0;
}

static u16 next_position(const struct virtqueue *queue, u16 position)
{
    return position + 1 == queue->size ? 0 : (u16)(position + 1);
}

int vmem_queue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces,
                   unsigned nr_readable, unsigned nr_writable, void *token)
{
    unsigned nr_pieces = nr_readable + nr_writable;
    u64 bytes = 0;
    u64 readable_bytes = 0;

    ASSERT(nr_pieces != 0);
    if (queue->device->broken)
        return E_BROKEN;
    for (unsigned i = 0; i < nr_pieces; i++) {
        if (i == nr_readable)
            readable_bytes = bytes;
        bytes += pieces[i].bytes;
    }
    if (nr_writable == 0)
        readable_bytes = bytes;
    if (nr_pieces > queue->size || bytes > UINT32_MAX)
        return E_INVAL;

    bool indirect = queue->tables && nr_pieces > 1 && nr_pieces <= VIRTQUEUE_TABLE_PIECES;
    u16 nr_descriptors = indirect ? 1 : (u16)nr_pieces;
    if (nr_descriptors > queue->nr_free)
        return E_NOMEM;

    u16 id = take_slots(queue, nr_descriptors);
    queue->slots[id].token = token;
    queue->slots[id].writable_bytes = (u32)(bytes - readable_bytes);
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
    queue->nr_added = (u16)(queue->nr_added + nr_descriptors);
    return OK;
}

void vmem_queue_publish(struct virtqueue *queue)
{
    struct vmem_virtio *device = queue->device;

    if (queue->nr_added == 0 || device->broken)
        return;
    /* "Device Initialization": no available-buffer notification before DRIVER_OK. */
    ASSERT((device->status & VIRTIO_STATUS_DRIVER_OK) != 0);
    bool wanted = queue->format->publish(queue);
    queue->nr_added = 0;
    if (wanted)
        device->ops->notify(device, queue->index, queue->format->next_avail(queue));
}

/* ---- from the device ---- */

static bool is_outstanding(const struct virtqueue *queue, u32 id)
{
    return id < queue->size && queue->slots[id].nr_descriptors != 0;
}

static int break_id(const struct virtqueue *queue, u32 id)
{
    vmem_virtio_break(queue->device, "queue %u: used id %u, expected one of the %u outstanding",
                      queue->index, id, queue->outstanding);
    return E_BROKEN;
}

/*
 * Which buffers one used entry stands for. With IN_ORDER one entry may end a
 * batch: it names the last buffer, stands where the first one's would, and the
 * next entry is as far on as the batch is long.
 */
static int begin_batch(struct virtqueue *queue, const struct virtqueue_entry *entry)
{
    u16 nr_buffers = 1;
    u16 nr_descriptors = queue->slots[entry->id].nr_descriptors;

    if (queue->in_order) {
        u16 position = queue->order_take;
        u16 sum = 0;
        for (nr_buffers = 1;; nr_buffers++) {
            u16 id = queue->order[position];
            sum = (u16)(sum + queue->slots[id].nr_descriptors);
            if (id == entry->id)
                break;
            if (nr_buffers == queue->outstanding)
                panic("virtqueue: id %u is outstanding and not in the order", entry->id);
            position = next_position(queue, position);
        }
        nr_descriptors = sum;
    }
    if (nr_buffers - 1 > entry->nr_more) {
        vmem_virtio_break(queue->device,
                          "queue %u: a batch of %u used buffers, but the index moved %u",
                          queue->index, nr_buffers, entry->nr_more + 1u);
        return E_BROKEN;
    }
    /* No device can have written more than there was room for: it lies, or it wrote elsewhere. */
    if (entry->bytes > queue->slots[entry->id].writable_bytes) {
        vmem_virtio_break(queue->device, "queue %u: used length %u, expected at most %u",
                          queue->index, entry->bytes, queue->slots[entry->id].writable_bytes);
        return E_BROKEN;
    }
    queue->format->advance(queue, nr_buffers, nr_descriptors);
    queue->batch_left = nr_buffers;
    queue->batch_bytes = entry->bytes;
    return OK;
}

int vmem_queue_take_used(struct virtqueue *queue, struct virtqueue_used *used)
{
    struct virtqueue_entry entry = {0};

    if (queue->device->broken)
        return E_BROKEN;
    if (queue->batch_left == 0) {
        int status = queue->format->peek(queue, &entry);
        if (status != OK)
            return status;
        if (!is_outstanding(queue, entry.id))
            return break_id(queue, entry.id);
        status = begin_batch(queue, &entry);
        if (status != OK)
            return status;
    }

    u16 id = (u16)entry.id;
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
    return OK;
}
