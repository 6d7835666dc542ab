/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device that writes false values to the ring. The driver takes exactly the outstanding
 * buffers, or marks the device broken with a reason; no buffer comes back twice.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_rig.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)
#define PACKED    BIT(RING_PACKED)

static struct fake_rig rig;

static struct fake_ring *ring(void)
{
    return &rig.transport.queues[0].ring;
}

static void start(u64 features, unsigned nr_buffers)
{
    fake_rig_start(&rig, features, 16);
    rig.transport.hold = true;
    for (unsigned i = 0; i < nr_buffers; i++)
        assert_int_equal(fake_rig_add(&rig, i, (u8)i, 16), OK);
    vmem_queue_publish(rig.queue);
}

static int take(struct virtqueue_used *used)
{
    return vmem_queue_take_used(rig.queue, used);
}

/* The device is broken for this reason, and the queue is of no use until a reset. */
static void expect_broken(const char *reason)
{
    struct vmem_virtio *device = &rig.transport.device;
    struct virtqueue_used used;
    u64 notified = rig.transport.nr_notifies;

    assert_int_equal(take(&used), E_BROKEN);
    assert_true(device->broken);
    assert_has(device->broken_reason, reason);
    assert_has(fake_host_lines(), device->broken_reason);
    assert_int_not_equal(rig.transport.status & VIRTIO_STATUS_FAILED, 0);
    assert_int_equal(take(&used), E_BROKEN);
    assert_int_equal(fake_rig_add(&rig, 0, 0, 4), E_BROKEN);
    vmem_queue_publish(rig.queue);
    assert_int_equal(rig.transport.nr_notifies, notified);
    fake_rig_stop(&rig);
}

/* ---- threat 12: the used index ---- */

TEST(test_index_jumps)
{
    static const u16 jumps[] = {4, 5, 16, 17, 1000, 0x7fff, 0x8000, 0xfffe, 0xffff};

    for (unsigned i = 0; i < ARRAY_SIZE(jumps); i++) {
        start(0, 3);
        fake_ring_set_used_index(ring(), jumps[i]);
        expect_broken("used index");
    }
}

TEST(test_index_goes_back)
{
    struct fake_buffer buffer;

    start(0, 3);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(fake_ring_pop(ring(), &buffer));
        fake_ring_push(ring(), &buffer, 16);
        fake_rig_expect(&rig, i, 16);
    }
    fake_ring_set_used_index(ring(), 1);
    expect_broken("used index 1, expected 2 and at most the 1 outstanding more");
}

TEST(test_index_moves_with_nothing_outstanding)
{
    start(0, 0);
    fake_ring_set_used_index(ring(), 1);
    expect_broken("used index 1");
}

/* Never advances: there is just nothing to take, however often one asks. */
TEST(test_nothing_is_ever_used)
{
    static const u64 formats[] = {0, BIT(EVENT_IDX), PACKED};
    struct virtqueue_used used;

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        start(formats[i], 3);
        for (unsigned j = 0; j < 1000; j++)
            assert_int_equal(take(&used), E_AGAIN);
        assert_false(rig.transport.device.broken);
        assert_int_equal(vmem_queue_outstanding(rig.queue), 3);
        fake_rig_stop(&rig);
    }
}

/* ---- threat 13: ids ---- */

struct id_case {
    const char *name;
    u64 features;
    u32 id;
};

/* Three buffers of two descriptors are outstanding: heads 0, 2 and 4 (split), ids 0 to 2 (packed).
 */
static const struct id_case id_cases[] = {
    {"beyond the queue", 0, 16},
    {"far beyond", 0, 0xffffffff},
    {"only in its low half valid", 0, 0x10000},
    {"never given", 0, 6},
    {"middle of a chain", 0, 1},
    {"middle of another", 0, 5},
    {"packed: beyond the queue", PACKED, 16},
    {"packed: far beyond", PACKED, 0xffff},
    {"packed: never given", PACKED, 3},
};

TEST(test_wrong_ids)
{
    for (unsigned i = 0; i < ARRAY_SIZE(id_cases); i++) {
        print_message("  %s\n", id_cases[i].name);
        start(id_cases[i].features, 3);
        fake_ring_push_raw(ring(), id_cases[i].id, 16, 2);
        expect_broken("used id");
    }
}

TEST(test_same_id_twice)
{
    static const u64 formats[] = {0, PACKED};
    struct fake_buffer buffer;

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        start(formats[i], 3);
        assert_true(fake_ring_pop(ring(), &buffer));
        fake_ring_push(ring(), &buffer, 16);
        fake_ring_push_raw(ring(), buffer.id, 16, buffer.nr_slots);
        fake_rig_expect(&rig, 0, 16);
        expect_broken("used id");
    }
}

/* An id that was taken back and then given out for another buffer names the new one, once. */
TEST(test_id_of_a_freed_slot)
{
    struct fake_buffer buffer;

    start(PACKED, 16 / 2);
    assert_true(fake_ring_pop(ring(), &buffer));
    fake_ring_push(ring(), &buffer, 16);
    fake_rig_expect(&rig, 0, 16);
    u16 freed = buffer.id;
    fake_ring_push_raw(ring(), freed, 16, 2);
    expect_broken("used id");
}

/* ---- threat 14: lengths ---- */

/* Up to what there is room for, a length is taken as it is (Q9); a longer one is false. */
TEST(test_lengths)
{
    static const u64 formats[] = {0, PACKED};
    static const u32 lengths[] = {0, 1, 2, 9, 15, 16};

    for (unsigned i = 0; i < ARRAY_SIZE(formats) * ARRAY_SIZE(lengths); i++) {
        struct fake_buffer buffer;
        start(formats[i / ARRAY_SIZE(lengths)], 1);
        assert_true(fake_ring_pop(ring(), &buffer));
        fake_ring_push(ring(), &buffer, lengths[i % ARRAY_SIZE(lengths)]);
        fake_rig_expect(&rig, 0, lengths[i % ARRAY_SIZE(lengths)]);
        assert_false(rig.transport.device.broken);
        fake_rig_stop(&rig);
    }
}

TEST(test_false_lengths)
{
    static const u64 formats[] = {0, PACKED};
    static const u32 lengths[] = {17, 128, 4096, 0x7fffffff, 0xffffffff};

    for (unsigned i = 0; i < ARRAY_SIZE(formats) * ARRAY_SIZE(lengths); i++) {
        struct fake_buffer buffer;
        char reason[64];
        u32 length = lengths[i % ARRAY_SIZE(lengths)];
        start(formats[i / ARRAY_SIZE(lengths)], 2);
        assert_true(fake_ring_pop(ring(), &buffer));
        fake_ring_push(ring(), &buffer, length);
        snprintf(reason, sizeof(reason), "used length %u, expected at most 16", length);
        expect_broken(reason);
    }
}

/* ---- threat 15: the device rewrites what the driver wrote ---- */

TEST(test_scribbled_ring)
{
    static const u64 formats[] = {0, BIT(EVENT_IDX)};
    static const u8 junk[] = {0x00, 0xff, 0x5a};

    for (unsigned i = 0; i < ARRAY_SIZE(formats) * ARRAY_SIZE(junk); i++) {
        struct fake_buffer buffers[3];
        start(formats[i / ARRAY_SIZE(junk)], 3);
        for (unsigned j = 0; j < 3; j++)
            assert_true(fake_ring_pop(ring(), &buffers[j]));
        fake_ring_scribble(ring(), junk[i % ARRAY_SIZE(junk)]);
        for (unsigned j = 0; j < 3; j++) {
            fake_ring_push(ring(), &buffers[2 - j], 16);
            fake_rig_expect(&rig, 2 - j, 16);
        }
        assert_int_equal(vmem_queue_outstanding(rig.queue), 0);
        /* The free list is the driver's own: the ring can be filled again without a fault. */
        for (unsigned j = 0; j < 8; j++)
            assert_int_equal(fake_rig_add(&rig, j, 0, 4), OK);
        vmem_queue_publish(rig.queue);
        assert_false(rig.transport.device.broken);
        fake_rig_stop(&rig);
    }
}

TEST(test_scribbled_packed_ring)
{
    for (unsigned i = 0; i < 2; i++) {
        struct fake_buffer buffers[3];
        start(PACKED | (i ? BIT(EVENT_IDX) : 0), 3);
        for (unsigned j = 0; j < 3; j++)
            assert_true(fake_ring_pop(ring(), &buffers[j]));
        fake_ring_scribble(ring(), 0xff);
        for (unsigned j = 0; j < 3; j++) {
            fake_ring_push(ring(), &buffers[2 - j], 16);
            fake_rig_expect(&rig, 2 - j, 16);
        }
        for (unsigned j = 0; j < 8; j++)
            assert_int_equal(fake_rig_add(&rig, j, 0, 4), OK);
        fake_rig_stop(&rig);
    }
}

/* All of the ring's memory at random, many times: broken or not, never a crash or a wrong token. */
static void random_ring(u64 features, u32 seed)
{
    struct virtqueue_used used;
    bool taken[8] = {false};

    start(features, 8);
    u8 *memory = fake_device_memory(ring()->layout.descriptors);
    size_t bytes = (size_t)(ring()->layout.device_area - ring()->layout.descriptors) +
                   ((features & PACKED) != 0 ? 4 : 6 + 8 * 8);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 40; i++) {
            seed = seed * 1664525 + 1013904223;
            memory[(seed >> 8) % bytes] = (u8)(seed >> 24) & (i % 2 != 0 ? 0x0f : 0xff);
        }
        while (take(&used) == OK) {
            unsigned index = (unsigned)((u8 *)used.token - rig.buffers) / FAKE_RIG_BUFFER_BYTES;
            assert_true(index < 8);
            assert_false(taken[index]);
            taken[index] = true;
            assert_in_range(used.bytes, 0, 16);
        }
    }
    fake_rig_stop(&rig);
}

TEST(test_random_rings)
{
    static const u64 formats[] = {0, BIT(EVENT_IDX), PACKED};

    for (u32 seed = 0; seed < 60; seed++) {
        for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
            random_ring(formats[i], seed);
    }
}

/* ---- threats 8 and 16 ---- */

/* After a reset nothing of the old ring counts, whatever the device still writes there. */
TEST(test_late_answer_after_reset)
{
    struct fake_buffer buffer;
    struct virtqueue_used used;

    start(0, 3);
    assert_true(fake_ring_pop(ring(), &buffer));
    struct fake_ring old = *ring();
    assert_int_equal(vmem_virtio_reset(&rig.transport.device), OK);
    vmem_queue_destroy(rig.queue);
    fake_rig_attach(&rig, 16);
    assert_int_equal(vmem_queue_outstanding(rig.queue), 0);
    old.layout = ring()->layout; /* a host may give the same memory again */
    fake_ring_push_raw(&old, buffer.id, 16, buffer.nr_slots); /* the ring is no longer its own */
    assert_int_equal(take(&used), E_BROKEN);
    assert_true(rig.transport.device.broken);
    fake_rig_stop(&rig);
}

/* Buffers added before the device broke are not published to it. */
TEST(test_no_publish_to_a_broken_device)
{
    start(0, 1);
    u64 notified = rig.transport.nr_notifies;
    assert_int_equal(fake_rig_add(&rig, 1, 0, 4), OK);
    vmem_virtio_break(&rig.transport.device, "by the test");
    vmem_queue_publish(rig.queue);
    assert_int_equal(rig.transport.nr_notifies, notified);
    fake_rig_stop(&rig);
}

/* A used entry where nothing is outstanding. */
TEST(test_packed_entry_for_nothing)
{
    start(PACKED, 0);
    fake_ring_push_raw(ring(), 0, 0, 1);
    expect_broken("used id 0, expected one of the 0 outstanding");
}

TEST(test_vanished_with_buffers_outstanding)
{
    struct virtqueue_used used;

    start(0, 3);
    rig.transport.faults.vanished = true;
    assert_true(vmem_virtio_needs_reset(&rig.transport.device));
    assert_int_equal(take(&used), E_AGAIN);
    vmem_queue_publish(rig.queue);
    assert_int_equal(vmem_virtio_reset(&rig.transport.device), E_NODEV);
    assert_int_equal(take(&used), E_BROKEN);
    assert_has(rig.transport.device.broken_reason, "vanished");
    fake_rig_stop(&rig);
}
