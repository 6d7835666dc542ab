/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_rig.h. */
#include "tests/fakes/fake_rig.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"

#define BUFFERS_BYTES (FAKE_RIG_BUFFERS * FAKE_RIG_BUFFER_BYTES)

static const char *const no_names[24];

static void echo(void *context, struct fake_request *request)
{
    u32 bytes = request->readable_bytes;

    (void)context;
    if (bytes > request->reply_capacity)
        bytes = request->reply_capacity;
    memcpy(request->reply, request->readable, bytes);
    request->reply_bytes = bytes;
}

int fake_rig_bring_up(struct vmem_virtio *device, enum vmem_irq_mode wanted,
                      struct virtqueue **queue)
{
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    assert_int_equal(device->ops->irq_enable(device, wanted), OK);
    int status = vmem_queue_create(device, 0, 128, queue);
    if (status == OK)
        vmem_virtio_driver_ok(device);
    return status;
}

void fake_rig_round_trip(struct virtqueue *queue)
{
    fake_rig_late_trip(queue, NULL);
}

void fake_rig_late_trip(struct virtqueue *queue, void (*answer)(void))
{
    struct virtqueue_used used;

    u64 address;
    u64 *memory = vmem_host_dma_alloc(16, 16, &address);
    assert_non_null(memory);
    memory[0] = 0x1122334455667788;
    memory[1] = 0;
    struct virtqueue_piece pieces[] = {{address, 8}, {address + 8, 8}};
    assert_int_equal(vmem_queue_add(queue, pieces, 1, 1, memory), OK);
    vmem_queue_publish(queue);
    if (answer) {
        assert_int_equal(vmem_queue_take_used(queue, &used), E_AGAIN);
        answer();
    }
    assert_int_equal(vmem_queue_take_used(queue, &used), OK);
    assert_ptr_equal(used.token, memory);
    assert_int_equal(used.bytes, 8);
    assert_true(memory[1] == memory[0]);
    assert_int_equal(vmem_queue_take_used(queue, &used), E_AGAIN);
    vmem_host_dma_free(memory, 16, address);
}

void fake_rig_boot(struct fake_rig *rig)
{
    memset(rig, 0, sizeof(*rig));
    fake_host_start();
    rig->buffers = vmem_host_dma_alloc(BUFFERS_BYTES, PAGE_BYTES, &rig->buffers_address);
    assert_non_null(rig->buffers);
    fake_transport_init(&rig->transport, VIRTIO_ID_MEM, 0, 64);
    rig->transport.device.name = "dev0";
    rig->transport.on_request = echo;
}

void fake_rig_attach(struct fake_rig *rig, u16 size_wanted)
{
    struct vmem_virtio *device = &rig->transport.device;

    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    assert_int_equal(device->ops->irq_enable(device, VMEM_IRQ_AUTO), OK);
    assert_int_equal(vmem_queue_create(device, 0, size_wanted, &rig->queue), OK);
    vmem_virtio_driver_ok(device);
}

void fake_rig_start(struct fake_rig *rig, u64 features, u16 queue_size)
{
    fake_rig_boot(rig);
    rig->transport.offered |= features;
    rig->transport.queue_size_max = queue_size;
    fake_rig_attach(rig, queue_size);
    assert_int_equal(vmem_queue_size(rig->queue), queue_size);
}

void fake_rig_stop(struct fake_rig *rig)
{
    if (rig->queue) {
        rig->transport.faults = (struct fake_faults){0};
        assert_int_equal(vmem_virtio_reset(&rig->transport.device), OK);
    }
    vmem_queue_destroy(rig->queue);
    vmem_host_dma_free(rig->buffers, BUFFERS_BYTES, rig->buffers_address);
    assert_int_equal(fake_host_allocated(), 0);
    fake_host_stop();
}

u8 *fake_rig_buffer(struct fake_rig *rig, unsigned index)
{
    assert_true(index < FAKE_RIG_BUFFERS);
    return rig->buffers + index * FAKE_RIG_BUFFER_BYTES;
}

u64 fake_rig_address(const struct fake_rig *rig, unsigned index)
{
    assert_true(index < FAKE_RIG_BUFFERS);
    return rig->buffers_address + index * FAKE_RIG_BUFFER_BYTES;
}

int fake_rig_add(struct fake_rig *rig, unsigned index, u8 fill, u32 bytes)
{
    u8 *request = fake_rig_buffer(rig, index);
    u8 *reply = request + FAKE_RIG_BUFFER_BYTES / 2;
    u64 address = fake_rig_address(rig, index);
    struct virtqueue_piece pieces[] = {{address, bytes},
                                       {address + FAKE_RIG_BUFFER_BYTES / 2, bytes}};

    assert_true(bytes <= FAKE_RIG_BUFFER_BYTES / 2);
    memset(request, fill, bytes);
    memset(reply, 0xdd, FAKE_RIG_BUFFER_BYTES / 2);
    return vmem_queue_add(rig->queue, pieces, 1, 1, request);
}

void fake_rig_expect(struct fake_rig *rig, unsigned index, u32 used_bytes)
{
    struct virtqueue_used used;

    assert_int_equal(vmem_queue_take_used(rig->queue, &used), OK);
    assert_ptr_equal(used.token, fake_rig_buffer(rig, index));
    assert_int_equal(used.bytes, used_bytes);
}
