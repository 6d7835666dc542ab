/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver with a device that behaves, in the manner of each real one: every resize
 * ends at what the host asked for, in as few requests as there are runs, and is reported once.
 */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

STORY(test_starts_empty, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, STATE(TRACKING), SETTLED, PLUGGED(0), COUNTS(IS(REQUESTS, 0), IS(SETTLED_LINES, 1))},
};

/* Each resize is one request and one line. */
#define FOLLOWS(ms, bytes)                                                                       \
    {                                                                                            \
        (ms), HOST(request, (bytes)), PLUGGED(bytes), SETTLED,                                   \
            COUNTS(MORE(REQUESTS, 1), MORE(SETTLED_LINES, 1), MORE(RESIZES, 1), IS(WARNINGS, 0), \
                   IS(ERROR_LINES, 0))                                                           \
    }

TEST_WITH(test_follows, NULL, machine_end)
{
    static const struct story_row rows[] = {
        FOLLOWS(0, 512 * MIB), FOLLOWS(1, GIB), FOLLOWS(2, 256 * MIB), FOLLOWS(3, 258 * MIB),
        FOLLOWS(4, 2 * MIB),   FOLLOWS(5, 0),   FOLLOWS(6, GIB),       FOLLOWS(7, 0),
    };
    for (enum fake_vmem_manner manner = 0; manner < FAKE_VMEM_MANNERS; manner++) {
        machine_start(&machine, manner);
        PLAY(rows);
        machine_end();
    }
}

/* Of any block size, and at Firecracker's place for the region; without room() and the like. */
static void follow_region(const struct vmem_memory_ops *ops, uint64_t base, uint64_t block_bytes,
                          uint64_t nr_blocks)
{
    const struct story_row rows[] = {
        FOLLOWS(0, nr_blocks / 2 * block_bytes),
        FOLLOWS(1, nr_blocks / 3 * block_bytes),
        FOLLOWS(2, nr_blocks * block_bytes),
        FOLLOWS(3, 0),
    };
    machine_boot_region(&machine, FAKE_VMEM_QEMU, base, block_bytes, nr_blocks);
    machine.options.memory = ops;
    machine_attach(&machine);
    machine_run(&machine, 0);
    PLAY(rows);
    machine_end();
}

TEST_WITH(test_follows_in_any_region, NULL, machine_end)
{
    static const uint64_t block_sizes[] = {4 * KIB, 64 * KIB,  512 * KIB, MIB,
                                           2 * MIB, 128 * MIB, GIB};
    for (unsigned i = 0; i < ARRAY_SIZE(block_sizes); i++)
        follow_region(&fake_memory_ops, MACHINE_BASE, block_sizes[i],
                      min_u64(1000, 16 * GIB / block_sizes[i]));
    follow_region(&fake_memory_ops, MACHINE_BASE, MIB, 16 * 1024); /* 8 GiB in one request */
    follow_region(&fake_memory_ops, 512 * GIB, MACHINE_BLOCK, MACHINE_NR);
    follow_region(&fake_memory_plain_ops, MACHINE_BASE, MACHINE_BLOCK, MACHINE_NR);
}

/* A size that the host set before the driver was up comes without an interrupt. */
TEST_WITH(test_requested_before_start, NULL, machine_end)
{
    static const struct story_row rows[] = {{0, PLUGGED(64 * MIB), SETTLED}};
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    machine_attach(&machine);
    PLAY(rows);
}

/* Set between the first snapshot and DRIVER_OK: no event tells, so the driver must look again. */
TEST_WITH(test_requested_during_start, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(shrink_usable, 64 * MIB), HOST(request_unseen, 64 * MIB), PLUGGED(64 * MIB)},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine_attach(&machine);
    PLAY(rows);
}

/* No interrupt ever comes: the slow look finds the resize, and the answer to a held request. */
STORY(test_lost_interrupts, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(lose_interrupts, 1)},
    {1, HOST(request, 64 * MIB)},
    {3001, PLUGGED(64 * MIB), HOST(keep_answers, 1)},
    {3002, HOST(request, 32 * MIB)},
    {4002, HOST(keep_answers, 0), DUE_WITHIN(1000)},
    {5002, PLUGGED(32 * MIB), SETTLED},
};

/* Nothing interrupts, so the driver asks to be called every 10 ms. */
TEST_WITH(test_polling, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {100, DUE_WITHIN(10), COUNTS(FROM_TO(CALLS, 10, 14))},
        {110, PLUGGED(64 * MIB)},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.options.irq_mode = VMEM_IRQ_POLL;
    machine_attach(&machine);
    machine_run(&machine, 0);
    story_play(__func__, &machine, rows, 1);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    fake_host_advance_ms(10);
    assert_int_equal(vmem_service(machine.driver, vmem_host_now_ms()), vmem_host_now_ms() + 10);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(fake_host_wakes(), 0);
}

/* Nothing to do costs nothing: no config read, no register access but on events. */
TEST_WITH(test_idle_is_cheap, NULL, machine_end)
{
    static const struct story_row service[] = {{0, COUNTS(MORE(CONFIG_READS, 0))}};
    static const struct story_row rows[] = {
        {60000, COUNTS(MORE_FROM_TO(CALLS, 18, 26), MORE(REQUESTS, 0), IS(SETTLED_LINES, 2))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 100; i++)
        PLAY(service);
    PLAY(rows);
}

/* ---- pages in use ---- */

/* They keep their blocks, once said; freed, they let the resize finish, and at once. */
STORY(test_pages_in_use, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_each, 32), HOST(request, 16 * MIB)},
    {5000, PLUGGED(64 * MIB), WAITS(PAGES_IN_USE), UNSETTLED, READY,
     COUNTS(IS(UNPLUG, 0), IS(WARNINGS, 1))},
    {5000, GUEST(free_below, 10), PLUGGED(44 * MIB), UNSETTLED},
    {5000, GUEST(free_all, 0), PLUGGED(16 * MIB), SETTLED,
     COUNTS(IS(WARNINGS, 1), IS(SETTLED_LINES, 3))},
};

/* Pages in use at the bottom and the top: the runs between go first, then one UNPLUG ALL. */
TEST_WITH(test_to_zero_around_pages, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(hold, 0)},
        {0, GUEST(hold, 8)},
        {0, GUEST(hold, 16)},
        {0, GUEST(hold, 24), HOST(request, 0), PLUGGED(8 * MIB)},
        {1, GUEST(free_all, 0), PLUGGED(0), COUNTS(IS(UNPLUG_ALL, 1), MORE(NOTIFIES, 1))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    PLAY(rows);
    assert_int_equal(machine.device.usable_bytes, 0);
    assert_int_equal(machine_status(&machine).config.usable_bytes, 0); /* read again */
    machine_resize(&machine, GIB, 0);
    machine_expect(&machine, GIB);
}

/* Scattered runs go several at a time, on one notification. */
STORY(test_scattered_runs_share_a_notify, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_every_other, 32), HOST(request, 32 * MIB), PLUGGED(32 * MIB),
     COUNTS(IS(UNPLUG, 16), MORE(NOTIFIES, 1))},
    /* the hole at the end is the largest: one request */
    {1, HOST(request, 256 * MIB), PLUGGED(256 * MIB), COUNTS(IS(PLUG, 2))},
    /* and then the 16 holes, on a notification or two */
    {2, HOST(request, GIB), PLUGGED(GIB),
     COUNTS(IS(PLUG, 2 + 1 + 16), MORE_FROM_TO(NOTIFIES, 1, 2))},
};

/* More runs than one call of vmem_service() may do: the next one is due at once. */
TEST_WITH(test_many_runs, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {20, PLUGGED(1250 * MACHINE_BLOCK), COUNTS(IS(UNPLUG, 1250), IS(WARNINGS, 0))},
    };
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, MACHINE_BLOCK, 2500);
    machine_attach(&machine);
    machine_resize(&machine, 2500 * MACHINE_BLOCK, 1);
    story_hold_every_other(&machine, 2500);
    fake_vmem_set_requested(&machine.device, 1250 * MACHINE_BLOCK);
    uint64_t now_ms = vmem_host_now_ms();
    unsigned nr_calls = 0;
    do {
        u64 before = machine.device.count[VIRTIO_MEM_REQ_UNPLUG];
        assert_int_equal(vmem_service(machine.driver, now_ms), now_ms);
        assert_in_range(machine.device.count[VIRTIO_MEM_REQ_UNPLUG] - before, 0, 100);
        nr_calls++;
    } while (machine.device.count[VIRTIO_MEM_REQ_UNPLUG] < 1000);
    assert_in_range(nr_calls, 10, 100);
    /* Nothing goes offline for a request that finds no room. */
    assert_int_equal(machine.memory.calls[FAKE_MEMORY_OFFLINE],
                     machine.device.count[VIRTIO_MEM_REQ_UNPLUG]);
    PLAY(rows);
}

/* Every second of 2,500 blocks is plugged and idle, and the host requests nothing: the blocks go
 * offline in several calls, and then UNPLUG ALL is sent. Until then the host may change its mind.
 */
static void begin_to_gather(void)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, MACHINE_BLOCK, 2500);
    machine_attach(&machine);
    machine_resize(&machine, 2500 * MACHINE_BLOCK, 1);
    story_hold_every_other(&machine, 2500);
    machine_resize(&machine, 1250 * MACHINE_BLOCK, 1);
    fake_memory_free_all(&machine.memory);
    fake_vmem_set_requested(&machine.device, 0);
    uint64_t now_ms = vmem_host_now_ms();
    do {
        assert_int_equal(vmem_service(machine.driver, now_ms), now_ms);
    } while (machine_online_bytes(&machine) == 1250 * MACHINE_BLOCK); /* it surveys */
    assert_int_not_equal(machine_online_bytes(&machine), 0);
}

STORY(test_all_goes_in_parts, begin_to_gather()) = {
    {1, PLUGGED(0), SETTLED, COUNTS(IS(UNPLUG_ALL, 1), IS(UNPLUG, 1250), IS(STATE, 0))},
};

STORY(test_all_is_to_stay, begin_to_gather()) = {
    {0, HOST(request, 1250 * MACHINE_BLOCK)},
    {1, PLUGGED(1250 * MACHINE_BLOCK), SETTLED,
     COUNTS(IS(UNPLUG_ALL, 0), IS(PLUG, 1), IS(UNPLUG, 1250), IS(WARNINGS, 0))},
};

/* ---- the host changes its mind ---- */

/* While the request is on its way: NACK, look, and the new plan at once. */
STORY(test_newest_size_wins, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(request_at_next, 8 * MIB), HOST(request, 512 * MIB), PLUGGED(8 * MIB), SETTLED,
     COUNTS(IS(PLUG, 2), IS(UNPLUG, 0), IS(SETTLED_LINES, 2))},
};

/* Work toward the old size stops between requests: here after the first of five. */
TEST_WITH(test_new_size_stops_work, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(keep_answers, 1)},
        {0, HOST(request, 300000 * 4 * KIB), COUNTS(IS(REQUESTS, 0))},
        {1, GUEST(is_lenient, 1), HOST(request, 0)},
        {1, HOST(keep_answers, 0)},
        {2, PLUGGED(0), SETTLED},
    };
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, 4 * KIB, 400000);
    machine_attach(&machine);
    machine_run(&machine, 1);
    PLAY(rows);
}

/* While single blocks are taken, everything becomes idle, and a new size asks for what one run has:
 * the rest of the old plan would name two. */
TEST_WITH(test_new_size_makes_a_new_plan, NULL, machine_end)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, MACHINE_BLOCK, 2500);
    machine_attach(&machine);
    machine_resize(&machine, 2500 * MACHINE_BLOCK, 1);
    story_hold_every_other(&machine, 2500);
    story_keep_answers(&machine, 1);
    story_request(&machine, 1900 * MACHINE_BLOCK);
    machine_run(&machine, 1);
    uint64_t nr_sent = machine_status(&machine).requests[VMEM_COUNT_UNPLUG];
    assert_in_range(nr_sent, 1, 16);
    story_free_all(&machine, 0);
    story_request(&machine, (2500 - nr_sent - 1200) * MACHINE_BLOCK);
    story_keep_answers(&machine, 0);
    machine_run(&machine, 1);
    machine_expect(&machine, (2500 - nr_sent - 1200) * MACHINE_BLOCK);
    assert_int_equal(machine_status(&machine).requests[VMEM_COUNT_UNPLUG], nr_sent + 1);
}

/* ---- limits and neighbours ---- */

/* The kernel wants no more than that; whole blocks of it are followed. */
TEST_WITH(test_memory_limit, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(request, 64 * MIB), PLUGGED(64 * MIB), SETTLED, WAITS(NONE)},
        {1, HOST(request, 256 * MIB), PLUGGED(100 * MIB), UNSETTLED, WAITS(MEMORY_LIMIT), READY,
         COUNTS(IS(WARNINGS, 1))},
        {5001, PLUGGED(100 * MIB), WAITS(MEMORY_LIMIT), COUNTS(MORE(REQUESTS, 0), IS(WARNINGS, 1))},
        {5001, HOST(request, 32 * MIB), PLUGGED(32 * MIB), SETTLED, WAITS(NONE)},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.options.memory_limit = 101 * MIB;
    machine_attach(&machine);
    PLAY(rows);
}

/* Two devices, side by side; one busy, the other not held up. */
TEST_WITH(test_two_devices, NULL, machine_end)
{
    static struct machine other;
    static const struct story_row busy[] = {
        {0, ANSWER(busy, 1000), HOST(request, 512 * MIB), PLUGGED(0)},
    };
    static const struct story_row rows[] = {
        {0, HOST(request, 512 * MIB), PLUGGED(512 * MIB), SETTLED},
    };
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_add(&other, FAKE_VMEM_QEMU, "vmem1", MACHINE_BASE + GIB, 128 * MIB, 8);
    machine_attach(&other);
    PLAY(busy);
    story_play("other", &other, rows, ARRAY_SIZE(rows));
    machine_expect(&machine, 0);
}

TEST_WITH(test_block_states, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 4 * MIB, 1);
    assert_true(vmem_block_is_plugged(machine.driver, 1));
    assert_false(vmem_block_is_plugged(machine.driver, 2));
}
