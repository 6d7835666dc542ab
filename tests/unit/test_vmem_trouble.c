/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mem driver with a device in trouble: busy, refusing, wrong,
 * silent, reset. Each ends settled or broken in bounded time, what is in use
 * stays usable, and no block is lost or used twice.
 */
#include "tests/unit/fake_vmem_machine.h"

static struct machine machine;

static int shut_down(void **state)
{
    (void)state;
    machine_shutdown(&machine);
    return 0;
}

static void start_with_64m(enum fake_vmem_manner manner)
{
    machine_start(&machine, manner);
    machine_resize(&machine, 64 * MIB, 1);
    machine_expect(&machine, 64 * MIB);
}

/* Pages in use before the trouble; they must be mapped throughout. */
static paddr_t held_page;

static void hold_a_page(void)
{
    held_page = page_alloc(0, PAGE_USER);
    assert_in_range(held_page, MACHINE_BASE, MACHINE_BASE + GIB - 1);
}

static void expect_page_still_there(void)
{
    assert_true(fake_is_mapped(held_page, PAGE_BYTES));
    page_free(held_page, 0);
}

static void expect_broken(const char *reason)
{
    assert_int_equal(machine_status(&machine).phase, VMEM_PHASE_BROKEN);
    assert_non_null(strstr(vmem_virtio(machine.driver)->broken_reason, reason));
    assert_true(vmem_is_ready(machine.driver)); /* nobody need wait for it */
    assert_int_equal(vmem_service(machine.driver, platform_now_ms()), VMEM_NEVER);
}

/* ---- BUSY ---- */

/* 10, 20, 40 ... 2560, 2560 ms: after n refusals so much time has passed. */
static void test_busy_backs_off(void **state)
{
    (void)state;
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 11;
    machine_resize(&machine, 64 * MIB, 2550); /* 10 + ... + 1280 */
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 9);
    assert_string_equal(machine_status(&machine).waiting_for, "the device is busy");
    assert_int_equal(machine_status(&machine).phase, VMEM_PHASE_WAITING);
    machine_run(&machine, 2559);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 9);
    machine_run(&machine, 1);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 10);
    machine_run(&machine, 2 * 2560);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_status(&machine).replies[VIRTIO_MEM_RESP_BUSY], 11);
    assert_int_equal(machine_status(&machine).resets, 0);
    assert_int_equal(machine_said("requests=12"), 1);
}

/* While the device is busy with an unplug, the memory stays usable. */
static void test_busy_unplug(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.moods.busy = 3;
    machine_resize(&machine, 0, 1);
    machine_expect(&machine, 64 * MIB);
    hold_a_page();
    machine_run(&machine, 100);
    machine_expect(&machine, 2 * MIB);
    expect_page_still_there();
    machine_run(&machine, 0);
    machine_expect(&machine, 0);
}

static void test_busy_unplug_all(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    paddr_t far = MACHINE_BASE;
    paddr_t run = page_alloc_run(20 * 512, PAGE_USER);
    paddr_t split = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    assert_true(run != PADDR_NONE && split != PADDR_NONE && far != PADDR_NONE);
    page_free_run(run, 20 * 512);
    machine_resize(&machine, 0, 1); /* leaves two blocks apart */
    page_free(split, PAGE_ORDER_MAX);
    page_free(held_page, 0);
    machine.device.moods.busy = 5;
    machine_run(&machine, 1000);
    machine_expect(&machine, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL] +
                             machine.device.count[VIRTIO_MEM_REQ_UNPLUG] >=
                         6,
                     true);
}

/* The host changes its mind during the back-off: the new wish is tried at once. */
static void test_busy_then_new_wish(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.moods.busy = 9;
    machine_resize(&machine, 128 * MIB, 2550);
    assert_int_equal(machine.device.moods.busy, 0);
    machine_resize(&machine, 32 * MIB, 1);
    machine_expect(&machine, 32 * MIB);
}

/* A long migration at boot must not hold up `tide: ready` for ever. */
static void test_busy_for_ever_is_ready(void **state)
{
    (void)state;
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    machine.device.moods.busy = ~0u;
    machine_attach(&machine);
    machine_run(&machine, 100);
    assert_false(vmem_is_ready(machine.driver));
    machine_run(&machine, 60000);
    assert_true(vmem_is_ready(machine.driver));
    assert_true(machine.device.count[VIRTIO_MEM_REQ_PLUG] < 40);
    machine.device.moods.busy = 0;
    machine_run(&machine, 2560);
    machine_expect(&machine, 64 * MIB);
}

/* ---- NACK ---- */

/* Without a reason that can be seen in config space: as BUSY, and no spinning. */
static void test_nack_for_nothing(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.moods.nack = 4;
    machine_resize(&machine, 32 * MIB, 149);
    machine_expect(&machine, 64 * MIB);
    machine_run(&machine, 1); /* 10 + 20 + 40 + 80 */
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine_status(&machine).replies[VIRTIO_MEM_RESP_NACK], 4);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* ---- ERROR ---- */

/* Once: the run is asked about by STATE, and the plan goes on. No reset. */
static void test_error_once(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.moods.error = 1;
    machine_resize(&machine, 128 * MIB, 100);
    machine_expect(&machine, 128 * MIB);
    machine.device.moods.error = 1;
    machine_resize(&machine, 32 * MIB, 100);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_STATE], 2);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* ERROR after a part was done, with odd counts: bisection finds the part. */
static void test_error_after_part(void **state)
{
    (void)state;
    for (unsigned nr_blocks = 2; nr_blocks < 40; nr_blocks++) {
        machine_start(&machine, FAKE_VMEM_QEMU);
        machine.device.is_strict = false;
        machine.device.moods.error_half = 1;
        machine_resize(&machine, nr_blocks * MACHINE_BLOCK, 1000);
        machine_expect(&machine, nr_blocks * MACHINE_BLOCK);
        machine.device.moods.error_half = 1;
        machine_resize(&machine, 0, 1000);
        machine_expect(&machine, 0);
        assert_int_equal(machine_status(&machine).resets, 0);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* For ever: so many errors, so many resets, then broken; the page in use stays. */
static void test_error_for_ever(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    machine.device.moods.error = ~0u;
    machine_resize(&machine, 128 * MIB, 60000);
    expect_broken("it keeps answering ERROR, and 3 resets did not help");
    assert_int_equal(machine_status(&machine).resets, 3);
    assert_true(fake_vmem_requests(&machine.device) < 30);
    expect_page_still_there();
}

/* Firecracker says ERROR where the wish has shrunk under way. */
static void shrink_wish_to_8m(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    device->before_request = NULL;
    fake_vmem_set_requested(device, 8 * MIB);
}

static void test_error_is_firecrackers_nack(void **state)
{
    (void)state;
    machine_start(&machine, FAKE_VMEM_FIRECRACKER);
    machine.device.is_strict = false;
    machine.device.before_request = shrink_wish_to_8m;
    machine_resize(&machine, 512 * MIB, 100);
    machine_expect(&machine, 8 * MIB);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* StratoVirt refuses an unplug below what is requested, when the wish grew under way. */
static void grow_wish_to_64m(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    device->before_request = NULL;
    fake_vmem_set_requested(device, 64 * MIB);
}

static void test_nack_on_unplug(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_STRATOVIRT);
    machine.device.is_strict = false;
    machine.device.before_request = grow_wish_to_64m;
    machine_resize(&machine, 16 * MIB, 1);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_status(&machine).replies[VIRTIO_MEM_RESP_NACK], 1);
}

/* ---- no valid answer ---- */

static void test_invalid_answers(void **state)
{
    (void)state;
    static const size_t moods[] = {
        offsetof(struct fake_vmem_moods, bad_type),
        offsetof(struct fake_vmem_moods, nothing),
        offsetof(struct fake_vmem_moods, needs_reset),
    };
    for (unsigned i = 0; i < ARRAY_SIZE(moods); i++) {
        start_with_64m(FAKE_VMEM_QEMU);
        hold_a_page();
        unsigned *mood = (unsigned *)(void *)((char *)&machine.device.moods + moods[i]);
        *mood = 1;
        machine_resize(&machine, 128 * MIB, 1000);
        machine_expect(&machine, 128 * MIB);
        assert_int_equal(machine_status(&machine).resets, 1);
        *mood = 1;
        machine_resize(&machine, 32 * MIB, 1000);
        machine_expect(&machine, 32 * MIB);
        *mood = 100;
        machine_resize(&machine, 128 * MIB, 10000);
        expect_broken("3 resets did not help");
        expect_page_still_there();
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* ---- silence ---- */

/* Not done and not answered; and done and not answered: STATE tells which, after a reset. */
static void test_silence(void **state)
{
    (void)state;
    for (unsigned is_done = 0; is_done < 2; is_done++) {
        start_with_64m(FAKE_VMEM_QEMU);
        hold_a_page();
        unsigned *mood = is_done ? &machine.device.moods.lost : &machine.device.moods.silent;
        *mood = 1;
        machine_resize(&machine, 128 * MIB, 59999);
        assert_int_equal(machine_status(&machine).phase, VMEM_PHASE_WORKING);
        assert_int_equal(machine_status(&machine).timeouts, 0);
        assert_true(machine.nr_calls < 100); /* no spinning meanwhile */
        machine_run(&machine, 100);
        assert_int_equal(machine_status(&machine).timeouts, 1);
        machine_expect(&machine, 128 * MIB);
        *mood = 1;
        machine_resize(&machine, 2 * MIB, 70000);
        machine_expect(&machine, 2 * MIB);
        expect_page_still_there();
        *mood = 1;
        machine_resize(&machine, 0, 70000);
        machine_expect(&machine, 0);
        assert_int_equal(machine_status(&machine).resets, 3);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

static void test_silence_for_ever(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    machine.device.moods.silent = ~0u;
    machine_resize(&machine, 128 * MIB, 60 * 60 * 1000);
    expect_broken("it did not answer in time, and 3 resets did not help");
    assert_int_equal(machine_status(&machine).timeouts, 4);
    expect_page_still_there();
}

/* A slow device that answers within the limit is no trouble at all. */
static void test_slow_answer(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.transport.hold = true;
    machine_resize(&machine, 128 * MIB, 50000);
    machine_expect(&machine, 64 * MIB);
    assert_true(vmem_is_ready(machine.driver));
    machine.device.transport.hold = false;
    fake_transport_process(&machine.device.transport, 0);
    machine_run(&machine, 1);
    machine_expect(&machine, 128 * MIB);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* ---- DEVICE_NEEDS_RESET ---- */

static void test_needs_reset_at_rest(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 100);
    assert_int_equal(machine_status(&machine).resets, 1);
    assert_int_equal(machine_status(&machine).phase, VMEM_PHASE_SETTLED);
    machine_resize(&machine, 128 * MIB, 100);
    machine_expect(&machine, 128 * MIB);
    expect_page_still_there();
}

/* Now and then it is recovered for ever; again and again, without a calm time between, it is not.
 */
static void test_needs_reset_again(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 10; i++) {
        fake_transport_fail(&machine.device.transport);
        machine_run(&machine, 20000);
    }
    assert_int_equal(machine_status(&machine).resets, 10);
    for (unsigned i = 0; i < 4; i++) {
        fake_transport_fail(&machine.device.transport);
        machine_run(&machine, 1000);
    }
    expect_broken("it asks for a reset (DEVICE_NEEDS_RESET), and 3 resets did not help");
}

/* The interrupt that tells of it is lost: the slow look finds it. */
static void test_needs_reset_unnoticed(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.transport.faults.no_interrupts = true;
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 1100);
    assert_int_equal(machine_status(&machine).resets, 1);
}

static void test_reset_never_ends(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    machine.device.transport.faults.reset_reads = ~0u;
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 10000);
    expect_broken("after a reset");
    expect_page_still_there();
}

static void test_vanished(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    machine.device.transport.faults.vanished = true;
    machine_run(&machine, 10000);
    expect_broken("vanished");
    expect_page_still_there();
}

/* After a reset the region is another: that is not the device we knew. */
static void test_region_moves_at_reset(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    hold_a_page();
    machine.device.base += GIB;
    fake_vmem_update(&machine.device);
    fake_transport_fail(&machine.device.transport);
    machine_run(&machine, 10000);
    expect_broken("addr changed from 0x100000000 to 0x140000000");
    expect_page_still_there();
}

/* ---- mm refuses ---- */

/* No page table for the new memory: the blocks go back, and it is tried again. */
static void test_no_page_tables_to_plug(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
    fake_fail_map_after(0);
    machine_resize(&machine, 128 * MIB, 500);
    assert_true(vmem_is_ready(machine.driver));
    machine_run(&machine, 5000);
    machine_expect(&machine, 128 * MIB);
    assert_int_equal(machine_status(&machine).resets, 0);
}

static void test_no_page_tables_to_unplug(void **state)
{
    (void)state;
    start_with_64m(FAKE_VMEM_QEMU);
    fake_fail_unmap_after(0);
    machine_resize(&machine, 32 * MIB, 500);
    machine_expect(&machine, 64 * MIB);
    machine_run(&machine, 2000);
    machine_expect(&machine, 32 * MIB);
}

#define scenario(test) cmocka_unit_test_teardown(test, shut_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scenario(test_busy_backs_off),
        scenario(test_busy_unplug),
        scenario(test_busy_unplug_all),
        scenario(test_busy_then_new_wish),
        scenario(test_busy_for_ever_is_ready),
        scenario(test_nack_for_nothing),
        scenario(test_error_once),
        scenario(test_error_after_part),
        scenario(test_error_for_ever),
        scenario(test_error_is_firecrackers_nack),
        scenario(test_nack_on_unplug),
        scenario(test_invalid_answers),
        scenario(test_silence),
        scenario(test_silence_for_ever),
        scenario(test_slow_answer),
        scenario(test_needs_reset_at_rest),
        scenario(test_needs_reset_again),
        scenario(test_needs_reset_unnoticed),
        scenario(test_reset_never_ends),
        scenario(test_vanished),
        scenario(test_region_moves_at_reset),
        scenario(test_no_page_tables_to_plug),
        scenario(test_no_page_tables_to_unplug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
