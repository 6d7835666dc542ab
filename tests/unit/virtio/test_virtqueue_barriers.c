/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order on both sides of each barrier: the device runs inside the barriers,
 * as one on another processor could. Q13, Q14, K8.
 */
#include "tests/fakes/fake_library_arch.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "tests/fakes/fake_rig.h"
#include "tests/unit/unit.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

static const u64 formats[] = {0, BIT(EVENT_IDX), BIT(RING_PACKED),
                              BIT(RING_PACKED) | BIT(EVENT_IDX)};

static struct fake_rig rig;
static char barriers[16]; /* their kinds, in order */
static struct fake_buffer seen;
static bool seen_early;
static bool seen_at_full;

static struct fake_ring *ring(void)
{
    return &rig.transport.queues[0].ring;
}

static void note(char kind)
{
    size_t length = strlen(barriers);
    assert_true(length + 1 < sizeof(barriers));
    barriers[length] = kind;
    barriers[length + 1] = '\0';
}

static void start(u64 features, void (*on_barrier)(char kind))
{
    fake_rig_start(&rig, features, 16);
    rig.transport.hold = true;
    barriers[0] = '\0';
    seen_early = seen_at_full = false;
    fake_on_barrier = on_barrier;
}

/* ---- publishing ---- */

static void look_for_buffer(char kind)
{
    struct fake_buffer buffer;

    note(kind);
    if (!fake_ring_pop(ring(), &buffer))
        return;
    seen = buffer;
    if (kind == 'w')
        seen_early = true;
    else
        seen_at_full = true;
}

/* Q13: before the write barrier nothing is available; after it, at the full one, all of it is. */
TEST(test_index_comes_last)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        start(formats[i], look_for_buffer);
        assert_int_equal(fake_rig_add(&rig, 3, 0x5a, 24), OK);
        vmem_queue_publish(rig.queue);
        assert_string_equal(barriers, "wf");
        assert_false(seen_early);
        assert_true(seen_at_full);
        assert_int_equal(seen.nr_pieces, 2);
        assert_ptr_equal(fake_device_memory(seen.pieces[0].address), fake_rig_buffer(&rig, 3));
        assert_int_equal(seen.pieces[1].bytes, 24);
        fake_rig_stop(&rig);
    }
}

/* The device falls asleep while we publish: its event is read only after our index is visible. */
static void wish_for_notification(char kind)
{
    if (kind == 'f')
        fake_ring_want_notify(ring(), true);
}

/* Q14, K8 */
TEST(test_event_is_read_last)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        start(formats[i], NULL);
        fake_ring_want_notify(ring(), false);
        fake_on_barrier = wish_for_notification;
        assert_int_equal(fake_rig_add(&rig, 0, 0, 4), OK);
        vmem_queue_publish(rig.queue);
        assert_int_equal(rig.transport.nr_notifies, 1);
        fake_rig_stop(&rig);
    }
}

/* K6: of several lists in a packed ring each has a barrier before its first descriptor. */
TEST(test_each_packed_list_has_its_barrier)
{
    start(BIT(RING_PACKED), look_for_buffer);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_rig_add(&rig, i, 0, 4), OK);
    assert_string_equal(barriers, "ww");
    vmem_queue_publish(rig.queue);
    assert_string_equal(barriers, "wwwf");
    assert_false(seen_early);
    fake_rig_stop(&rig);
}

/* ---- taking ---- */

static bool use_at(char kind, char expected)
{
    struct fake_buffer buffer;

    note(kind);
    if (kind != expected || !fake_ring_pop(ring(), &buffer))
        return false;
    fake_ring_push(ring(), &buffer, 4);
    return true;
}

static void use_at_full(char kind)
{
    seen_at_full |= use_at(kind, 'f');
}

/* A buffer used between our last look and our asking for an interrupt is found by looking again. */
TEST(test_look_again_after_asking)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        struct virtqueue_used used;
        struct fake_buffer first;
        start(formats[i], NULL);
        assert_int_equal(fake_rig_add(&rig, 0, 0, 4), OK);
        assert_int_equal(fake_rig_add(&rig, 1, 0, 4), OK);
        vmem_queue_publish(rig.queue);
        assert_true(fake_ring_pop(ring(), &first));
        fake_ring_push(ring(), &first, 4);
        assert_false(fake_ring_wants_interrupt(ring()));
        fake_rig_expect(&rig, 0, 4);
        fake_on_barrier = use_at_full;
        fake_rig_expect(&rig, 1, 4);
        assert_true(seen_at_full);
        assert_string_equal(barriers, "fr");
        assert_true(fake_ring_wants_interrupt(ring()));
        fake_on_barrier = NULL;
        assert_int_equal(vmem_queue_take_used(rig.queue, &used), E_AGAIN);
        fake_rig_stop(&rig);
    }
}

/* The driver reads the entry after the index: the entry changes inside the barrier. */
static void rewrite_entry(char kind)
{
    note(kind);
    if (kind != 'r')
        return;
    bool is_packed = (rig.transport.accepted & BIT(RING_PACKED)) != 0;
    u8 *length = fake_device_memory(is_packed ? ring()->layout.descriptors + 8
                                              : ring()->layout.device_area + 8);
    *length = 3;
}

TEST(test_entry_is_read_last)
{
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        struct fake_buffer buffer;
        start(formats[i], NULL);
        assert_int_equal(fake_rig_add(&rig, 0, 0, 4), OK);
        vmem_queue_publish(rig.queue);
        assert_true(fake_ring_pop(ring(), &buffer));
        fake_ring_push(ring(), &buffer, 4);
        fake_on_barrier = rewrite_entry;
        fake_rig_expect(&rig, 0, 3);
        assert_string_equal(barriers, "r");
        fake_rig_stop(&rig);
    }
}
