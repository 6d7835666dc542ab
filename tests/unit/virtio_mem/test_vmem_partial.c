/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host that has less memory than it requests: PLUG of more than it has is answered BUSY. The
 * driver takes what there is, says that the host gives no more, takes what comes later, and asks no
 * more often than the back-off allows.
 */
#include "tests/fakes/fake_story.h"

static struct machine machine;

#define SHORT_AT(bytes) PLUGGED(bytes), WAITS(HOST_MEMORY), STATE(TRACKING), UNSETTLED, READY

/* Half of it, then more, then all; and when all is there, nothing is left of it. */
STORY(test_takes_what_there_is, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(host_memory, 256 * MIB)},
    {0, HOST(request, 512 * MIB)},
    {10000, SHORT_AT(256 * MIB), COUNTS(IS(WARNINGS, 1))},
    {10000, HOST(host_memory, 300 * MIB)},
    {20000, SHORT_AT(300 * MIB), HOST(host_memory, GIB)},
    {22560, PLUGGED(512 * MIB), SETTLED, WAITS(NONE)},
    {22560, HOST(request, GIB), PLUGGED(GIB), COUNTS(MORE(PLUG, 1))},
};

TEST_WITH(test_finds_each_amount, NULL, machine_end)
{
    static const uint64_t blocks[] = {0, 1, 2, 3, 5, 31, 63, 64, 65, 100, 127, 128, 200, 255};
    for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
        const struct story_row rows[] = {
            {0, HOST(request, 256 * MACHINE_BLOCK)},
            {2000, SHORT_AT(blocks[i] * MACHINE_BLOCK), COUNTS(FROM_TO(PLUG, 5, 40))},
        };
        machine_start(&machine, FAKE_VMEM_QEMU);
        machine.device.host_bytes = blocks[i] * MACHINE_BLOCK;
        PLAY(rows);
        machine_end();
    }
}

/* One request for each step of the back-off, whatever it asks for: a migration is not disturbed. */
STORY(test_no_more_requests_than_before, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(host_memory, 0)},
    {0, HOST(request, GIB)},
    {5109, COUNTS(IS(PLUG, 9))}, /* 10 + 20 + ... + 2560, less one */
    {5109 + 100 * 2560, COUNTS(IS(PLUG, 109), IS(NOTIFIES, 109))},
};

/* An unplug takes nothing of the host's memory: it is asked for whole, and is no sign of want. */
STORY(test_busy_unplug_is_whole, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, ANSWER(busy, 9), HOST(request, 32 * MIB)},
    {5000, WAITS(DEVICE_BUSY), COUNTS(IS(WARNINGS, 1))},
    {5200, PLUGGED(32 * MIB), COUNTS(IS(UNPLUG, 10)), ANSWER(busy, 1)},
    {5200, HOST(request, 16 * MIB), WAITS(DEVICE_BUSY)},
    {5200, HOST(request, GIB), PLUGGED(GIB), COUNTS(IS(PLUG, 2))}, /* with that of the start */
    {5200, ANSWER(busy, 1), HOST(request, GIB - MACHINE_BLOCK), WAITS(DEVICE_BUSY)},
};

/* A new size is tried at once, and with memory there it is reached at once. */
STORY(test_new_size_while_short, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(host_memory, 64 * MIB)},
    {0, HOST(request, 256 * MIB)},
    {10000, SHORT_AT(64 * MIB), HOST(host_memory, GIB)},
    /* 1, 2, 4, ... blocks */
    {10000, HOST(request, 512 * MIB), PLUGGED(512 * MIB), COUNTS(MORE_FROM_TO(PLUG, 1, 10))},
};

/* The host asks for no more than it has: that is the end of it, and the next resize begins anew. */
STORY(test_request_lowered_to_what_there_is, machine_start(&machine, FAKE_VMEM_QEMU)) = {
    {0, HOST(host_memory, 64 * MIB)},
    {0, HOST(request, 256 * MIB)},
    {10000, HOST(request, 64 * MIB)},
    {10001, PLUGGED(64 * MIB), SETTLED, WAITS(NONE), HOST(host_memory, GIB)},
    {10001, ANSWER(busy, 1), HOST(request, GIB), COUNTS(MORE(PLUG, 1))},
    {10010, WAITS(DEVICE_BUSY), COUNTS(MORE(PLUG, 0))},
    /* 480 blocks were refused: 120, 240, and the other 120 */
    {10011, PLUGGED(GIB), COUNTS(MORE(PLUG, 3))},
};

/* Where the region is in pieces, one request is as far as a host that said BUSY is asked at once.
 */
STORY(test_pieces_are_asked_for_one_by_one, machine_start_with_64m(&machine, FAKE_VMEM_QEMU)) = {
    {0, GUEST(hold_every_other, 32), HOST(request, 32 * MIB), PLUGGED(32 * MIB)},
    {0, HOST(host_memory, 32 * MIB)},
    {1, HOST(request, 64 * MIB), COUNTS(MORE_FROM_TO(PLUG, 1, 16))},
    {11, HOST(host_memory, GIB), COUNTS(MORE(PLUG, 1))},
    {10000, PLUGGED(64 * MIB), SETTLED},
};
