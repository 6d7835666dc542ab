/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver over Tide's own mm, moving pages out of blocks: which blocks go, how much
 * one call moves, what is told of the pages that stay, and two devices at once. The driver's side
 * alone is in tests/unit/virtio_mem/test_vmem_migrate.c.
 */
#include "extras/check/page_check.h"
#include "include/status.h"
#include "mm/hotplug/hotplug.h"
#include "tests/fakes/fake_chunks.h"
#include "tests/unit/unit.h"

/* What is told of the pages that stay. */
static const char *described(void)
{
    static char text[256];
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    return text;
}

TEST_WITH(test_half_of_it_goes, NULL, machine_end)
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
    u64 requests = machine.device.count[VIRTIO_MEM_REQ_UNPLUG] - before;
    assert_true(requests < status.migrated_blocks * 3 / 4);
    assert_int_equal(fake_console_said("warning"), 0);
}

/* As much as the chunks leave room for, whatever the share: block by block the best possible. */
TEST_WITH(test_best_possible, NULL, machine_end)
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
        machine_end();
    }
}

/* One call moves at most a pageblock's pages, also where a block has several. */
TEST_WITH(test_small_steps, NULL, machine_end)
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

/* Blocks below 2 MiB are emptied a pageblock at a time, and no more of them go than are wanted. */
TEST_WITH(test_small_blocks, NULL, machine_end)
{
    start_scattered(512 * KIB, 64 * MIB, 40);
    u64 wanted = 64 * MIB - 53 * 512 * KIB;
    machine_resize(&machine, wanted, 5000);
    machine_expect(&machine, wanted);
    check_chunks();
}

/* The same size again, after it had grown: a new resize, for which pages that moved may move. */
TEST_WITH(test_down_to_the_same_size_again, NULL, machine_end)
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

TEST_WITH(test_an_owner_refuses, NULL, machine_end)
{
    start_scattered(2 * MIB, 64 * MIB, 50);
    refuses_all = true;
    machine_resize(&machine, 16 * MIB, 5000);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_MIGRATION_REFUSED);
    assert_int_equal(fake_console_said("blocks stay plugged while pages in them are in use"), 1);
    assert_has(described(), "blocks user=0 metadata=0 refused=32 movable=0");
    assert_has(described(), ", refused by chunks=32");
    assert_int_equal(fake_console_said(described()), 1);
    expect_all_open();
    /* It is asked again, but ever more seldom. */
    u64 calls = machine.nr_calls;
    u64 refusals = nr_refused;
    machine_run(&machine, 100000);
    assert_in_range(nr_refused, refusals + 1, refusals + 50 * 32);
    assert_true(machine.nr_calls - calls < 2100);
    /* And when it has no reason any more, the resize is completed without anybody's help. */
    refuses_all = false;
    machine_run(&machine, 3000);
    check_chunks();
    assert_true(machine.device.plugged_bytes <= 36 * MIB);
}

TEST_WITH(test_no_room, NULL, machine_end)
{
    start_scattered(2 * MIB, 64 * MIB, 100);
    while (page_alloc(9, PAGE_BOOT_FIRST) != PADDR_NONE) /* boot RAM is no way out */
        ;
    machine_resize(&machine, 32 * MIB, 5000);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_MIGRATION_ROOM);
    assert_int_equal(nr_chunk_moves, 0);
    /* Chunks are freed here and there: what that makes room for goes. */
    for (u64 i = 0; i < nr_chunks; i += 4)
        drop_chunk(i);
    machine_run(&machine, 5000);
    machine_expect(&machine, 48 * MIB);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_MIGRATION_ROOM);
    check_chunks();
}

TEST_WITH(test_fixed_pages_stay, NULL, machine_end)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine_attach(&machine);
    forget_chunks();
    machine_resize(&machine, 64 * MIB, 1);
    static paddr_t users[24];
    for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
        users[i] = page_alloc(9, PAGE_USER);
    scatter(8 * MIB, 50);
    machine_resize(&machine, 32 * MIB, 5000);
    assert_has(described(), "user=24 metadata=0 refused=0 movable=");
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_PAGES_IN_USE);
    for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
        page_free(users[i], 9);
    machine_run(&machine, 1000);
    machine_expect(&machine, 32 * MIB);
    assert_string_equal(described(), "");
    check_chunks();
}

TEST_WITH(test_broken_in_the_middle, NULL, machine_end)
{
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    vmem_virtio_break(&machine.device.transport.device, "it was pulled out");
    u64 moved = nr_chunk_moves;
    machine.due_ms = vmem_service(machine.driver, platform_now_ms());
    assert_int_equal(machine.due_ms, VMEM_NEVER);
    expect_all_open();
    assert_int_equal(nr_chunk_moves, moved);
    machine_detach(&machine, E_BUSY);
    drop_all_chunks();
    machine_detach(&machine, OK);
    assert_int_equal(fake_mapped_bytes(), 0);
}

TEST_WITH(test_two_devices_at_once, NULL, machine_end)
{
    static struct machine other;
    start_scattered(2 * MIB, 128 * MIB, 0);
    machine_add(&other, FAKE_VMEM_QEMU, "vmem1", MACHINE_BASE + 2 * GIB, 2 * MIB, 64);
    machine_attach(&other);
    machine_resize(&other, 128 * MIB, 0);
    assert_int_equal(other.device.plugged_bytes, 128 * MIB);
    scatter(256 * MIB, 40);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    fake_vmem_set_requested(&other.device, 64 * MIB);
    for (unsigned i = 0; i < 1000; i++) {
        (void)vmem_service(machine.driver, platform_now_ms());
        (void)vmem_service(other.driver, platform_now_ms());
        /* The one that waits for the other's end would not have moved by now. */
        if (i == 10)
            assert_true(machine_status(&machine).migrated_blocks >= 5);
    }
    assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
    assert_int_equal(other.device.plugged_bytes, 64 * MIB);
    assert_true(machine_status(&other).migrated_blocks > 0);
    check_chunks();
    page_check();
}
