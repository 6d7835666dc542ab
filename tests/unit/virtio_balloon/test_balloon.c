/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon driver with a device that behaves: inflate, deflate, `actual`, and the life of both.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_balloon.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"

static struct fake_balloon balloon;

static void stop(void)
{
    fake_balloon_stop(&balloon);
}

static void start(void)
{
    fake_balloon_start(&balloon, 0);
    fake_balloon_attach(&balloon);
}

/* With both ring formats and each way of interrupting; by long runs, and page by page. */
TEST(test_follows)
{
    static const u32 targets[] = {1, 512, 513, 8192, 16384, 16383, 4000, 0, 100, 0};
    static const u64 rings[] = {0, VIRTIO_FEATURE(VIRTIO_F_RING_PACKED),
                                VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX)};
    static const u64 runs[] = {0, 1, 7, 512};
    for (unsigned i = 0; i < ARRAY_SIZE(rings) * ARRAY_SIZE(runs); i++) {
        fake_balloon_start(&balloon, rings[i % ARRAY_SIZE(rings)]);
        balloon.max_run = runs[i / ARRAY_SIZE(rings)];
        balloon.options.irq_mode = i % 2 ? VMEM_IRQ_POLL : VMEM_IRQ_AUTO;
        fake_balloon_attach(&balloon);
        fake_balloon_expect(&balloon, 0);
        for (unsigned j = 0; j < ARRAY_SIZE(targets); j++) {
            fake_balloon_want(&balloon, targets[j]);
            fake_balloon_run(&balloon, 20);
            fake_balloon_expect(&balloon, targets[j]);
        }
        stop();
    }
}

/* 16 MiB in a buffer, and nothing once the target is reached. */
TEST_WITH(test_buffers, start, stop)
{
    fake_balloon_follow(&balloon, 3 * 4096);
    assert_int_equal(balloon.transport.nr_requests, 3);
    fake_balloon_follow(&balloon, 0);
    assert_int_equal(balloon.transport.nr_requests, 6);
    u64 nr_accesses = balloon.transport.nr_accesses;
    fake_balloon_run(&balloon, 10 * 1000);
    assert_int_equal(balloon.transport.nr_accesses, nr_accesses);
    assert_int_equal(balloon.due_ms, VMEM_BALLOON_NEVER);
}

/* A device that answers late: one buffer is on its way, and no page of it is anybody's (B11, B12).
 */
TEST_WITH(test_late_answers, start, stop)
{
    balloon.transport.hold = true;
    fake_balloon_want(&balloon, 8192);
    fake_balloon_run(&balloon, 5000);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 4096);
    assert_int_equal(fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_INFLATE), 1);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(fake_balloon_actual(&balloon), 4096);
    fake_balloon_want(&balloon, 0);
    fake_balloon_run(&balloon, 1); /* the second is told already: it comes first */
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 8192);
    assert_int_equal(fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_INFLATE), 1);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_DEFLATE), 1);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_DEFLATE), 1);
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 0);
}

/* A run that is longer than what is too much goes whole, and comes again in part. */
TEST_WITH(test_part_of_a_run, start, stop)
{
    fake_balloon_follow(&balloon, 512);
    fake_balloon_follow(&balloon, 500);
    assert_int_equal(balloon.nr_deflated, 512);
    assert_int_equal(balloon.nr_inflated, 512 + 500);
}

/* Too little memory: said once, tried each second, and there when it is. */
TEST_WITH(test_short, start, stop)
{
    balloon.nr_free = 1000;
    fake_balloon_want(&balloon, 2000);
    fake_balloon_run(&balloon, 10 * 1000);
    fake_balloon_expect(&balloon, 1000);
    assert_int_equal(fake_host_said("no more pages can be taken"), 1);
    assert_in_range(balloon.nr_takes, 5, 20);
    balloon.nr_free = FAKE_BALLOON_PAGES - 1000;
    fake_balloon_run(&balloon, 1000);
    fake_balloon_expect(&balloon, 2000);
    assert_int_equal(fake_host_said("holds 8192000 bytes, as the host wants"), 1);
    struct vmem_balloon_status status;
    vmem_balloon_get_status(balloon.driver, &status);
    assert_false(status.is_short);
}

/* Less is wanted while it is short: that is no shortage any more. */
TEST_WITH(test_short_no_more, start, stop)
{
    struct vmem_balloon_status status;
    balloon.nr_free = 1000;
    fake_balloon_want(&balloon, 2000);
    fake_balloon_run(&balloon, 1);
    vmem_balloon_get_status(balloon.driver, &status);
    assert_true(status.is_short);
    fake_balloon_follow(&balloon, 900);
    vmem_balloon_get_status(balloon.driver, &status);
    assert_false(status.is_short);
    assert_int_equal(balloon.due_ms, VMEM_BALLOON_NEVER);
    balloon.nr_free = FAKE_BALLOON_PAGES - 900;
}

/* Memory that goes away: whole runs of it, so much at a time, and nothing else. */
TEST_WITH(test_vacate, start, stop)
{
    balloon.max_run = 100;
    fake_balloon_follow(&balloon, 1000);
    balloon.refuses = true; /* it cannot be filled again */
    for (u32 held = 900; held >= 800; held -= 100) {
        vmem_balloon_vacate(balloon.driver, FAKE_BALLOON_BASE + 300 * 4096, 200 * 4096, 50 * 4096);
        fake_balloon_run(&balloon, 1);
        fake_balloon_expect(&balloon, held);
    }
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(balloon.owners[i],
                         i >= 300 && i < 500 ? FAKE_OF_ALLOCATOR : FAKE_OF_DEVICE);
    vmem_balloon_vacate(balloon.driver, FAKE_BALLOON_BASE + 300 * 4096, 200 * 4096, 50 * 4096);
    assert_int_equal(balloon.nr_deflated, 200);
    balloon.transport.hold = true;
    vmem_balloon_vacate(balloon.driver, FAKE_BALLOON_BASE, 300 * 4096, 0);
    vmem_balloon_vacate(balloon.driver, FAKE_BALLOON_BASE, 300 * 4096, 0); /* one at a time */
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 800);
    balloon.transport.hold = false;
    fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_DEFLATE);
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 700);
    assert_int_equal(vmem_balloon_quiesce(balloon.driver), VMEM_OK);
    vmem_balloon_vacate(balloon.driver, FAKE_BALLOON_BASE, 300 * 4096, 4096);
    assert_int_equal(balloon.nr_deflated, 300);
}

/* What the host wants before the driver is up comes without an interrupt. */
TEST_WITH(test_wanted_before_start, NULL, stop)
{
    fake_balloon_start(&balloon, 0);
    fake_balloon_want(&balloon, 700);
    fake_balloon_attach(&balloon);
    fake_balloon_expect(&balloon, 700);
}

/* Features that the driver does not know, and those that a user does not want. */
TEST_WITH(test_features, NULL, stop)
{
    fake_balloon_start(&balloon, FAKE_BALLOON_FEATURES | 1 << 23);
    balloon.options.features_masked = VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
    balloon.transport.offered |= VIRTIO_FEATURE(VIRTIO_F_RING_PACKED);
    fake_balloon_attach(&balloon);
    assert_true(balloon.transport.accepted &
                VIRTIO_FEATURE(VIRTIO_BALLOON_F_MUST_TELL_HOST)); /* B1 */
    assert_false(balloon.transport.accepted &
                 VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_POISON)); /* B2 */
    assert_true(balloon.transport.accepted & VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT));
    assert_false(balloon.transport.accepted & VIRTIO_FEATURE(23));
    assert_false(balloon.transport.accepted & VIRTIO_FEATURE(VIRTIO_F_RING_PACKED));
    assert_string_equal(vmem_balloon_feature_name(5), "PAGE_REPORTING");
    assert_null(vmem_balloon_feature_name(9));
    fake_balloon_follow(&balloon, 300);
}

/* Reset for another kernel, and started again: the balloon is empty in between. */
TEST_WITH(test_quiesce_and_resume, start, stop)
{
    fake_balloon_follow(&balloon, 3000);
    assert_int_equal(vmem_balloon_quiesce(balloon.driver), VMEM_OK);
    assert_int_equal(balloon.transport.status, 0);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
    assert_int_equal(vmem_balloon_service(balloon.driver, 0), VMEM_BALLOON_NEVER);
    assert_int_equal(vmem_balloon_quiesce(balloon.driver), VMEM_OK);
    vmem_balloon_resume(balloon.driver);
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 3000);
}

/* The machine slept: the device lost its state while a buffer was on its way. */
TEST_WITH(test_sleep, start, stop)
{
    fake_balloon_follow(&balloon, 3000);
    balloon.transport.hold = true;
    fake_balloon_want(&balloon, 4000);
    fake_balloon_run(&balloon, 1);
    fake_transport_power_off(&balloon.transport);
    balloon.transport.hold = false;
    vmem_balloon_resume(balloon.driver);
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 4000);
}
