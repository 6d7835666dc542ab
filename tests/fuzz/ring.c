/* SPDX-License-Identifier: BSD-2-Clause */
/* See fuzz_ring.h. */
#include "tests/fuzz/fuzz_ring.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"
#include "mm/page.h"
#include "tests/fakes/fake_mm.h"
#include "tests/fakes/fake_transport.h"
#include "tests/fuzz/fuzz.h"

#define QUEUE_SIZE     8
#define BUFFERS        16
#define BUFFER_BYTES   64
#define RING_BYTES_MAX 1024

static const char *const no_names[24];

struct run {
    struct fuzz_input input;
    struct fake_transport transport;
    struct virtqueue *queue;
    u8 *buffers;
    u64 buffers_address;
    u32 room[BUFFERS]; /* writable bytes of an outstanding buffer */
    bool outstanding[BUFFERS];
    unsigned nr_outstanding;
};

static void start_machine(void)
{
    static struct boot_info boot;
    static bool started;

    if (started)
        return;
    started = true;
    for (unsigned i = 0; i < LOG_NR_MODULES; i++)
        log_levels[i] = LOG_LEVEL_ERROR;
    fake_mm_start(&boot, 4 * MIB);
}

static void attach(struct run *run, u64 features)
{
    u8 picked = (u8)fuzz_take(&run->input, 1);

    fake_transport_init(&run->transport, VIRTIO_ID_MEM, features, 0);
    run->transport.hold = true;
    run->transport.queue_size_max = QUEUE_SIZE;
    if ((picked & 1) != 0)
        run->transport.offered |= VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX);
    FUZZ_CHECK(vmem_virtio_negotiate(&run->transport.device, 0, 0, no_names) == OK);
    FUZZ_CHECK(vmem_queue_create(&run->transport.device, 0, QUEUE_SIZE, &run->queue) == OK);
    vmem_virtio_driver_ok(&run->transport.device);
}

static void add(struct run *run, u8 choice)
{
    unsigned index = 0;
    struct virtqueue_piece pieces[6];
    unsigned nr_readable = choice % 4;
    unsigned nr_pieces = nr_readable + choice / 4 % 3;

    while (index < BUFFERS && run->outstanding[index])
        index++;
    if (index == BUFFERS || nr_pieces == 0)
        return;
    run->room[index] = 0;
    for (unsigned i = 0; i < nr_pieces; i++) {
        pieces[i] = (struct virtqueue_piece){run->buffers_address + index * BUFFER_BYTES,
                                             choice / 12u + 1u};
        run->room[index] += i < nr_readable ? 0 : pieces[i].bytes;
    }
    int status = vmem_queue_add(run->queue, pieces, nr_readable, nr_pieces - nr_readable,
                                run->buffers + index * BUFFER_BYTES);
    if (status != OK) {
        FUZZ_CHECK(status == E_NOMEM || run->transport.device.broken);
        return;
    }
    run->outstanding[index] = true;
    run->nr_outstanding++;
}

static void take(struct run *run)
{
    struct virtqueue_used used;
    int status;

    while ((status = vmem_queue_take_used(run->queue, &used)) == OK) {
        size_t index = (size_t)((u8 *)used.token - run->buffers) / BUFFER_BYTES;
        FUZZ_CHECK(index < BUFFERS && run->outstanding[index]);
        FUZZ_CHECK(used.bytes <= run->room[index]);
        run->outstanding[index] = false;
        run->nr_outstanding--;
    }
    FUZZ_CHECK(status == E_AGAIN || (status == E_BROKEN && run->transport.device.broken));
    FUZZ_CHECK(run->transport.device.broken ||
               vmem_queue_outstanding(run->queue) == run->nr_outstanding);
}

/* The device's part: write anywhere in the ring's memory, or a used entry that may be right. */
static void scribble(struct run *run)
{
    const struct virtqueue_layout *layout = &run->transport.queues[0].ring.layout;
    u32 offset = (u32)fuzz_take(&run->input, 2) % RING_BYTES_MAX;
    unsigned nr_bytes = offset % 4 + 1;
    u64 value = fuzz_take(&run->input, nr_bytes);

    memcpy((u8 *)fake_device_memory(layout->descriptors) + offset, &value, nr_bytes);
}

static void step(struct run *run)
{
    u8 choice = (u8)fuzz_take(&run->input, 1);
    struct fake_ring *ring = &run->transport.queues[0].ring;

    switch (choice % 8) {
    case 0:
    case 1:
        add(run, choice / 8);
        break;
    case 2:
        vmem_queue_publish(run->queue);
        break;
    case 3:
        take(run);
        break;
    case 4:
    case 5:
        scribble(run);
        break;
    case 6:
        fake_ring_push_raw(ring, choice / 8 % 12u, (u32)fuzz_take(&run->input, 1),
                           (u16)(choice / 64 + 1));
        break;
    default:
        break;
    }
}

void fuzz_ring(const u8 *data, size_t bytes, u64 features)
{
    static struct run run;

    start_machine();
    fake_console_clear();
    memset(&run, 0, sizeof(run));
    run.input = (struct fuzz_input){data, bytes, 0};
    attach(&run, features);
    run.buffers = vmem_host_dma_alloc(BUFFERS * BUFFER_BYTES, 64, &run.buffers_address);
    FUZZ_CHECK(run.buffers);
    while (!fuzz_ended(&run.input))
        step(&run);
    take(&run);
    FUZZ_CHECK(vmem_virtio_reset(&run.transport.device) == OK);
    vmem_queue_destroy(run.queue);
    vmem_host_dma_free(run.buffers, BUFFERS * BUFFER_BYTES, run.buffers_address);
}
