/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon driver's further queues and features: statistics, pages in need, poison, reports. */
#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_balloon.h"
#include "tests/fakes/fake_host.h"
#include "tests/unit/unit.h"

#define MUST_TELL VIRTIO_FEATURE(VIRTIO_BALLOON_F_MUST_TELL_HOST)
#define STATS     VIRTIO_FEATURE(VIRTIO_BALLOON_F_STATS_VQ)
#define OOM       VIRTIO_FEATURE(VIRTIO_BALLOON_F_DEFLATE_ON_OOM)
#define HINT      VIRTIO_FEATURE(VIRTIO_BALLOON_F_FREE_PAGE_HINT)
#define POISON    VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_POISON)
#define REPORTING VIRTIO_FEATURE(VIRTIO_BALLOON_F_PAGE_REPORTING)

static struct fake_balloon balloon;

static void stop(void)
{
    fake_balloon_stop(&balloon);
}

static void start(u64 features)
{
    fake_balloon_start(&balloon, features);
    fake_balloon_attach(&balloon);
}

static struct vmem_balloon_status status_of(void)
{
    struct vmem_balloon_status status;
    vmem_balloon_get_status(balloon.driver, &status);
    return status;
}

/* ---- statistics ---- */

/* At the start (B17), and whenever the device asks (B18), as things are then (B19). */
TEST_WITH(test_statistics, NULL, stop)
{
    start(STATS);
    assert_int_equal(balloon.nr_stats, 1);
    assert_int_equal(balloon.stats[4], FAKE_BALLOON_PAGES * 4096);
    fake_balloon_follow(&balloon, 1000);
    assert_int_equal(balloon.nr_stats, 1);
    for (unsigned i = 2; i < 10; i++) {
        fake_balloon_ask_for_stats(&balloon);
        fake_balloon_run(&balloon, 1);
        assert_int_equal(balloon.nr_stats, i);
    }
    assert_int_equal(balloon.stats[4], (FAKE_BALLOON_PAGES - 1000) * 4096);
    assert_int_equal(balloon.stats[5], (FAKE_BALLOON_PAGES - 1000) * 4096);
    assert_int_equal(balloon.stats[6], (FAKE_BALLOON_PAGES - 1000) * 2048);
    vmem_balloon_resume(balloon.driver);
    assert_int_equal(balloon.nr_stats, 10);
}

/* A false used entry of the statistics queue. */
TEST_WITH(test_false_statistics, NULL, stop)
{
    start(STATS);
    fake_ring_push_raw(&balloon.transport.queues[VIRTIO_BALLOON_QUEUE_STATS].ring, 5, 0, 1);
    fake_transport_interrupt(&balloon.transport, VIRTIO_EVENT_QUEUE);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(status_of().state, VMEM_BALLOON_BROKEN);
}

/* It uses each buffer at once. */
TEST_WITH(test_statistics_without_end, NULL, stop)
{
    start(STATS);
    balloon.asks_without_end = true;
    fake_balloon_ask_for_stats(&balloon);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(status_of().state, VMEM_BALLOON_BROKEN);
    assert_has(status_of().broken_reason, "without end");
}

/* ---- in need ---- */

/* Not negotiated: what is in the balloon stays there (B6). */
TEST_WITH(test_no_reclaim, NULL, stop)
{
    start(0);
    fake_balloon_follow(&balloon, 1000);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_NOMEM);
    fake_balloon_expect(&balloon, 1000);
}

/* As many pages as are needed, at once (B7, B10); not taken again before the next target. */
TEST_WITH(test_reclaim, NULL, stop)
{
    start(OOM);
    balloon.max_run = 16;
    fake_balloon_follow(&balloon, 1000);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 20 * 4096), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 1000 + 16 + 8);
    fake_balloon_run(&balloon, 60 * 1000);
    fake_balloon_expect(&balloon, 1000 - 24);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 0), VMEM_OK); /* a page at least */
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 1000 - 40);
    assert_true(status_of().is_drained);
    assert_int_equal(balloon.due_ms, VMEM_BALLOON_NEVER);
    fake_balloon_follow(&balloon, 1001);
    assert_false(status_of().is_drained);
    fake_balloon_want(&balloon, 0);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_NOMEM);
}

TEST_WITH(test_reclaim_a_page_at_least, NULL, stop)
{
    start(OOM);
    balloon.max_run = 1;
    fake_balloon_follow(&balloon, 10);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 0), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 10 + 1);
}

/* A device that answers late: the pages are there, and nothing more until it has (L1). */
TEST_WITH(test_reclaim_unanswered, NULL, stop)
{
    start(OOM);
    fake_balloon_follow(&balloon, 5000);
    balloon.transport.hold = true;
    balloon.is_early = true;
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 4096);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_AGAIN);
    fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_DEFLATE);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
    fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_DEFLATE);
    balloon.transport.hold = false;
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 0);
}

/* MUST_TELL_HOST: no page before the device has acknowledged (B9). */
TEST_WITH(test_reclaim_must_tell, NULL, stop)
{
    start(OOM | MUST_TELL);
    fake_balloon_follow(&balloon, 5000);
    balloon.transport.hold = true;
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_AGAIN);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_AGAIN);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 5000);
    fake_transport_process(&balloon.transport, VIRTIO_BALLOON_QUEUE_DEFLATE);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 4096);
    balloon.transport.hold = false;
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 4096);
}

/* The device breaks in the middle. */
TEST_WITH(test_reclaim_breaks, NULL, stop)
{
    start(OOM);
    fake_balloon_follow(&balloon, 100);
    fake_ring_push_raw(&balloon.transport.queues[VIRTIO_BALLOON_QUEUE_DEFLATE].ring, 1, 0, 1);
    (void)!vmem_balloon_reclaim(balloon.driver, 4096);
    (void)!vmem_balloon_reclaim(balloon.driver, 4096);
    assert_int_equal(status_of().state, VMEM_BALLOON_BROKEN);
    assert_int_equal(vmem_balloon_reclaim(balloon.driver, 4096), VMEM_E_NOMEM);
}

/* ---- poison ---- */

/* The value before DRIVER_OK (B23, B24), where the kernel has one; no reports then (B3, B26). */
TEST_WITH(test_poison, NULL, stop)
{
    u32 value;
    fake_balloon_start(&balloon, POISON | REPORTING | HINT);
    balloon.options.has_poison = true;
    balloon.options.poison_value = 0xf4eedf4e;
    fake_balloon_attach(&balloon);
    memcpy(&value, balloon.transport.config + 12, sizeof(value));
    assert_int_equal(value, 0xf4eedf4e);
    assert_int_equal(balloon.transport.accepted & (POISON | REPORTING | HINT), POISON);
    vmem_balloon_report_idle(balloon.driver);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(balloon.nr_reports, 0);
    fake_balloon_follow(&balloon, 100);
}

/* A device whose config space has no room for the value that it wants. */
TEST(test_poison_without_room)
{
    fake_balloon_start(&balloon, POISON);
    balloon.options.has_poison = true;
    balloon.transport.config_bytes = 12;
    assert_int_equal(fake_balloon_try_attach(&balloon), VMEM_E_RANGE);
    stop();
}

/* ---- reports ---- */

/* All that is idle once, and then what was used again; on the queue that each device has. */
TEST(test_reports)
{
    static const struct {
        u64 features;
        u16 nr_queues;
    } rows[] = {{REPORTING, 4}, {REPORTING, 5}, {REPORTING | HINT, 5}};
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_balloon_start(&balloon, rows[i].features);
        balloon.transport.nr_queues = rows[i].nr_queues;
        fake_balloon_attach(&balloon);
        assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES);
        vmem_balloon_report_idle(balloon.driver);
        fake_balloon_run(&balloon, 1000);
        assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES);
        fake_balloon_use(&balloon, 300);
        fake_balloon_run(&balloon, 1000);
        assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES);
        vmem_balloon_report_idle(balloon.driver);
        fake_balloon_run(&balloon, 1);
        assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES + 300);
        assert_int_equal(status_of().reported_pages, FAKE_BALLOON_PAGES + 300);
        stop();
    }
}

/* Many short runs go by 32 in a buffer; the balloon works meanwhile. */
TEST_WITH(test_many_reports, NULL, stop)
{
    fake_balloon_start(&balloon, REPORTING | STATS);
    balloon.max_run = 64;
    fake_balloon_attach(&balloon);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(balloon.nr_reports, FAKE_BALLOON_PAGES / 64 / 32);
    fake_balloon_follow(&balloon, 1000);
    fake_balloon_follow(&balloon, 0);
    vmem_balloon_report_idle(balloon.driver);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES + 1000);
}

/* What the device has not acknowledged is out of use (B27), and not known after a reset. */
TEST_WITH(test_report_unanswered, NULL, stop)
{
    start(REPORTING);
    fake_balloon_use(&balloon, 200);
    balloon.transport.hold = true;
    vmem_balloon_report_idle(balloon.driver);
    fake_balloon_run(&balloon, 5000);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 200);
    balloon.transport.hold = false;
    assert_int_equal(vmem_balloon_quiesce(balloon.driver), VMEM_OK);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
    vmem_balloon_resume(balloon.driver);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES + 200);
}

static struct vmem_range uneven;

static bool take_uneven(void *context, u64 from, u64 max_bytes, bool is_hint,
                        struct vmem_range *idle)
{
    (void)context, (void)from, (void)max_bytes, (void)is_hint;
    *idle = uneven;
    return true;
}

/* The kernel gives whole pages, or it is told so before the device hears of them. */
TEST(test_reports_are_of_whole_pages)
{
    static const struct vmem_range cases[] = {{FAKE_BALLOON_BASE + 512, 4096},
                                              {FAKE_BALLOON_BASE, 4096 + 512}};
    fake_balloon_start(&balloon, REPORTING);
    struct vmem_balloon_ops ops = *balloon.options.ops;
    balloon.options.ops = &ops;
    fake_balloon_attach(&balloon);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        uneven = cases[i];
        ops.take_idle = take_uneven;
        vmem_balloon_report_idle(balloon.driver);
        expect_assert_failure(fake_balloon_run(&balloon, 1));
    }
    assert_int_equal(balloon.nr_reported, FAKE_BALLOON_PAGES);
    stop(); /* before `ops` is gone */
}

TEST_WITH(test_false_report, NULL, stop)
{
    start(REPORTING);
    fake_balloon_use(&balloon, 200);
    balloon.transport.hold = true;
    vmem_balloon_report_idle(balloon.driver);
    fake_balloon_run(&balloon, 1);
    fake_ring_push_raw(&balloon.transport.queues[VIRTIO_BALLOON_QUEUE_REPORTING].ring, 30, 0, 1);
    fake_transport_interrupt(&balloon.transport, VIRTIO_EVENT_QUEUE);
    fake_balloon_run(&balloon, 1);
    assert_int_equal(status_of().state, VMEM_BALLOON_BROKEN);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
}

/* A queue that the device says it has, and has not. */
TEST(test_missing_queues)
{
    static const u64 features[] = {STATS, REPORTING, REPORTING | HINT, HINT};
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        fake_balloon_start(&balloon, features[i]);
        balloon.transport.nr_queues = i == 2 ? 4 : i == 3 ? 3 : 2;
        assert_int_equal(fake_balloon_try_attach(&balloon), VMEM_E_NODEV);
        stop();
    }
}
