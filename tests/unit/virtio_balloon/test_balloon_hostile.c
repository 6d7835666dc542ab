/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon driver with a device, or a host, that does not do its part: pages are never lost to
 * anybody who may still write to them, nor used while the device has them. */
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

static struct vmem_balloon_status status_of(void)
{
    struct vmem_balloon_status status;
    vmem_balloon_get_status(balloon.driver, &status);
    return status;
}

/* Broken, with this reason; it holds nothing, and is left alone. */
static void expect_broken(const char *reason)
{
    struct vmem_balloon_status status = status_of();
    assert_int_equal(status.state, VMEM_BALLOON_BROKEN);
    assert_has(status.broken_reason, reason);
    assert_int_equal(status.held_bytes, 0);
    u64 nr_accesses = balloon.transport.nr_accesses;
    balloon.transport.faults.vanished = false;
    vmem_balloon_resume(balloon.driver);
    fake_balloon_run(&balloon, 1000);
    assert_int_equal(balloon.transport.nr_accesses, nr_accesses);
}

TEST_WITH(test_needs_reset, start, stop)
{
    fake_balloon_follow(&balloon, 3000);
    fake_transport_fail(&balloon.transport);
    fake_balloon_run(&balloon, 1);
    expect_broken("needs a reset");
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
}

/* A used entry that was never available, on each queue. */
TEST(test_false_used_entries)
{
    for (u16 queue = 0; queue < 2; queue++) {
        start();
        fake_balloon_follow(&balloon, 3000);
        balloon.transport.hold = true;
        fake_balloon_want(&balloon, queue == 0 ? 4000 : 2000);
        fake_balloon_run(&balloon, 1);
        fake_ring_push_raw(&balloon.transport.queues[queue].ring, 7, 0, 1);
        fake_transport_interrupt(&balloon.transport, VIRTIO_EVENT_QUEUE);
        fake_balloon_run(&balloon, 1);
        expect_broken("used id 7");
        assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
        stop();
    }
}

/* More than the guest has: what it can spare, and no more. */
TEST_WITH(test_impossible_target, start, stop)
{
    fake_balloon_want(&balloon, UINT32_MAX);
    fake_balloon_run(&balloon, 3000);
    fake_balloon_expect(&balloon, FAKE_BALLOON_PAGES);
    assert_true(status_of().is_short);
}

static void flap(struct fake_transport *transport, u32 offset)
{
    if (offset == 0)
        transport->config[1] ^= 0x10;
}

/* A target that never holds still costs a bounded time, and counts when it does. */
TEST_WITH(test_flapping_target, start, stop)
{
    balloon.transport.faults.on_config_read = flap;
    balloon.transport.faults.generation_runs = true;
    fake_balloon_want(&balloon, 1000);
    fake_balloon_run(&balloon, 100);
    balloon.transport.faults.on_config_read = NULL;
    balloon.transport.faults.generation_runs = false;
    fake_balloon_follow(&balloon, 1200);
}

/* `actual` is the driver's to say: what the device writes there changes nothing. */
TEST_WITH(test_actual_is_not_read, start, stop)
{
    fake_balloon_follow(&balloon, 1000);
    memset(balloon.transport.config + 4, 0xff, 4);
    fake_balloon_follow(&balloon, 1001);
}

/* What an earlier driver said is not true any more. */
TEST_WITH(test_actual_from_before, NULL, stop)
{
    fake_balloon_start(&balloon, 0);
    balloon.transport.config[4] = 100;
    fake_balloon_attach(&balloon);
    fake_balloon_run(&balloon, 1);
    fake_balloon_expect(&balloon, 0);
}

TEST_WITH(test_spurious_interrupts, start, stop)
{
    for (unsigned i = 0; i < 100; i++) {
        fake_transport_interrupt(&balloon.transport, VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
        fake_balloon_run(&balloon, 1);
    }
    fake_balloon_follow(&balloon, 10);
}

/* It does not answer: what it was told stays out of use, and comes back when it is reset. */
TEST_WITH(test_no_answer, start, stop)
{
    fake_balloon_follow(&balloon, 1000);
    balloon.transport.hold = true;
    fake_balloon_want(&balloon, 2000);
    fake_balloon_run(&balloon, 600 * 1000);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 2000);
    assert_int_equal(status_of().held_bytes, 1000 * 4096);
}

/* It does not reset: the pages of the buffer on its way are lost, with the ring, and no others. */
TEST(test_reset_never_ends)
{
    start();
    fake_balloon_follow(&balloon, 1000);
    balloon.transport.hold = true;
    fake_balloon_want(&balloon, 2000);
    fake_balloon_run(&balloon, 1);
    balloon.transport.faults.reset_reads = ~0u;
    balloon.transport.on_reset = NULL; /* it has not let go */
    for (unsigned i = 0; i < FAKE_BALLOON_PAGES;
         i++) /* but the driver does not need to ask for these */
        balloon.owners[i] =
            balloon.owners[i] == FAKE_OF_DEVICE ? FAKE_OF_DRIVER : balloon.owners[i];
    assert_int_equal(vmem_balloon_quiesce(balloon.driver), VMEM_E_TIMEOUT);
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES - 1000);
    size_t allocated = fake_host_allocated();
    vmem_balloon_detach(balloon.driver);
    assert_int_equal(fake_host_allocated(), allocated); /* the device may still write there */
    fake_host_stop();
}

/* Pulled out in the middle: nobody writes to the buffer any more. */
TEST_WITH(test_gone, start, stop)
{
    fake_balloon_follow(&balloon, 1000);
    balloon.transport.hold = true;
    fake_balloon_want(&balloon, 2000);
    fake_balloon_run(&balloon, 1);
    balloon.transport.faults.vanished = true;
    for (unsigned i = 0; i < FAKE_BALLOON_PAGES; i++)
        balloon.owners[i] =
            balloon.owners[i] == FAKE_OF_DEVICE ? FAKE_OF_DRIVER : balloon.owners[i];
    vmem_balloon_gone(balloon.driver, "it was pulled out");
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
    expect_broken("it was pulled out");
    balloon.transport.faults.vanished = true; /* so that stop() sees all freed without a reset */
}

/* ---- devices that cannot be used ---- */

TEST(test_bad_devices)
{
    static const struct {
        u16 nr_queues;
        u32 config_bytes;
        int irq_status;
        int queue_status;
        bool refuses;
        int expected;
    } rows[] = {
        {1, 16, 0, 0, false, VMEM_E_NODEV},
        {2, 4, 0, 0, false, VMEM_E_RANGE},
        {2, 16, VMEM_E_NOMEM, 0, false, VMEM_E_NOMEM},
        {2, 16, 0, VMEM_E_UNSUPPORTED, false, VMEM_E_UNSUPPORTED},
        {2, 16, 0, 0, true, VMEM_E_UNSUPPORTED},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_balloon_start(&balloon, 0);
        balloon.transport.nr_queues = rows[i].nr_queues;
        balloon.transport.config_bytes = rows[i].config_bytes;
        balloon.transport.faults.irq_enable_status = rows[i].irq_status;
        balloon.transport.faults.queue_enable_status = rows[i].queue_status;
        balloon.transport.faults.refuse_features_ok = rows[i].refuses;
        assert_int_equal(fake_balloon_try_attach(&balloon), rows[i].expected);
        assert_true(fake_host_count(VMEM_LOG_ERROR) > 0);
        assert_null(balloon.transport.device.name);
        stop();
    }
}

/* Each allocation fails once, or from then on: an error, or less than wanted, and nothing leaks. */
TEST(test_no_memory)
{
    for (u64 i = 0;; i++) {
        fake_balloon_start(&balloon, 0);
        balloon.max_run = 1;
        fake_host_fail_after(i / 2, i % 2);
        int status = fake_balloon_try_attach(&balloon);
        if (status == VMEM_OK) {
            fake_balloon_want(&balloon, 3000);
            fake_balloon_run(&balloon, 10);
        }
        if (!fake_host_failed()) {
            stop();
            return;
        }
        if (status == VMEM_OK) {
            fake_balloon_run(&balloon, 3000);
            fake_balloon_expect(&balloon, 3000);
        } else {
            assert_int_equal(status, VMEM_E_NOMEM);
        }
        stop();
    }
}

/* It does not start again after a sleep. */
TEST_WITH(test_resume_fails, start, stop)
{
    fake_balloon_follow(&balloon, 1000);
    fake_transport_power_off(&balloon.transport);
    balloon.transport.faults.queue_enable_status = VMEM_E_UNSUPPORTED;
    vmem_balloon_resume(balloon.driver);
    expect_broken("it cannot be set up");
    assert_int_equal(balloon.nr_free, FAKE_BALLOON_PAGES);
}
