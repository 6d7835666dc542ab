/* SPDX-License-Identifier: BSD-2-Clause */
/* Free page hinting: rounds that the host begins and ends, with a device that behaves and one that
 * does not. fake_balloon.c checks the order of what it is told. */
#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_balloon.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"

#define OOM       VIRTIO_FEATURE(VIRTIO_BALLOON_F_DEFLATE_ON_OOM)
#define HINT      VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT)
#define REPORTING VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_REPORTING)
#define QUEUE     VIRTIO_BALLOON_QUEUE_HINT

static struct fake_balloon balloon;

static void stop(void)
{
    fake_balloon_stop(&balloon);
}

static void start_with(u64 features)
{
    fake_balloon_start(&balloon, features);
    fake_balloon_attach(&balloon);
}

static void start(void)
{
    start_with(HINT);
}

static struct vmem_balloon_status status_of(void)
{
    struct vmem_balloon_status status;
    vmem_balloon_get_status(balloon.driver, &status);
    return status;
}

/* The driver looks every 10 ms what has become of its hints. */
#define A_LOOK 10

static void hint(u32 id)
{
    fake_balloon_hint(&balloon, id);
    fake_balloon_run(&balloon, A_LOOK);
}

/* The device uses what it has been given, until it is given nothing more. */
static void process_all(void)
{
    while (fake_transport_process(&balloon.transport, QUEUE) != 0)
        fake_balloon_run(&balloon, A_LOOK);
}

static void expect(u64 nr_rounds, u64 nr_hinted)
{
    assert_int_equal(balloon.round_id, 0);
    assert_int_equal(balloon.nr_rounds, nr_rounds);
    assert_int_equal(balloon.nr_hinted, nr_hinted);
}

/* All that is idle, once for each command id, and nobody misses any of it afterwards. */
TEST(test_rounds)
{
    static const u64 rings[] = {0, VIRTIO_FEATURE(VIRTIO_F_RING_PACKED),
                                VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX)}; /* not accepted */
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(rings); i++) {
        fake_balloon_start(&balloon, HINT | REPORTING | rings[i / 2]);
        balloon.options.irq_mode = i % 2 ? VMEM_IRQ_POLL : VMEM_IRQ_AUTO;
        fake_balloon_attach(&balloon);
        fake_balloon_run(&balloon, 100);
        expect(0, 0);
        fake_balloon_follow(&balloon, 1000);
        u64 idle = FAKE_BALLOON_PAGES - 1000;
        fake_balloon_hint(&balloon, 0x80000001);
        fake_balloon_run(&balloon, 5000);
        expect(1, idle);
        assert_int_equal(balloon.nr_free, idle);
        assert_int_equal(status_of().hinted_pages, idle);
        fake_balloon_hint(&balloon, VIRTIO_BALLOON_CMD_ID_STOP);
        fake_balloon_run(&balloon, 100);
        fake_balloon_hint(&balloon, 0x80000002);
        fake_balloon_run(&balloon, 100);
        fake_balloon_hint(&balloon, VIRTIO_BALLOON_CMD_ID_DONE);
        fake_balloon_run(&balloon, 100);
        expect(2, 2 * idle);
        assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES); /* that is something else */
        stop();
    }
}

/* An id that comes again after the host ended its round is a new one; while it stays, it is not. */
TEST_WITH(test_same_id_again, start, stop)
{
    hint(2);
    hint(2);
    expect(1, FAKE_BALLOON_PAGES);
    hint(VIRTIO_BALLOON_CMD_ID_DONE);
    hint(2);
    expect(2, 2 * FAKE_BALLOON_PAGES);
}

/* Many ranges go 32 at a time, each as a buffer, and no more is out of use; the balloon works
 * meanwhile. */
TEST_WITH(test_many_ranges, NULL, stop)
{
    fake_balloon_start(&balloon, HINT);
    balloon.max_run = 64;
    fake_balloon_attach(&balloon);
    balloon.transport.hold = true;
    hint(9);
    assert_int_equal(fake_transport_process(&balloon.transport, QUEUE), 1); /* the id */
    fake_balloon_run(&balloon, A_LOOK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 32 * 64);
    u64 nr_interrupts = balloon.transport.nr_interrupts;
    assert_int_equal(fake_transport_process(&balloon.transport, QUEUE), 32);
    assert_int_equal(balloon.transport.nr_interrupts, nr_interrupts); /* the queue is polled */
    balloon.transport.hold = false;
    fake_balloon_follow(&balloon, 1000);
    fake_balloon_follow(&balloon, 0);
    assert_int_equal(balloon.nr_rounds, 1);
    assert_in_range(balloon.nr_hinted, FAKE_BALLOON_PAGES - 1000, FAKE_BALLOON_PAGES);
}

/* The host ends a round before its end, and begins another one at once. */
TEST_WITH(test_ended_by_the_host, NULL, stop)
{
    static const u32 ids[] = {VIRTIO_BALLOON_CMD_ID_STOP, VIRTIO_BALLOON_CMD_ID_DONE, 8};
    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        fake_balloon_start(&balloon, HINT);
        balloon.max_run = 64;
        fake_balloon_attach(&balloon);
        balloon.transport.hold = true;
        hint(7);
        assert_int_equal(fake_transport_process(&balloon.transport, QUEUE), 1);
        fake_balloon_run(&balloon, A_LOOK);
        hint(ids[i]); /* 32 ranges are on their way */
        process_all();
        bool is_new = ids[i] > VIRTIO_BALLOON_CMD_ID_DONE;
        assert_int_equal(balloon.nr_hints, 32 + (is_new ? FAKE_BALLOON_PAGES / 64 : 0));
        expect(is_new ? 2 : 1, is_new ? FAKE_BALLOON_PAGES : 0);
        assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
        if (i + 1 < ARRAY_SIZE(ids))
            stop();
    }
}

/* What is used within a round is not hinted after that, and what is in the balloon is not either.
 */
TEST_WITH(test_in_use, start, stop)
{
    fake_balloon_follow(&balloon, 4000);
    balloon.nr_free = 0; /* all the rest is in use */
    hint(3);
    expect(1, 0);
    balloon.nr_free = FAKE_BALLOON_PAGES - 4000;
}

/* A guest in need waits for what is on its way, and gets it; without DEFLATE_ON_OOM, too. */
TEST(test_in_need)
{
    for (unsigned i = 0; i < 2; i++) {
        start_with(HINT | REPORTING | (i ? OOM : 0));
        fake_balloon_follow(&balloon, 100);
        balloon.transport.hold = true;
        hint(4);
        fake_transport_process(&balloon.transport, QUEUE);
        fake_balloon_run(&balloon, A_LOOK);
        assert_int_equal(balloon.nr_free, 0);
        assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_AGAIN);
        assert_int_equal(balloon.nr_free, 0);
        fake_transport_process(&balloon.transport, QUEUE);
        assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_OK);
        assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 100);
        balloon.transport.hold = false;
        fake_balloon_run(&balloon, A_LOOK);
        expect(1, FAKE_BALLOON_PAGES - 100);
        assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), i ? VMEM_OK : VMEM_E_NOMEM);
        stop();
    }
}

/* ---- a device that does not do its part ---- */

static void flap(struct fake_transport *transport, u32 offset)
{
    if (offset == 8)
        transport->config[8]++;
}

/* An id that is another one at each read: a bounded time, nothing lost, and it counts when it
 * holds still. */
TEST_WITH(test_flapping_id, start, stop)
{
    for (unsigned runs = 0; runs < 2; runs++) {
        balloon.transport.faults.on_config_read = flap;
        balloon.transport.faults.generation_runs = runs;
        fake_balloon_hint(&balloon, 2);
        fake_balloon_run(&balloon, 100);
        fake_balloon_want(&balloon, 1000 + runs);
        fake_balloon_run(&balloon, 100);
        fake_balloon_expect(&balloon, 1000 + runs);
        balloon.transport.faults.on_config_read = NULL;
        balloon.transport.faults.generation_runs = false;
        hint(VIRTIO_BALLOON_CMD_ID_DONE);
        u64 before = balloon.nr_hinted;
        hint(5);
        assert_int_equal(balloon.round_id, 0);
        assert_int_equal(balloon.nr_hinted - before, FAKE_BALLOON_PAGES - 1000 - runs);
    }
}

/* Buffers come back in another order: all are out of use until the last has. */
TEST_WITH(test_out_of_order, NULL, stop)
{
    fake_balloon_start(&balloon, HINT);
    balloon.max_run = FAKE_BALLOON_PAGES / 8;
    balloon.keeps_hints = true;
    fake_balloon_attach(&balloon);
    hint(6);
    struct fake_queue *queue = &balloon.transport.queues[QUEUE];
    while (queue->nr_unanswered != 0) {
        assert_int_equal(balloon.nr_free, 0);
        fake_transport_answer_late(&balloon.transport, QUEUE, queue->nr_unanswered / 2, NULL, 0);
        fake_balloon_run(&balloon, A_LOOK);
    }
    expect(1, FAKE_BALLOON_PAGES);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
}

/* What it says it wrote is of no interest, for the contents are lost in any case; but it cannot
 * have written more than there is. */
TEST_WITH(test_false_lengths, start, stop)
{
    static const u32 lengths[] = {1, 4096, FAKE_BALLOON_PAGES * 4096};
    for (u32 i = 0; i < ARRAY_SIZE(lengths); i++) {
        balloon.hint_length = lengths[i];
        hint(10 + i);
        expect(i + 1, (u64)(i + 1) * FAKE_BALLOON_PAGES);
    }
    balloon.hint_length = FAKE_BALLOON_PAGES * 4096 + 1;
    hint(20);
    assert_int_equal(status_of().state, VMEM_BALLOON_BROKEN);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
}

TEST_WITH(test_false_used_entry, start, stop)
{
    balloon.transport.hold = true;
    hint(6);
    fake_ring_push_raw(&balloon.transport.queues[QUEUE].ring, 30, 0, 1);
    fake_transport_interrupt(&balloon.transport, VIRTIO_EVENT_QUEUE);
    fake_balloon_run(&balloon, A_LOOK);
    assert_int_equal(status_of().state, VMEM_BALLOON_BROKEN);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
}

/* It never answers: a reset brings everything back, and the round begins anew. */
TEST_WITH(test_no_answer, start, stop)
{
    balloon.transport.hold = true;
    hint(6);
    fake_transport_process(&balloon.transport, QUEUE);
    fake_balloon_run(&balloon, 60 * 1000);
    assert_int_equal(balloon.nr_free, 0);
    assert_int_equal(vmem_balloon_quiesce(balloon.driver), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
    balloon.transport.hold = false;
    vmem_balloon_resume(balloon.driver);
    fake_balloon_run(&balloon, A_LOOK);
    expect(1, FAKE_BALLOON_PAGES);
}

/* Its config space has no command id. */
TEST_WITH(test_no_room, NULL, stop)
{
    fake_balloon_start(&balloon, HINT);
    balloon.transport.config_bytes = 8;
    assert_int_equal(fake_balloon_try_attach(&balloon), VMEM_E_RANGE);
}
