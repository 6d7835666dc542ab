/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host that has less memory than it requests: PLUG of more than it has is
 * answered BUSY. The driver takes what there is, says that the host gives no more,
 * takes what comes later, and asks no more often than the back-off allows.
 */
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

static u64 nr_plugs(void)
{
    return machine.device.count[VIRTIO_MEM_REQ_PLUG];
}

static void start_with_host_memory(u64 bytes)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.host_bytes = bytes;
}

static void expect_short_at(u64 bytes)
{
    machine_expect(&machine, bytes);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_HOST_MEMORY);
}

/* Half of it, then more, then all; and when all is there, nothing is left of it. */
TEST_WITH(test_takes_what_there_is, NULL, shut_down)
{
    start_with_host_memory(256 * MIB);
    machine_resize(&machine, 512 * MIB, 10000);
    expect_short_at(256 * MIB);
    assert_true(machine_status(&machine).is_ready);
    assert_int_equal(machine_said("waiting, the host gives no more memory: requested=536870912 "
                                  "plugged=268435456"),
                     1);
    machine.device.host_bytes = 300 * MIB;
    machine_run(&machine, 10000);
    expect_short_at(300 * MIB);
    machine.device.host_bytes = GIB;
    machine_run(&machine, 2560);
    machine_expect(&machine, 512 * MIB);
    assert_true(machine_status(&machine).is_settled);
    u64 before = nr_plugs();
    machine_resize(&machine, GIB, 1);
    machine_expect(&machine, GIB);
    assert_int_equal(nr_plugs(), before + 1);
}

/* Whatever the host has, all of it is found, to the block, in few requests. */
TEST_WITH(test_finds_each_amount, NULL, shut_down)
{
    static const u64 blocks[] = {0, 1, 2, 3, 5, 31, 63, 64, 65, 100, 127, 128, 200, 255};
    for (unsigned i = 0; i < ARRAY_SIZE(blocks); i++) {
        start_with_host_memory(blocks[i] * MACHINE_BLOCK);
        machine_resize(&machine, 256 * MACHINE_BLOCK, 2000);
        expect_short_at(blocks[i] * MACHINE_BLOCK);
        assert_in_range(nr_plugs(), 5, 40);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* One request for each step of the back-off, whatever it asks for: a migration is not disturbed. */
TEST_WITH(test_no_more_requests_than_before, NULL, shut_down)
{
    start_with_host_memory(0);
    machine_resize(&machine, GIB, 5109); /* 10 + 20 + ... + 2560, less one */
    assert_int_equal(nr_plugs(), 9);
    machine_run(&machine, 100 * 2560);
    assert_int_equal(nr_plugs(), 109);
    assert_int_equal(machine.device.transport.nr_notifies, 109);
}

/* An unplug takes nothing of the host's memory: it is asked for whole, and is no sign of want. */
TEST_WITH(test_busy_unplug_is_whole, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 9;
    machine_resize(&machine, 32 * MIB, 5000);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_DEVICE_BUSY);
    assert_int_equal(machine_said("waiting, the device is busy: requested=33554432"), 1);
    machine_run(&machine, 200);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 10);
    machine.device.moods.busy = 1;
    machine_resize(&machine, 16 * MIB, 0);
    machine_resize(&machine, GIB, 0);
    machine_expect(&machine, GIB);
    assert_int_equal(nr_plugs(), 2); /* this one, and that of the start */
    machine.device.moods.busy = 1;
    machine_resize(&machine, GIB - MACHINE_BLOCK, 0);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_DEVICE_BUSY);
}

/* A new size is tried at once, and with memory there it is reached at once. */
TEST_WITH(test_new_size_while_short, NULL, shut_down)
{
    start_with_host_memory(64 * MIB);
    machine_resize(&machine, 256 * MIB, 10000);
    expect_short_at(64 * MIB);
    machine.device.host_bytes = GIB;
    u64 before = nr_plugs();
    machine_resize(&machine, 512 * MIB, 0);
    machine_expect(&machine, 512 * MIB);
    assert_in_range(nr_plugs() - before, 1, 10); /* 1, 2, 4, ... blocks */
}

/* The host asks for no more than it has: that is the end of it, and the next resize begins anew. */
TEST_WITH(test_request_lowered_to_what_there_is, NULL, shut_down)
{
    start_with_host_memory(64 * MIB);
    machine_resize(&machine, 256 * MIB, 10000);
    machine_resize(&machine, 64 * MIB, 1);
    machine_expect(&machine, 64 * MIB);
    assert_true(machine_status(&machine).is_settled);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_NONE);
    machine.device.moods.busy = 1;
    machine.device.host_bytes = GIB;
    u64 before = nr_plugs();
    machine_resize(&machine, GIB, 9);
    assert_int_equal(nr_plugs(), before + 1);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_DEVICE_BUSY);
    machine_run(&machine, 1);
    machine_expect(&machine, GIB);
    assert_int_equal(nr_plugs(), before + 4); /* 480 blocks; 120, 240, and the other 120 */
}

/* Where the region is in pieces, one request is as far as a host that said BUSY is asked at once.
 */
TEST_WITH(test_pieces_are_asked_for_one_by_one, NULL, shut_down)
{
    paddr_t pages[32];
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 32; i++)
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    for (unsigned i = 0; i < 32; i += 2)
        page_free(pages[i], PAGE_ORDER_MAX);
    machine_resize(&machine, 32 * MIB, 10);
    machine_expect(&machine, 32 * MIB); /* every other block */
    machine.device.host_bytes = 32 * MIB;
    u64 before = nr_plugs();
    machine_resize(&machine, 64 * MIB, 0);
    u64 of_the_batch = nr_plugs() - before;
    machine_run(&machine, 10);
    assert_int_equal(nr_plugs(), before + of_the_batch + 1);
    machine.device.host_bytes = GIB;
    machine_run(&machine, 10000);
    machine_expect(&machine, 64 * MIB);
}
