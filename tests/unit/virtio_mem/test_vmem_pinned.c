/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver moving pages out of blocks while an owner, the memory or the
 * device says no: what it does, what it says, and that nothing stays closed.
 */
#include "extras/check/page_check.h"
#include "lib/log.h"
#include "mm/hotplug/hotplug.h"
#include "tests/fakes/fake_attach.h"
#include "tests/fakes/fake_chunks.h"
#include "tests/unit/unit.h"

#define PINNED_BYTES 256

/* ---- somebody says no ---- */

TEST_WITH(test_another_block_stands_in, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 30);
    fake_vmem_set_requested(&machine.device, 40 * MIB);
    run_until_moved(1);
    for (refused_chunk = 0; chunk_moves[refused_chunk] == 0; refused_chunk++)
        ;
    /* A neighbour of the first that moved is still there to be refused. */
    while (chunks[refused_chunk] == 0 || chunk_moves[refused_chunk] != 0)
        refused_chunk--;
    machine_run(&machine, 10);
    machine_expect(&machine, 40 * MIB);
    assert_int_equal(machine_status(&machine).migration_refusals, nr_refused);
    check_chunks();
}

TEST_WITH(test_an_owner_refuses, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 50);
    refuses_all = true;
    machine_resize(&machine, 16 * MIB, 5000);
    struct vmem_status status = machine_status(&machine);
    assert_int_equal(status.wait, VMEM_WAIT_MIGRATION_REFUSED);
    assert_int_equal(machine_said("blocks stay plugged while pages in them are in use"), 1);
    char text[PINNED_BYTES];
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_non_null(strstr(text, "blocks user=0 metadata=0 refused=32 movable=0"));
    assert_non_null(strstr(text, ", refused by chunks=32"));
    assert_int_equal(machine_said(text), 1);
    expect_all_open();
    /* It is asked again, but ever more seldom. */
    u64 calls = machine.nr_calls;
    u64 refusals = nr_refused;
    machine_run(&machine, 100000);
    assert_in_range(nr_refused, refusals + 1, refusals + 50 * 32);
    assert_true(machine.nr_calls - calls < 2000);
    /* And when it has no reason any more, the resize is completed without anybody's help. */
    refuses_all = false;
    machine_run(&machine, 3000);
    check_chunks();
    assert_true(machine.device.plugged_bytes <= 36 * MIB);
}

/* It is asked again after 10 ms, not only when the next look at the device is due. */
TEST_WITH(test_an_owner_is_asked_again_soon, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 50);
    refuses_all = true;
    machine_resize(&machine, 40 * MIB, 0);
    machine_expect(&machine, 64 * MIB);
    refuses_all = false;
    machine_run(&machine, 11);
    machine_expect(&machine, 40 * MIB);
    check_chunks();
}

/* A new size is tried at once, however long the last one was waited for. */
TEST_WITH(test_new_size_after_falling_short, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 50);
    refuses_all = true;
    machine_resize(&machine, 40 * MIB, 20000);
    machine_expect(&machine, 64 * MIB);
    refuses_all = false;
    machine_resize(&machine, 42 * MIB, 0);
    machine_expect(&machine, 42 * MIB);
    check_chunks();
}

/* What is waited for now is all that status says: nothing of a shrink that is over. */
TEST_WITH(test_status_after_falling_short, NULL, shut_down)
{
    char text[PINNED_BYTES];
    start_scattered(2 * MIB, 64 * MIB, 50);
    refuses_all = true;
    machine_resize(&machine, 40 * MIB, 5000);
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_int_not_equal(text[0], 0);
    machine.device.moods.silent = 1;
    assert_int_equal(vmem_verify(machine.driver), OK);
    machine_run(&machine, 1);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_PROBING);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_NONE); /* but for an answer */
    machine_run(&machine, 70000);
    machine.device.moods.busy = ~0u;
    machine_resize(&machine, 128 * MIB, 5000);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_HOST_MEMORY);
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_int_equal(text[0], 0);
}

TEST_WITH(test_no_room, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 100);
    while (page_alloc(9, PAGE_BOOT_FIRST) != PADDR_NONE) /* boot RAM is no way out */
        ;
    machine_resize(&machine, 32 * MIB, 5000);
    machine_expect(&machine, 64 * MIB);
    struct vmem_status status = machine_status(&machine);
    assert_int_equal(status.wait, VMEM_WAIT_MIGRATION_ROOM);
    assert_int_equal(nr_chunk_moves, 0);
    /* Chunks are freed here and there: what that makes room for goes. */
    for (u64 i = 0; i < nr_chunks; i += 4)
        drop_chunk(i);
    machine_run(&machine, 5000);
    machine_expect(&machine, 48 * MIB);
    status = machine_status(&machine);
    assert_int_equal(status.wait, VMEM_WAIT_MIGRATION_ROOM);
    check_chunks();
}

TEST_WITH(test_fixed_pages_stay, NULL, shut_down)
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
    char text[PINNED_BYTES];
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_non_null(strstr(text, "user=24 metadata=0 refused=0 movable="));
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_PAGES_IN_USE);
    for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
        page_free(users[i], 9);
    machine_run(&machine, 1000);
    machine_expect(&machine, 32 * MIB);
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_string_equal(text, "");
    check_chunks();
}

/* mm cannot unmap what was emptied, for want of a page table: tried again, nothing lost. */
TEST_WITH(test_no_table, NULL, shut_down)
{
    start_scattered(2 * MIB, 64 * MIB, 30);
    fake_vmem_set_requested(&machine.device, 32 * MIB);
    run_until_moved(1);
    fake_fail_unmap_after(0);
    machine_run(&machine, 100);
    expect_all_open();
    machine_run(&machine, 3000);
    machine_expect(&machine, 32 * MIB);
    check_chunks();
}

/* ---- the device says no, or goes ---- */

static void survive(unsigned *mood)
{
    start_scattered(2 * MIB, 256 * MIB, 40);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    *mood = 3;
    machine.device.is_strict = false;
    machine_run(&machine, 1000000);
    assert_int_equal(*mood, 0);
    machine_expect(&machine, 128 * MIB);
    check_chunks();
    machine_shutdown(&machine);
}

TEST_WITH(test_answers_that_are_no_ack, NULL, shut_down)
{
    survive(&machine.device.moods.busy);
    survive(&machine.device.moods.nack);
    survive(&machine.device.moods.error);
    survive(&machine.device.moods.error_half);
    survive(&machine.device.moods.silent);
    survive(&machine.device.moods.lost);
    survive(&machine.device.moods.needs_reset);
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* While the device does not follow, nothing is kept from those who want memory. */
TEST_WITH(test_nothing_stays_closed, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 40);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    machine.device.moods.busy = 1000;
    machine_run(&machine, 5);
    assert_true(machine_status(&machine).replies[VIRTIO_MEM_RESP_BUSY] > 0);
    expect_all_open();
    machine.device.moods.busy = 0;
    run_until_moved(nr_chunk_moves + 1);
    assert_int_equal(vmem_verify(machine.driver), OK);
    expect_all_open();
    run_until_moved(nr_chunk_moves + 1);
    machine.device.moods.needs_reset = 1;
    machine.device.is_strict = false;
    for (unsigned calls = 0; machine_status(&machine).resets == 0; calls++) {
        assert_true(calls < 10000);
        machine_run(&machine, 1);
    }
    expect_all_open();
    machine_run(&machine, 100000);
    machine_expect(&machine, 128 * MIB);
    check_chunks();
}

TEST_WITH(test_broken_in_the_middle, NULL, shut_down)
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
    assert_int_equal(vmem_detach(machine.driver), E_BUSY);
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i])
            drop_chunk(i);
    }
    assert_int_equal(vmem_detach(machine.driver), OK);
    assert_int_equal(fake_mapped_bytes(), 0);
}

/* Pulled out: the driver hears of it only as it is told to let go. */
TEST_WITH(test_gone_in_the_middle, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i])
            drop_chunk(i);
    }
    vmem_virtio_break(&machine.device.transport.device, "it was pulled out");
    assert_int_equal(vmem_detach(machine.driver), OK);
    assert_int_equal(fake_mapped_bytes(), 0);
    page_check();
}

TEST_WITH(test_off_in_the_middle, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    assert_int_equal(vmem_detach(machine.driver), E_BUSY); /* and goes on as before */
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i])
            drop_chunk(i);
    }
    int status;
    while ((status = vmem_detach(machine.driver)) == E_AGAIN)
        machine_run(&machine, 10);
    assert_int_equal(status, OK);
    assert_int_equal(fake_mapped_bytes(), 0);
    assert_int_equal(machine.device.plugged_bytes, 0);
    page_check();
}

TEST_WITH(test_verify_and_sleep_in_the_middle, NULL, shut_down)
{
    start_scattered(2 * MIB, 256 * MIB, 40);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    assert_int_equal(vmem_verify(machine.driver), OK);
    run_until_moved(40);
    assert_int_equal(machine_said(" corrected=0 requests="), 1);
    vmem_resume(machine.driver, platform_now_ms());
    expect_all_open();
    machine_run(&machine, 10000);
    machine_expect(&machine, 128 * MIB);
    check_chunks();
}

/* ---- two devices ---- */

TEST_WITH(test_two_devices_at_once, NULL, shut_down)
{
    static struct fake_vmem other;
    struct vmem_device *driver;
    start_scattered(2 * MIB, 128 * MIB, 0);
    fake_vmem_init(&other, FAKE_VMEM_QEMU, MACHINE_BASE + 2 * GIB, 2 * MIB, 64);
    assert_int_equal(
        fake_attach(&other.transport.device, "vmem1", VMEM_IRQ_AUTO, VMEM_INIT_UNPLUG_ALL, &driver),
        OK);
    fake_vmem_set_requested(&other, 128 * MIB);
    (void)vmem_service(driver, platform_now_ms());
    assert_int_equal(other.plugged_bytes, 128 * MIB);
    scatter(256 * MIB, 40);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    fake_vmem_set_requested(&other, 64 * MIB);
    for (unsigned i = 0; i < 1000; i++) {
        (void)vmem_service(machine.driver, platform_now_ms());
        (void)vmem_service(driver, platform_now_ms());
        /* The one that waits for the other's end would not have moved by now. */
        if (i == 10)
            assert_true(machine_status(&machine).migrated_blocks >= 5);
    }
    struct vmem_status status;
    vmem_get_status(driver, &status);
    assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
    assert_int_equal(other.plugged_bytes, 64 * MIB);
    assert_true(status.migrated_blocks > 0);
    check_chunks();
    page_check();
    fake_vmem_free(&other);
}
