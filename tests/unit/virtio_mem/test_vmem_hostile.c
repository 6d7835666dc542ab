/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver and a device that means ill: config space that never holds still, goes bad
 * or flaps, a queue that is too small, interrupts without end. The device is given up or costs its
 * bounded share; the kernel, and the device beside it, go on.
 */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

/* All is unplugged, and what the device counts now cannot be read: never more than there was. */
TEST_WITH(test_plugged_size_after_unplug_all, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, STATE(RELEASING), HOST(config_runs, 1)},
        {0, HOST(keep_answers, 0)},
        {1, STATE(TRACKING), WAITS(CONFIG_UNSTEADY), COUNTS(IS(UNPLUG_ALL, 1))},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_plug(&machine.device, 3, 32);
    story_keep_answers(&machine, 1);
    machine_attach(&machine);
    machine_turn(&machine);
    PLAY(rows);
    assert_in_range(machine_status(&machine).config.plugged_bytes, 0, 64 * MIB);
}

/* Threat 19: so many tries, with time between, then broken. */
STORY(test_config_never_still, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_page, 0)},
    {0, HOST(config_runs, 1)},
    {2000, WAITS(CONFIG_UNSTEADY), STATE(TRACKING)},
    {62000, IS_BROKEN, GUEST(expect_page, 0)},
};

/* And when it does hold still again in time, nothing is lost, however often that happens. */
TEST_WITH(test_config_still_again, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(config_runs, 1)},
        {1, HOST(request, 128 * MIB)},
        {61, PLUGGED(64 * MIB), WAITS(CONFIG_UNSTEADY), HOST(config_runs, 0)},
        {2061, PLUGGED(128 * MIB), SETTLED, WAITS(NONE)},
        {2061, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 5; i++)
        PLAY(rows);
}

/* Threats 20 to 22: values that were good and are so no longer. */
TEST_WITH(test_config_goes_bad, NULL, machine_end)
{
    static const struct {
        size_t offset;
        uint64_t value;
    } cases[] = {
        {offsetof(struct virtio_mem_config_abi, block_size), 4 * MIB},
        {offsetof(struct virtio_mem_config_abi, addr), 8 * GIB},
        {offsetof(struct virtio_mem_config_abi, region_size), 2 * GIB},
        {offsetof(struct virtio_mem_config_abi, usable_region_size), GIB + 1},
        {offsetof(struct virtio_mem_config_abi, plugged_size), 2 * GIB},
        {offsetof(struct virtio_mem_config_abi, requested_size), ~(uint64_t)0 << 21},
    };
    static const struct story_row rows[] = {
        {0, HOST(raise_config, 0), IS_BROKEN, PLUGGED(64 * MIB)},
        {10, IS_BROKEN, PLUGGED(64 * MIB), GUEST(expect_page, 0)},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
        machine_hold_page(&machine);
        memcpy(machine.device.transport.config + cases[i].offset, &cases[i].value, sizeof(u64));
        /* What is fixed is not read again while nothing is in doubt. */
        if (cases[i].offset < offsetof(struct virtio_mem_config_abi, usable_region_size)) {
            machine_run(&machine, 1);
            assert_int_equal(machine_status(&machine).state, VMEM_STATE_TRACKING);
            assert_int_equal(vmem_verify(machine.driver), VMEM_OK);
        }
        PLAY(rows);
        machine_end();
    }
}

/* The usable region shrinks under plugged blocks: they can only leave by UNPLUG ALL. */
STORY(test_usable_shrinks, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(request_unseen, 4 * MIB), HOST(shrink_usable, 16 * MIB)},
    {2000, PLUGGED(48 * MIB), COUNTS(IS(WARNINGS, 1)), WAITS(PAGES_IN_USE)},
    {2000, HOST(request_unseen, 0)},
    {4000, PLUGGED(0), SETTLED, WAITS(NONE), COUNTS(IS(UNPLUG_ALL, 1))},
};

/* Threat 23: a requested size that changes with every request is followed at a bounded cost a call.
 */
static void flap(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    fake_vmem_set_requested(device, device->requested_bytes == 0 ? 64 * MIB : 0);
}

TEST_WITH(test_flapping_size, NULL, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
    machine.device.before_request = flap;
    fake_vmem_set_requested(&machine.device, 0);
    for (unsigned i = 0; i < 100; i++) {
        u64 before = fake_vmem_requests(&machine.device);
        u64 now_ms = vmem_host_now_ms();
        assert_in_range(vmem_service(machine.driver, now_ms), now_ms + 1, now_ms + 1000);
        assert_in_range(fake_vmem_requests(&machine.device) - before, 0, 64);
        fake_vmem_check(&machine.device);
        fake_host_advance_ms(10);
    }
    machine.device.before_request = NULL;
    machine_resize(&machine, 32 * MIB, 5000);
    machine_expect(&machine, 32 * MIB);
}

/* Interrupts that mean nothing: no request, no line. */
TEST_WITH(test_spurious_interrupts, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(interrupt, 0), SETTLED, STATE(TRACKING), COUNTS(MORE(REQUESTS, 0))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    fake_host_clear_lines();
    for (unsigned i = 0; i < 1000; i++)
        PLAY(rows);
    assert_string_equal(fake_host_lines(), "");
}

/* Threat 8: an event at the very moment of DRIVER_OK, with nothing changed, and before it. */
static void interrupt_at_reset(void *context)
{
    struct fake_vmem *device = context;
    fake_transport_interrupt(&device->transport, VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
}

TEST_WITH(test_events_around_driver_ok, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(interrupt, 0)},
        {10, COUNTS(IS(REQUESTS, 0))},
        {10, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
        {11, HOST(needs_reset, 0)}, /* with its event, and one more at the reset */
        {1011, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(RESETS, 1))},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.on_reset = interrupt_at_reset;
    machine_attach(&machine);
    PLAY(rows);
}

static void start_with_queue(uint16_t nr_entries)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.queue_size_max = nr_entries;
    machine_attach(&machine);
}

/* One entry does not hold the two pieces of a request: broken at once, not waiting for ever. */
STORY(test_queue_too_small, start_with_queue(1)) = {
    {0, HOST(request, 64 * MIB), IS_BROKEN},
};

/* Four entries hold two requests: more of them just take more rounds. */
STORY(test_queue_small, start_with_queue(4)) = {
    {0, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
    {10, GUEST(hold_every_other, 32), HOST(request, 32 * MIB)},
    {20, PLUGGED(32 * MIB), SETTLED, COUNTS(IS(UNPLUG, 16))},
};

/* What is emptied and cannot be sent stays online, and goes later. */
TEST_WITH(test_queue_small_and_blocks_emptied, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(request, 64 * MIB)},
        {20, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(STATE, 0))},
    };
    start_with_queue(4);
    machine_resize(&machine, 128 * MIB, 1);
    for (unsigned block = 0; block < 64; block++)
        (void)fake_memory_hold(&machine.memory, block, 1, block % 2 ? FAKE_MOVABLE : FAKE_FIXED);
    PLAY(rows);
}

static const uint64_t sizes[] = {128 * MIB, 32 * MIB, 0};

/* Threat 26: ACK, and nothing was done. plugged_size shows it; it costs one pass of STATE. */
TEST_WITH(test_false_ack, NULL, machine_end)
{
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        const struct story_row rows[] = {
            {0, ANSWER(false_ack, 1), HOST(request, sizes[i])},
            /* Nobody asks for plugged_size before the slow look. */
            {1010, PLUGGED(sizes[i]), SETTLED, COUNTS(IS(WARNINGS, 2), FROM_TO(STATE, 1, 40))},
        };
        machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
        machine.device.is_thief = true; /* mapped after PLUG, until plugged_size is looked at */
        PLAY(rows);
        machine.device.is_thief = false;
        fake_vmem_check(&machine.device);
        machine_end();
    }
}

/* One that never does what it acknowledges is given up, not asked for ever. */
TEST_WITH(test_false_ack_for_ever, NULL, machine_end)
{
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        const struct story_row rows[] = {
            {0, ANSWER(false_ack, ~0u), HOST(request, sizes[i])},
            {600010, IS_BROKEN, GUEST(expect_page, 0), COUNTS(FROM_TO(REQUESTS, 1 + 3, 1 + 200))},
        };
        machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
        machine_hold_page(&machine);
        machine.device.is_thief = true;
        PLAY(rows);
        assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
        machine_end();
    }
}

/* Threat 14: more than there was room for was never written, or not there. */
TEST_WITH(test_false_used_length, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(long_used, 1), HOST(request, 128 * MIB), IS_BROKEN},
        {10, GUEST(expect_page, 0), IS_BROKEN},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    PLAY(rows);
    assert_int_equal(machine.memory.online_bytes, 64 * MIB);
}

/* Threat 31: one hostile device does not disturb the other. */
TEST_WITH(test_hostile_neighbour, NULL, machine_end)
{
    static struct machine other;
    static const struct story_row others[] = {
        {0, HOST(request, 64 * MIB), PLUGGED(64 * MIB)},
        {1, ANSWER(bad_type, ~0u), HOST(request, 128 * MIB)},
        {10001, IS_BROKEN},
    };
    static const struct story_row rows[] = {
        {0, HOST(request, 256 * MIB), PLUGGED(256 * MIB), SETTLED},
        {10, HOST(request, 0), PLUGGED(0), SETTLED},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_add(&other, FAKE_VMEM_QEMU, "vmem1", MACHINE_BASE + GIB, MACHINE_BLOCK, 512);
    machine_attach(&other);
    story_play("other", &other, others, ARRAY_SIZE(others));
    PLAY(rows);
    assert_int_equal(other.memory.online_bytes, 64 * MIB); /* the other's memory stays */
}
