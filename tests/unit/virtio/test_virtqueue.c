/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both ring formats with every combination of their features, against a device
 * that keeps the rules and checks that the driver does: fake_ring.c names the
 * clauses (Q1 to Q14, D1 to D5, K1 to K8) that it asserts.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_rig.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

static struct fake_rig rig;

static struct fake_ring *ring(void)
{
    return &rig.transport.queues[0].ring;
}

/* ---- all combinations ---- */

static const u64 ring_features[] = {BIT(RING_PACKED), BIT(EVENT_IDX), BIT(NOTIFICATION_DATA)};
static const u16 sizes[] = {2, 4, 8, 128, 256};

static u64 combination(unsigned number)
{
    u64 features = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(ring_features); i++) {
        if ((number >> i & 1) != 0)
            features |= ring_features[i];
    }
    return features;
}

static void for_each_ring(void (*test)(u16 size))
{
    for (unsigned i = 0; i < 1u << ARRAY_SIZE(ring_features); i++) {
        for (unsigned j = 0; j < ARRAY_SIZE(sizes); j++) {
            fake_rig_start(&rig, combination(i), sizes[j]);
            test(sizes[j]);
            fake_rig_stop(&rig);
        }
    }
}

/* The device interrupts once where it was waited for (hold), and where it answered at once not at
 * all. */
static void publish_and_wait(void)
{
    struct virtqueue_used used;

    vmem_queue_publish(rig.queue);
    if (rig.transport.hold) {
        assert_int_equal(vmem_queue_take_used(rig.queue, &used), E_AGAIN);
        assert_int_equal(fake_transport_process(&rig.transport, 0), 1);
    }
    assert_int_equal(vmem_virtio_take_events(&rig.transport.device),
                     rig.transport.hold ? VIRTIO_EVENT_QUEUE : 0);
}

static void round_trips(u16 size)
{
    struct virtqueue_used used;

    for (unsigned i = 0; i < 3u * size + 1; i++) {
        u32 bytes = i % 100 + 1;
        assert_int_equal(vmem_queue_take_used(rig.queue, &used), E_AGAIN);
        assert_int_equal(fake_rig_add(&rig, i % 4, (u8)i, bytes), OK);
        assert_int_equal(vmem_queue_outstanding(rig.queue), 1);
        rig.transport.hold = i % 3 != 0;
        publish_and_wait();
        fake_rig_expect(&rig, i % 4, bytes);
        assert_int_equal(vmem_queue_outstanding(rig.queue), 0);
        const u8 *request = fake_rig_buffer(&rig, i % 4);
        assert_memory_equal(request, request + FAKE_RIG_BUFFER_BYTES / 2, bytes);
    }
    assert_int_equal(rig.transport.nr_requests, 3u * size + 1);
}

TEST(test_round_trips)
{
    for_each_ring(round_trips);
}

/* Several requests on one notification; E_NOMEM at the brim, and room again afterwards. */
static void fills(u16 size)
{
    unsigned room = size / 2u;
    struct virtqueue_used used;

    for (unsigned round = 0; round < 3; round++) {
        u64 notified = rig.transport.nr_notifies;
        for (unsigned i = 0; i < room; i++)
            assert_int_equal(fake_rig_add(&rig, i, (u8)(i + round), 10), OK);
        assert_int_equal(fake_rig_add(&rig, room, 0, 10), E_NOMEM);
        assert_int_equal(vmem_queue_outstanding(rig.queue), room);
        vmem_queue_publish(rig.queue);
        assert_int_equal(rig.transport.nr_notifies, notified + 1);
        vmem_queue_publish(rig.queue);
        assert_int_equal(rig.transport.nr_notifies, notified + 1);
        for (unsigned i = 0; i < room; i++)
            fake_rig_expect(&rig, i, 10);
        assert_int_equal(vmem_queue_take_used(rig.queue, &used), E_AGAIN);
    }
}

TEST(test_fill_to_the_brim)
{
    for_each_ring(fills);
}

/* K6, and the split ring's index: the device sees nothing until it is all there. */
static void publishes_at_once(u16 size)
{
    struct fake_buffer buffer;
    unsigned room = size / 2u;

    rig.transport.hold = true;
    for (unsigned i = 0; i < room; i++) {
        assert_int_equal(fake_rig_add(&rig, i, 0, 8), OK);
        assert_false(fake_ring_pop(ring(), &buffer));
    }
    vmem_queue_publish(rig.queue);
    for (unsigned i = 0; i < room; i++)
        assert_true(fake_ring_pop(ring(), &buffer));
    assert_false(fake_ring_pop(ring(), &buffer));
}

TEST(test_nothing_before_publish)
{
    for_each_ring(publishes_at_once);
}

static void never_answer(void *context, struct fake_request *request)
{
    (void)context;
    request->no_answer = true;
}

/* Used in another order than made available. */
static void out_of_order(u16 size)
{
    unsigned room = size / 2u;
    unsigned seed = 1;

    rig.transport.on_request = never_answer;
    for (unsigned round = 0; round < 4; round++) {
        unsigned waiting[FAKE_UNANSWERED];
        for (unsigned i = 0; i < room; i++) {
            assert_int_equal(fake_rig_add(&rig, i, (u8)i, 8), OK);
            waiting[i] = i;
        }
        vmem_queue_publish(rig.queue);
        for (unsigned left = room; left > 0; left--) {
            seed = seed * 1103515245 + 12345;
            unsigned pick = seed / 65536 % left;
            u8 reply[8];
            memset(reply, (int)waiting[pick], sizeof(reply));
            fake_transport_answer_late(&rig.transport, 0, pick, reply, sizeof(reply));
            fake_rig_expect(&rig, waiting[pick], 8);
            assert_memory_equal(fake_rig_buffer(&rig, waiting[pick]) + FAKE_RIG_BUFFER_BYTES / 2,
                                reply, 8);
            memmove(&waiting[pick], &waiting[pick + 1], (left - pick - 1) * sizeof(waiting[0]));
        }
    }
}

TEST(test_used_out_of_order)
{
    for_each_ring(out_of_order);
}

/* Many pieces: Q2, K4. */
static void many_pieces(u16 size)
{
    for (unsigned nr = 1; nr <= 8; nr++) {
        for (unsigned nr_readable = 0; nr_readable <= nr; nr_readable++) {
            struct virtqueue_piece pieces[8];
            u8 *token = fake_rig_buffer(&rig, nr);
            for (unsigned i = 0; i < nr; i++)
                pieces[i] = (struct virtqueue_piece){fake_rig_address(&rig, i), i + 1};
            rig.transport.hold = true;
            int status = vmem_queue_add(rig.queue, pieces, nr_readable, nr - nr_readable, token);
            if (nr > size) {
                assert_int_equal(status, E_INVAL);
                continue;
            }
            assert_int_equal(status, OK);
            vmem_queue_publish(rig.queue);
            struct fake_buffer buffer;
            assert_true(fake_ring_pop(ring(), &buffer));
            assert_int_equal(buffer.nr_pieces, nr);
            for (unsigned i = 0; i < nr; i++) {
                assert_int_equal(buffer.pieces[i].address, pieces[i].address);
                assert_int_equal(buffer.pieces[i].bytes, pieces[i].bytes);
                assert_int_equal(buffer.pieces[i].writable, i >= nr_readable);
            }
            fake_ring_push(ring(), &buffer, 0);
            struct virtqueue_used used;
            assert_int_equal(vmem_queue_take_used(rig.queue, &used), OK);
            assert_ptr_equal(used.token, token);
        }
    }
}

TEST(test_many_pieces)
{
    for_each_ring(many_pieces);
}

/* The split ring's indices run over 65535, the packed one's wrap counters flip thousands of times.
 */
TEST(test_index_wraps)
{
    static const u64 formats[] = {0, BIT(EVENT_IDX), BIT(RING_PACKED),
                                  BIT(RING_PACKED) | BIT(EVENT_IDX)};

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        fake_rig_start(&rig, formats[i], 16);
        for (unsigned j = 0; j < 66000; j++) {
            assert_int_equal(fake_rig_add(&rig, 0, (u8)j, 4), OK);
            rig.transport.hold = j % 3 != 0;
            publish_and_wait();
            fake_rig_expect(&rig, 0, 4);
        }
        fake_rig_stop(&rig);
    }
}

/* ---- notifications ---- */

static bool notified_by_one_more(void)
{
    u64 before = rig.transport.nr_notifies;
    assert_int_equal(fake_rig_add(&rig, 0, 0, 4), OK);
    vmem_queue_publish(rig.queue);
    return rig.transport.nr_notifies != before;
}

/* Q11, Q12 and their packed counterparts: both ways. */
TEST(test_notification_suppression)
{
    static const u64 formats[] = {0, BIT(EVENT_IDX), BIT(RING_PACKED),
                                  BIT(RING_PACKED) | BIT(EVENT_IDX)};

    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        fake_rig_start(&rig, formats[i], 64);
        rig.transport.hold = true;
        assert_true(notified_by_one_more());
        assert_int_equal(fake_transport_process(&rig.transport, 0), 1);
        fake_ring_want_notify(ring(), false);
        assert_false(notified_by_one_more());
        assert_false(notified_by_one_more());
        assert_int_equal(fake_transport_process(&rig.transport, 0), 2);
        fake_ring_want_notify(ring(), true);
        assert_true(notified_by_one_more());
        fake_rig_stop(&rig);
    }
}

/* Q12: exactly where the index passes avail_event, over the wrap of a packed ring too. */
TEST(test_event_positions)
{
    for (unsigned packed = 0; packed < 2; packed++) {
        fake_rig_start(&rig, BIT(EVENT_IDX) | (packed ? BIT(RING_PACKED) : 0), 16);
        rig.transport.hold = true;
        for (unsigned round = 0; round < 40; round++) {
            u16 event = ring()->next_avail;
            bool wrap = ring()->avail_wrap;
            for (unsigned skip = round % 7; skip > 0; skip--) {
                event = (u16)(event + (packed ? 2 : 1)); /* descriptors, or buffers */
                if (packed && event == 16) {
                    event = 0;
                    wrap = !wrap;
                }
            }
            fake_ring_set_avail_event(ring(), (u16)(packed ? event | wrap << 15 : event));
            for (unsigned i = 0; i < round % 7; i++)
                assert_false(notified_by_one_more());
            assert_true(notified_by_one_more());
            assert_int_equal(fake_transport_process(&rig.transport, 0), round % 7 + 1);
            struct virtqueue_used used;
            while (vmem_queue_take_used(rig.queue, &used) == OK)
                ;
            assert_false(rig.transport.device.broken);
        }
        fake_rig_stop(&rig);
    }
}

/* Reserved values, and a value that was not negotiated, err on the side of notifying. */
TEST(test_odd_packed_event_flags)
{
    fake_rig_start(&rig, BIT(RING_PACKED), 64);
    rig.transport.hold = true;
    volatile u16 *event = fake_device_memory(ring()->layout.device_area);
    event[0] = 40;
    for (u16 flags = 0; flags < 8; flags++) {
        event[1] = flags;
        assert_int_equal(notified_by_one_more(), (flags & 3) != 1);
    }
    fake_rig_stop(&rig);
}

/* I3: a publish before DRIVER_OK is a fault of the driver's own. */
TEST(test_no_publish_before_driver_ok)
{
    fake_rig_start(&rig, 0, 8);
    assert_int_equal(fake_rig_add(&rig, 0, 0, 4), OK);
    rig.transport.device.status &= (u8)~VIRTIO_STATUS_DRIVER_OK;
    expect_assert_failure(vmem_queue_publish(rig.queue));
    assert_has(global_last_failed_assert, "VIRTIO_STATUS_DRIVER_OK");
    fake_host_stop();
}
