/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver moving pages out of blocks: that a shrink is complete, that
 * the host may change its mind at any moment, and what happens when an owner,
 * the memory or the device says no. Pages are numbers here: the region is not there.
 */
#include "include/units.h"
#include "lib/log.h"
#include "mm/hotplug.h"
#include "tests/unit/fake_vmem_machine.h"

#define CHUNK_ORDER 6
#define CHUNK       (256 * KIB)
#define CHUNKS_MAX  4096

static struct machine machine;
static paddr_t chunks[CHUNKS_MAX]; /* 0: freed */
static u8 moves[CHUNKS_MAX];
static u64 nr_chunks;
static u64 nr_moves;
static u64 nr_refused;
static bool refuses_all;
static u64 refused_chunk;

static u64 chunk_at(paddr_t paddr)
{
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i] == paddr)
            return i;
    }
    fail_msg("asked to move 0x%lx, which is no chunk", paddr);
    return 0;
}

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    u64 index = chunk_at(from);
    (void)owner;
    if (refuses_all || index == refused_chunk) {
        nr_refused++;
        return false;
    }
    chunks[index] = to;
    moves[index]++;
    nr_moves++;
    return true;
}

static struct page_owner owner = {"chunks", CHUNK_ORDER, move, 0};

static int shut_down(void **state)
{
    (void)state;
    machine_shutdown(&machine);
    return 0;
}

static void forget_chunks(void)
{
    memset(chunks, 0, sizeof(chunks));
    memset(moves, 0, sizeof(moves));
    nr_chunks = nr_moves = nr_refused = 0;
    refuses_all = false;
    refused_chunk = CHUNKS_MAX;
    assert_int_equal(page_add_owner(&owner), OK);
}

static void drop(u64 index)
{
    page_free(chunks[index], CHUNK_ORDER);
    chunks[index] = 0;
}

/* Fill with chunks, then keep a share that a small generator picks. */
static void scatter(u64 bytes, u64 percent)
{
    u64 random = 12345;
    for (u64 i = 0; i < bytes / CHUNK; i++) {
        chunks[nr_chunks] = page_alloc_movable(&owner);
        assert_true(chunks[nr_chunks++] != PADDR_NONE);
    }
    for (u64 i = 0; i < nr_chunks; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % 100 >= percent && chunks[i])
            drop(i);
    }
}

static void start_scattered(u64 block_bytes, u64 bytes, u64 percent)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, block_bytes, GIB / block_bytes);
    machine_attach(&machine);
    forget_chunks();
    machine_resize(&machine, bytes, 1);
    scatter(bytes, percent);
}

/* Every chunk is where the driver left memory, and none moved twice. */
static void check_chunks(void)
{
    for (u64 i = 0; i < nr_chunks; i++) {
        assert_true(moves[i] <= 1);
        if (chunks[i] >= MACHINE_BASE)
            assert_true(fake_is_mapped(chunks[i], CHUNK));
    }
}

/* The next calls, one at a time, until so many chunks were moved in all. */
static void run_until_moved(u64 wanted)
{
    for (unsigned calls = 0; nr_moves < wanted; calls++) {
        assert_true(calls < 1000);
        machine.due_ms = vmem_service(machine.driver, platform_now_ms());
    }
}

/* All that is free can be had: nothing is closed. */
static void expect_all_open(void)
{
    struct page_stats stats;
    u64 nr_got = 0;
    static paddr_t got[CHUNKS_MAX];
    while ((got[nr_got] = page_alloc_movable(&owner)) != PADDR_NONE)
        nr_got++;
    page_get_stats(&stats);
    assert_int_equal(stats.plugged_used, stats.plugged_frames);
    while (nr_got > 0)
        page_free(got[--nr_got], CHUNK_ORDER);
}

static void test_half_of_it_goes(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 512 * MIB, 42);
    u64 before = machine.device.count[VIRTIO_MEM_REQ_UNPLUG];
    machine_resize(&machine, 256 * MIB, 10);
    machine_expect(&machine, 256 * MIB);
    check_chunks();
    struct vmem_status status = machine_status(&machine);
    assert_int_equal(status.phase, VMEM_PHASE_SETTLED);
    assert_in_range(status.emptied_blocks, 100, 128);
    /* The cheapest blocks hold less than the average: three and a third chunks. */
    assert_true(nr_moves < status.emptied_blocks * 3);
    /* Neighbours go in one request. */
    u64 requests = machine.device.count[VIRTIO_MEM_REQ_UNPLUG] - before;
    assert_true(requests < status.emptied_blocks * 3 / 4);
    assert_int_equal(machine_said("warning"), 0);
}

/* As much as the chunks leave room for, whatever the share: block by block the best possible. */
static void test_best_possible(void **state)
{
    (void)state;
    static const u64 shares[] = {0, 10, 50, 90, 100};
    for (unsigned i = 0; i < ARRAY_SIZE(shares); i++) {
        start_scattered(2 * MIB, 128 * MIB, shares[i]);
        paddr_t boot_ram; /* is no way out */
        while ((boot_ram = page_alloc(9, PAGE_KERNEL)) < MACHINE_BASE)
            ;
        if (boot_ram != PADDR_NONE)
            page_free(boot_ram, 9);
        u64 live = 0;
        for (u64 j = 0; j < nr_chunks; j++)
            live += chunks[j] != 0;
        u64 least = align_up(live * CHUNK, 2 * MIB);
        machine_resize(&machine, 2 * MIB, 20000);
        assert_true(machine.device.plugged_bytes <= max_u64(least, 2 * MIB));
        check_chunks();
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* One call moves at most an area's pages, also where a block has several. */
static void test_small_steps(void **state)
{
    (void)state;
    start_scattered(8 * MIB, 256 * MIB, 60);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    u64 before;
    do {
        before = nr_moves;
        machine.due_ms = vmem_service(machine.driver, platform_now_ms());
        assert_true(nr_moves - before <= 8);
    } while (machine.due_ms <= platform_now_ms());
    machine_run(&machine, 10);
    machine_expect(&machine, 128 * MIB);
    check_chunks();
}

/* Blocks smaller than an area are emptied an area at a time, and no more of them go than are asked
 * for. */
static void test_small_blocks(void **state)
{
    (void)state;
    start_scattered(512 * KIB, 64 * MIB, 40);
    u64 wanted = 64 * MIB - 53 * 512 * KIB;
    machine_resize(&machine, wanted, 5000);
    machine_expect(&machine, wanted);
    check_chunks();
}

/* ---- the host changes its mind ---- */

static void test_all_is_wanted_after_all(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(30);
    fake_vmem_set_requested(&machine.device, 256 * MIB);
    u64 moved = nr_moves;
    machine_run(&machine, 10);
    assert_int_equal(nr_moves, moved);
    machine_expect(&machine, 256 * MIB);
    assert_int_equal(machine_status(&machine).phase, VMEM_PHASE_SETTLED);
    expect_all_open();
    check_chunks();
}

static void test_more_is_wanted_than_there_was(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(30);
    machine_resize(&machine, 300 * MIB, 10);
    machine_expect(&machine, 300 * MIB);
    expect_all_open();
}

static void test_less_is_wanted_back(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 100 * MIB + 56 * MIB);
    run_until_moved(60);
    u64 emptied = machine_status(&machine).emptied_blocks;
    assert_true(emptied > 4);
    u64 plugged = machine.device.plugged_bytes;
    machine_resize(&machine, plugged - 6 * MIB, 10);
    machine_expect(&machine, plugged - 6 * MIB);
    assert_int_equal(machine_status(&machine).emptied_blocks, emptied);
    expect_all_open();
}

static void test_still_more_is_to_go(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 256 * MIB, 30);
    fake_vmem_set_requested(&machine.device, 200 * MIB);
    run_until_moved(4);
    machine_resize(&machine, 100 * MIB, 10);
    machine_expect(&machine, 100 * MIB);
    for (u64 i = 0; i < nr_chunks; i++) /* two resizes */
        assert_true(moves[i] <= 2);
}

/* ---- somebody says no ---- */

static void test_another_block_stands_in(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 64 * MIB, 30);
    fake_vmem_set_requested(&machine.device, 40 * MIB);
    run_until_moved(1);
    for (refused_chunk = 0; moves[refused_chunk] == 0; refused_chunk++)
        ;
    /* A neighbour of the first that moved is still there to be refused. */
    while (chunks[refused_chunk] == 0 || moves[refused_chunk] != 0)
        refused_chunk--;
    machine_run(&machine, 10);
    machine_expect(&machine, 40 * MIB);
    assert_int_equal(machine_status(&machine).refusals, nr_refused);
    check_chunks();
}

static void test_an_owner_refuses(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 64 * MIB, 50);
    refuses_all = true;
    machine_resize(&machine, 16 * MIB, 5000);
    struct vmem_status status = machine_status(&machine);
    assert_int_equal(status.phase, VMEM_PHASE_WAITING);
    assert_string_equal(status.waiting_for, "an owner does not let its pages be moved");
    assert_int_equal(machine_said("blocks stay plugged while pages in them are in use"), 1);
    char text[VMEM_PINNED_BYTES];
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_non_null(strstr(text, "blocks kernel=0 user=0 metadata=0 refused=32 movable=0"));
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

static void test_no_room(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 64 * MIB, 100);
    while (page_alloc(9, PAGE_KERNEL) != PADDR_NONE) /* boot RAM is no way out */
        ;
    machine_resize(&machine, 32 * MIB, 5000);
    machine_expect(&machine, 64 * MIB);
    struct vmem_status status = machine_status(&machine);
    assert_string_equal(status.waiting_for, "no memory is left to move pages to");
    assert_int_equal(nr_moves, 0);
    /* Chunks are freed here and there: what that makes room for goes. */
    for (u64 i = 0; i < nr_chunks; i += 4)
        drop(i);
    machine_run(&machine, 5000);
    machine_expect(&machine, 48 * MIB);
    check_chunks();
}

static void test_fixed_pages_stay(void **state)
{
    (void)state;
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine_attach(&machine);
    forget_chunks();
    machine_resize(&machine, 64 * MIB, 1);
    static paddr_t users[24];
    for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
        users[i] = page_alloc(9, PAGE_USER);
    scatter(8 * MIB, 50);
    machine_resize(&machine, 32 * MIB, 5000);
    char text[VMEM_PINNED_BYTES];
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_non_null(strstr(text, "kernel=0 user=24 metadata=0 refused=0 movable="));
    assert_string_equal(machine_status(&machine).waiting_for, "pages in use keep blocks plugged");
    for (unsigned i = 0; i < ARRAY_SIZE(users); i++)
        page_free(users[i], 9);
    machine_run(&machine, 1000);
    machine_expect(&machine, 32 * MIB);
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_string_equal(text, "");
    check_chunks();
}

/* mm cannot unmap what was emptied, for want of a page table: tried again, nothing lost. */
static void test_no_table(void **state)
{
    (void)state;
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

static void test_answers_that_are_no_ack(void **state)
{
    (void)state;
    survive(&machine.device.moods.busy);
    survive(&machine.device.moods.nack);
    survive(&machine.device.moods.error);
    survive(&machine.device.moods.error_half);
    survive(&machine.device.moods.silent);
    survive(&machine.device.moods.lost);
    survive(&machine.device.moods.needs_reset);
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

static void test_broken_in_the_middle(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    virtio_break(&machine.device.transport.device, "it was pulled out");
    u64 moved = nr_moves;
    machine.due_ms = vmem_service(machine.driver, platform_now_ms());
    assert_int_equal(machine.due_ms, VMEM_NEVER);
    expect_all_open();
    assert_int_equal(nr_moves, moved);
    assert_int_equal(vmem_detach(machine.driver), E_BUSY);
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i])
            drop(i);
    }
    assert_int_equal(vmem_detach(machine.driver), OK);
    assert_int_equal(fake_mapped_bytes(), 0);
}

static void test_off_in_the_middle(void **state)
{
    (void)state;
    start_scattered(2 * MIB, 256 * MIB, 50);
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    run_until_moved(20);
    assert_int_equal(vmem_detach(machine.driver), E_BUSY); /* and goes on as before */
    for (u64 i = 0; i < nr_chunks; i++) {
        if (chunks[i])
            drop(i);
    }
    int status;
    while ((status = vmem_detach(machine.driver)) == E_AGAIN)
        machine_run(&machine, 10);
    assert_int_equal(status, OK);
    assert_int_equal(fake_mapped_bytes(), 0);
    assert_int_equal(machine.device.plugged_bytes, 0);
    page_check();
}

static void test_verify_and_sleep_in_the_middle(void **state)
{
    (void)state;
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

static void test_two_devices_at_once(void **state)
{
    (void)state;
    static struct fake_vmem other;
    struct vmem_device *driver;
    start_scattered(2 * MIB, 128 * MIB, 0);
    fake_vmem_init(&other, FAKE_VMEM_QEMU, MACHINE_BASE + 2 * GIB, 2 * MIB, 64);
    assert_int_equal(vmem_attach(&other.transport.device, "vmem1", VIRTIO_IRQ_AUTO, &driver), OK);
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
            assert_true(machine_status(&machine).emptied_blocks >= 5);
    }
    struct vmem_status status;
    vmem_get_status(driver, &status);
    assert_int_equal(machine.device.plugged_bytes, 64 * MIB);
    assert_int_equal(other.plugged_bytes, 64 * MIB);
    assert_true(status.emptied_blocks > 0);
    check_chunks();
    page_check();
    fake_vmem_free(&other);
}

#define TEST(name) cmocka_unit_test_teardown(name, shut_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_half_of_it_goes),
        TEST(test_best_possible),
        TEST(test_small_steps),
        TEST(test_small_blocks),
        TEST(test_all_is_wanted_after_all),
        TEST(test_more_is_wanted_than_there_was),
        TEST(test_less_is_wanted_back),
        TEST(test_still_more_is_to_go),
        TEST(test_another_block_stands_in),
        TEST(test_an_owner_refuses),
        TEST(test_no_room),
        TEST(test_fixed_pages_stay),
        TEST(test_no_table),
        TEST(test_answers_that_are_no_ack),
        TEST(test_broken_in_the_middle),
        TEST(test_off_in_the_middle),
        TEST(test_verify_and_sleep_in_the_middle),
        TEST(test_two_devices_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
