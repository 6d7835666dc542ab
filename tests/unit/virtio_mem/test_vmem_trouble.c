/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Refusals: BUSY, NACK, ERROR, from the device or from the allocator. Each ends settled or broken
 * in bounded time, what is in use stays usable, and no block is lost or used twice.
 */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

/* ---- BUSY ---- */

/* 10, 20, 40 ... 2560, 2560 ms: after n refusals so much time has passed. */
STORY(test_busy_backs_off, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(busy, 11), HOST(request, 64 * MIB)},
    {2550, WAITS(HOST_MEMORY), UNSETTLED, STATE(TRACKING), COUNTS(IS(PLUG, 9), IS(WARNINGS, 1))},
    {2550 + 2559, COUNTS(IS(PLUG, 9))},
    {2550 + 2560, COUNTS(IS(PLUG, 10))},
    /* then 1, 2, 4, 8, 16 and 1 block */
    {2550 + 3 * 2560, PLUGGED(64 * MIB), SETTLED, WAITS(NONE),
     COUNTS(IS(BUSY, 11), IS(RESETS, 0), IS(REQUESTS, 17), IS(WARNINGS, 1))},
};

/* After a success the next BUSY is waited for as the first was. */
STORY(test_success_ends_back_off, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(busy, 6), HOST(request, 64 * MIB)},
    {10000, ANSWER(busy, 1), HOST(request, 128 * MIB)},
    {10010, PLUGGED(128 * MIB)},
};

/* Sixteen refusals of one batch are one: after 10 ms it is tried again. */
STORY(test_busy_batch, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_every_other, 32), ANSWER(busy, 16), HOST(request, 32 * MIB)},
    {10, PLUGGED(32 * MIB), COUNTS(IS(BUSY, 16), IS(UNPLUG, 32))},
};

/* While the device is busy with an unplug, the memory stays usable. */
STORY(test_busy_unplug, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(busy, 3), HOST(request, 0)},
    {1, GUEST(hold, 0), PLUGGED(64 * MIB), WAITS(DEVICE_BUSY)},
    {101, PLUGGED(2 * MIB), WAITS(PAGES_IN_USE)},
    {101, GUEST(free_all, 0), PLUGGED(0)},
};

/* Two blocks apart go by UNPLUG ALL, which is asked for again as any other request. */
STORY(test_busy_unplug_all, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold, 0)},
    {0, GUEST(hold, 20), HOST(request, 0), PLUGGED(4 * MIB)},
    {1, GUEST(free_all, 0), ANSWER(busy, 5)},
    {310, PLUGGED(4 * MIB), COUNTS(IS(UNPLUG_ALL, 5))},
    {1001, PLUGGED(0), COUNTS(IS(UNPLUG_ALL, 6))},
};

/* The host changes its mind during the back-off: the new size is tried at once. */
STORY(test_busy_then_new_size, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(busy, 9), HOST(request, 128 * MIB)},
    {2550, HOST(request, 32 * MIB), PLUGGED(32 * MIB), SETTLED, COUNTS(IS(BUSY, 9))},
};

/* A long migration at boot must not hold up the kernel's start for ever. */
TEST_WITH(test_busy_for_ever_is_ready, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(busy, ~0u), NOT_READY},
        {100, NOT_READY},
        {60100, READY, ANSWER(busy, 0), COUNTS(FROM_TO(PLUG, 10, 39))},
        {60100 + 2560, PLUGGED(64 * MIB)},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    machine_attach(&machine);
    PLAY(rows);
}

/* ---- NACK ---- */

/* Without a reason that can be seen in config space: as BUSY, and no spinning. */
STORY(test_nack_for_nothing, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(nack, 4), HOST(request, 32 * MIB), WAITS(DEVICE_NACK)},
    {149, PLUGGED(64 * MIB), WAITS(DEVICE_NACK)},
    {150, PLUGGED(32 * MIB), COUNTS(IS(NACK, 4), IS(RESETS, 0))}, /* 10 + 20 + 40 + 80 */
};

/* StratoVirt refuses an unplug below what is requested, when that grew under way. */
STORY(test_nack_on_unplug, machine_start_with_64m(&machine, FAKE_VMEM_STRATOVIRT)) = {
    {0, GUEST(request_at_next, 64 * MIB), HOST(request, 16 * MIB)},
    {1, PLUGGED(64 * MIB), SETTLED, COUNTS(IS(NACK, 1))},
};

/* ---- ERROR ---- */

/* Once: the run is asked about by STATE, and the plan goes on. No reset. */
STORY(test_error_once, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(error, 1), HOST(request, 128 * MIB), WAITS(DEVICE_ERROR)},
    {100, PLUGGED(128 * MIB), STATE(TRACKING)},
    {100, ANSWER(error, 1), HOST(request, 32 * MIB)},
    {200, PLUGGED(32 * MIB), COUNTS(IS(STATE, 2), IS(RESETS, 0))},
    /* with progress between, there may be any number of them */
    {200, ANSWER(error, 1), HOST(request, 128 * MIB)},
    {300, ANSWER(error, 1), HOST(request, 32 * MIB)},
    {400, PLUGGED(32 * MIB), COUNTS(IS(STATE, 4), IS(RESETS, 0))},
};

/* Several of one batch count once: five are no reason for a reset. */
STORY(test_errors_of_a_batch, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_every_other, 32), ANSWER(error, 5), HOST(request, 32 * MIB)},
    {1000, PLUGGED(32 * MIB), COUNTS(IS(RESETS, 0), IS(ERROR, 5))},
};

/* ERROR after a part was done, with odd counts: bisection finds the part. */
TEST_WITH(test_error_after_part, NULL, machine_end)
{
    for (unsigned nr_blocks = 2; nr_blocks < 40; nr_blocks++) {
        const struct story_row rows[] = {
            {0, ANSWER(error_half, 1), HOST(request, nr_blocks * MACHINE_BLOCK)},
            {1000, PLUGGED(nr_blocks * MACHINE_BLOCK), COUNTS(IS(ERROR, 1))},
            {1000, ANSWER(error_half, 1), HOST(request, 0)},
            {2000, PLUGGED(0), COUNTS(IS(RESETS, 0), IS(ERROR, 2))},
        };
        machine_start(&machine, FAKE_VMEM_QEMU);
        machine.device.is_strict = false;
        PLAY(rows);
        machine_end();
    }
}

/* For ever: so many errors, so many resets, then broken; the page in use stays. */
STORY(test_error_for_ever, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_page, 0)},
    {0, ANSWER(error, ~0u), HOST(request, 128 * MIB)},
    {60000, STATE(BROKEN), READY, DUE_WITHIN(VMEM_NEVER), GUEST(expect_page, 0),
     COUNTS(IS(RESETS, 3), FROM_TO(REQUESTS, 4, 29))},
};

/* Firecracker says ERROR where the requested size has shrunk under way. */
STORY(test_error_is_firecrackers_nack, machine_start(&machine, FAKE_VMEM_FIRECRACKER)) = {
    {0, GUEST(request_at_next, 8 * MIB), HOST(request, 512 * MIB)},
    {100, PLUGGED(8 * MIB), SETTLED, COUNTS(IS(RESETS, 0), IS(ERROR, 1))},
};

/* ---- the allocator refuses ---- */

/* No page table for the new memory: it is tried again, and the blocks are not lost. */
STORY(test_no_memory_to_plug, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(is_lenient, 1)},
    {0, GUEST(online_fails_after, 0), HOST(request, 128 * MIB)},
    {500, READY},
    {5500, PLUGGED(128 * MIB), SETTLED, COUNTS(IS(RESETS, 0))},
};

/* Nor at the second try: the device gets the blocks back (M14), and a second later is asked anew.
 */
static void fail_at_state(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)device;
    if (request->type == VIRTIO_MEM_REQ_STATE)
        machine.memory.knobs.online_fails_after = 0;
}

TEST_WITH(test_what_cannot_be_used_goes_back, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(online_fails_after, 0), HOST(request, 128 * MIB)},
        {500, PLUGGED(64 * MIB), WAITS(ONLINE_MEMORY), COUNTS(IS(UNPLUG, 1), IS(PLUG, 2))},
        {1500, PLUGGED(128 * MIB), WAITS(NONE), COUNTS(IS(PLUG, 3))},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false; /* giving back goes below the requested size */
    machine.device.before_request = fail_at_state;
    PLAY(rows);
}

/* UNPLUG ALL takes all offline or nothing: the second piece cannot be, so the first comes back. */
STORY(test_no_memory_to_unplug_all, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(request, 6 * MIB)},
    {0, GUEST(hold, 0)},
    {0, GUEST(hold, 2), HOST(request, 4 * MIB), PLUGGED(4 * MIB)},
    {1, GUEST(offline_fails_after, 1)},
    {1, GUEST(free_all, 0), HOST(request, 0)},
    {501, PLUGGED(4 * MIB), WAITS(OFFLINE_MEMORY), COUNTS(IS(REQUESTS, 2))},
    {1000, PLUGGED(4 * MIB), WAITS(OFFLINE_MEMORY)},
    {1001, PLUGGED(0), WAITS(NONE)},
};

STORY(test_no_memory_to_unplug, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(offline_fails_after, 0), HOST(request, 32 * MIB)},
    {500, PLUGGED(64 * MIB), WAITS(OFFLINE_MEMORY), READY},
    {2500, PLUGGED(32 * MIB), WAITS(NONE)},
};

/* The allocator's lack of memory does not delay another requested size. */
STORY(test_new_size_while_the_allocator_refuses,
      machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(offline_fails_after, 0), HOST(request, 32 * MIB)},
    {500, PLUGGED(64 * MIB)},
    {500, HOST(request, 128 * MIB), PLUGGED(128 * MIB)},
    {500, GUEST(offline_fails_after, 0), HOST(request, 64 * MIB), PLUGGED(128 * MIB)},
    {500, HOST(request, 32 * MIB), PLUGGED(32 * MIB)},
};

/* It grows as far as there is room, says so once and is quiet; and goes on when there is more. */
STORY(test_no_room, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(online_limit, 100 * MIB + 4096), HOST(request, 256 * MIB)},
    {100000, PLUGGED(100 * MIB), WAITS(ROOM), UNSETTLED, READY,
     COUNTS(IS(WARNINGS, 1), MORE(PLUG, 0), IS(UNPLUG, 0))},
    {100000, GUEST(online_limit, GIB)},
    {102000, PLUGGED(256 * MIB), SETTLED, WAITS(NONE), COUNTS(IS(WARNINGS, 1))},
    {102000, HOST(request, 0), PLUGGED(0)},
};
