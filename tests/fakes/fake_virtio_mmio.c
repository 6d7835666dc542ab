/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_virtio_mmio.h. Offsets are written down here anew, not shared with the driver. */
#include "tests/fakes/fake_virtio_mmio.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

static struct fake_virtio_mmio mmio;

void fake_virtio_mmio_interrupt(u32 isr)
{
    mmio.isr |= isr;
    if (isr != 0)
        fake_raise_line(FAKE_VIRTIO_MMIO_LINE);
}

void fake_virtio_mmio_answer(void)
{
    struct fake_buffer buffer;
    u8 bytes[256];

    while (fake_ring_pop(&mmio.ring, &buffer)) {
        u32 nr = fake_ring_gather(&buffer, bytes, sizeof(bytes));
        fake_ring_push(&mmio.ring, &buffer, fake_ring_scatter(&buffer, bytes, nr));
    }
    fake_ring_want_notify(&mmio.ring, true);
    if (fake_ring_wants_interrupt(&mmio.ring))
        fake_virtio_mmio_interrupt(VIRTIO_EVENT_QUEUE);
}

static void notified(u32 value)
{
    mmio.last_notify = value;
    assert_int_not_equal(mmio.status & VIRTIO_STATUS_DRIVER_OK, 0); /* I3 */
    assert_int_equal(value & 0xffff, 0);
    if (mmio.is_late)
        return;
    fake_virtio_mmio_answer();
    bool is_packed = (mmio.accepted & BIT(RING_PACKED)) != 0;
    u32 next = mmio.ring.next_avail | (u32)(is_packed && mmio.ring.avail_wrap) << 15;
    assert_int_equal(value >> 16, (mmio.accepted & BIT(NOTIFICATION_DATA)) != 0 ? next : 0);
}

static u32 read_device(void *context, u64 offset, unsigned bytes)
{
    u32 value = 0;

    (void)context;
    if (offset >= 0x100) {
        assert_int_equal(offset % bytes, 0);
        memcpy(&value, mmio.config + offset - 0x100, bytes);
        return value;
    }
    assert_int_equal(bytes, 4);
    switch (offset) {
    case 0x00:
        return mmio.magic;
    case 0x04:
        return mmio.version;
    case 0x08:
        return mmio.id;
    case 0x10:
        return (u32)(mmio.offered >> (32 * mmio.selected[0]));
    case 0x34:
        return mmio.queue == 0 ? mmio.size_max : 0;
    case 0x44:
        return mmio.ready;
    case 0x60:
        return mmio.isr;
    case 0x70:
        return mmio.status;
    case 0xfc:
        return mmio.generation;
    default:
        fail_msg("register 0x%x was read", (unsigned)offset);
        return 0;
    }
}

static void set_ready(u32 value)
{
    struct virtqueue_layout layout = {.size = (u16)mmio.size,
                                      .descriptors = mmio.areas[0],
                                      .driver_area = mmio.areas[1],
                                      .device_area = mmio.areas[2]};

    assert_int_equal(value, 1);
    assert_int_equal(mmio.ready, 0);
    mmio.ready = 1;
    fake_ring_init(&mmio.ring, &layout, mmio.accepted);
}

static void set_status(u32 value)
{
    mmio.status = value;
    if (value == 0) {
        mmio.ready = 0;
        mmio.isr = 0;
    }
}

static void write_area(u64 offset, u32 value)
{
    assert_in_range(offset, 0x80, 0xa4);
    assert_int_equal(mmio.ready, 0);
    u64 *area = &mmio.areas[(offset - 0x80) / 16];
    unsigned shift = offset % 16 != 0 ? 32 : 0;
    *area = (*area & ~((u64)0xffffffff << shift)) | (u64)value << shift;
}

static void write_device(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    assert_int_equal(bytes, 4);
    if (offset >= 0x100) {
        memcpy(mmio.config + offset - 0x100, &value, bytes);
        return;
    }
    switch (offset) {
    case 0x14:
    case 0x24:
        assert_in_range(value, 0, 1);
        mmio.selected[offset == 0x24] = value;
        return;
    case 0x20:
        mmio.accepted &= ~((u64)0xffffffff << (32 * mmio.selected[1]));
        mmio.accepted |= (u64)value << (32 * mmio.selected[1]);
        return;
    case 0x30:
        mmio.queue = value;
        return;
    case 0x38:
        assert_in_range(value, 1, mmio.size_max);
        mmio.size = value;
        return;
    case 0x44:
        set_ready(value);
        return;
    case 0x50:
        notified(value);
        return;
    case 0x64:
        assert_int_equal(value & ~mmio.isr, 0); /* only what was there */
        if (!mmio.isr_stuck)
            mmio.isr &= ~value;
        return;
    case 0x70:
        set_status(value);
        return;
    default:
        write_area(offset, value);
    }
}

struct fake_virtio_mmio *fake_virtio_mmio_start(void)
{
    static const struct fake_registers registers = {read_device, write_device};

    memset(&mmio, 0, sizeof(mmio));
    mmio.magic = 0x74726976;
    mmio.version = 2;
    mmio.id = VIRTIO_ID_MEM;
    mmio.offered = BIT(VERSION_1);
    mmio.size_max = 64;
    fake_mmio_claim(FAKE_VIRTIO_MMIO_BASE, FAKE_VIRTIO_MMIO_BYTES, &registers, NULL);
    return &mmio;
}
