/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver moving pages out of blocks: that a shrink is complete, in
 * small steps, and that the host may change its mind at any moment.
 */
#include "lib/log.h"
#include "mm/hotplug/hotplug.h"
#include "tests/fakes/fake_chunks.h"
#include "tests/unit/unit.h"

TEST_WITH(test_half_of_it_goes, NULL, shut_down)
{
    start_scattered(2 * MIB, 512 * MIB, 42);
    u64 before = machine.device.count[VIRTIO_MEM_REQ_UNPLUG];
    machine_resize(&machine, 256 * MIB, 10);
    machine_expect(&machine, 256 * MIB);
    check_chunks();
    struct vmem_status status = machine_status(&machine);
    assert_true(status.is_settled);
    assert_in_range(status.migrated_blocks, 100, 128);
    /* The cheapest blocks hold less than the average: three and a third chunks. */
    assert_true(nr_chunk_moves < status.migrated_blocks * 3);
    /* Neighbours go in one request. */
    u64 requests = machine.device.count[VIRTIO_MEM_REQ_UNPLUG] - before;
    assert_true(requests < status.migrated_blocks * 3 / 4);
    assert_int_equal(machine_said("warning"), 0);
}

/* As much as the chunks leave room for, whatever the share: block by block the best possible. */
TEST_WITH(test_best_possible, NULL, shut_down)
{
    static const u64 shares[] = {0, 10, 50, 90, 100};
    for (unsigned i = 0; i < ARRAY_SIZE(shares); i++) {
        start_scattered(2 * MIB, 128 * MIB, shares[i]);
        paddr_t boot_ram; /* is no way out */
        while ((boot_ram = page_alloc(9, PAGE_KERNEL)) < MACHINE_BASE)
            ;
        if (boot_ram != PADDR_NONE)
            page_free(boot_ram, 9);
        u64 least = align_up(count_chunks() * CHUNK, 2 * MIB);
        machine_resize(&machine, 2 * MIB, 20000);
        assert_true(machine.device.plugged_bytes <= max_u64(least, 2 * MIB));
        check_chunks();
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* One call moves at most an area's pages, also where a block has several. */
TEST_WITH(test_small_steps, NULL, shut_down)
{
    start_scattered(8 * MIB, 256 * MIB, 60);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    u64 before;
    do {
        before = nr_chunk_moves;
        machine.due_ms = vmem_service(machine.driver, platform_now_ms());
        assert_true(nr_chunk_moves - before <= 8);
    } while (machine.due_ms <= platform_now_ms());
    machine_run(&machine, 10);
    machine_expect(&machine, 128 * MIB);
    check_chunks();
}

/* Blocks smaller than an area are emptied an area at a time, and no more of them go than are asked
 * for. */
TEST_WITH(test_small_blocks, NULL, shut_down)
{
    start_scattered(512 * KIB, 64 * MIB, 40);
    u64 wanted = 64 * MIB - 53 * 512 * KIB;
    machine_resize(&machine, wanted, 5000);
    machine_expect(&machine, wanted);
    check_chunks();
}

/* The same size again, after it had grown: a new resize, for which pages that moved may move. */
TEST_WITH(test_down_to_the_same_size_again, NULL, shut_down)
{
    start_scattered(2 * MIB, 128 * MIB, 25);
    machine_resize(&machine, 40 * MIB, 1);
    machine_expect(&machine, 40 * MIB);
    machine_resize(&machine, 80 * MIB, 1);
    for (unsigned i = 0; i < 20; i++)
        assert_true(page_alloc(9, PAGE_USER) >= MACHINE_BASE);
    /* Every other chunk goes: those that stay were all moved together in the first resize. */
    for (u64 i = 0, live = 0; i < nr_chunks; i++) {
        if (chunks[i] && live++ % 2 == 0)
            drop_chunk(i);
    }
    machine_resize(&machine, 40 * MIB, 1000);
    assert_true(machine.device.plugged_bytes <= 40 * MIB + 20 * MIB);
}

/* The last try was short: the next resize does not wait for that one's next try. */
TEST_WITH(test_a_new_resize_does_not_wait, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 40);
    refuses_all = true;
    machine_resize(&machine, 32 * MIB, 100000);
    refuses_all = false;
    machine_resize(&machine, 64 * MIB, 1);
    machine_resize(&machine, 32 * MIB, 1);
    machine_expect(&machine, 32 * MIB);
}

/* ---- the host changes its mind ---- */

TEST_WITH(test_all_is_wanted_after_all, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(30);
    fake_vmem_set_requested(&machine.device, 256 * MIB);
    u64 moved = nr_chunk_moves;
    machine_run(&machine, 10);
    assert_int_equal(nr_chunk_moves, moved);
    machine_expect(&machine, 256 * MIB);
    assert_true(machine_status(&machine).is_settled);
    expect_all_open();
    check_chunks();
}

TEST_WITH(test_more_is_wanted_than_there_was, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(30);
    machine_resize(&machine, 300 * MIB, 10);
    machine_expect(&machine, 300 * MIB);
    expect_all_open();
}

TEST_WITH(test_less_is_wanted_back, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 100 * MIB + 56 * MIB);
    run_until_moved(60);
    u64 emptied = machine_status(&machine).migrated_blocks;
    assert_true(emptied > 4);
    u64 plugged = machine.device.plugged_bytes;
    machine_resize(&machine, plugged - 6 * MIB, 10);
    machine_expect(&machine, plugged - 6 * MIB);
    assert_int_equal(machine_status(&machine).migrated_blocks, emptied);
    expect_all_open();
}

TEST_WITH(test_still_more_is_to_go, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 30);
    fake_vmem_set_requested(&machine.device, 200 * MIB);
    run_until_moved(4);
    machine_resize(&machine, 100 * MIB, 10);
    machine_expect(&machine, 100 * MIB);
    for (u64 i = 0; i < nr_chunks; i++) /* two resizes */
        assert_true(chunk_moves[i] <= 2);
}
