/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Refusals: BUSY, NACK, ERROR, from the device or from mm. Each ends settled or
 * broken in bounded time, what is in use stays usable, and no block is lost or
 * used twice.
 */
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

/* ---- BUSY ---- */

/* 10, 20, 40 ... 2560, 2560 ms: after n refusals so much time has passed. */
TEST_WITH(test_busy_backs_off, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 11;
    machine_resize(&machine, 64 * MIB, 2550); /* 10 + ... + 1280 */
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 9);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_HOST_MEMORY);
    machine_run(&machine, 2559);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 9);
    machine_run(&machine, 1);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 10);
    machine_run(&machine, 2 * 2560);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_status(&machine).replies[VIRTIO_MEM_RESP_BUSY], 11);
    assert_int_equal(machine_status(&machine).resets, 0);
    assert_int_equal(machine_said("requests=17"), 1); /* 1, 2, 4, 8, 16 and 1 block */
    assert_int_equal(machine_said("waiting, the host gives no more memory: requested=67108864"), 1);
}

/* After a success the next BUSY is waited for as the first was. */
TEST_WITH(test_success_ends_back_off, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 6;
    machine_resize(&machine, 64 * MIB, 10000);
    machine.device.moods.busy = 1;
    machine_resize(&machine, 128 * MIB, 10);
    machine_expect(&machine, 128 * MIB);
}

/* 32 blocks, 16 of them idle, no two side by side: a shrink takes 16 requests. */
static void start_with_every_other_block_in_use(void)
{
    paddr_t pages[32];
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < 32; i++)
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    for (unsigned i = 0; i < 32; i += 2)
        page_free(pages[i], PAGE_ORDER_MAX);
}

/* Sixteen refusals of one batch are one: after 10 ms it is tried again. */
TEST_WITH(test_busy_batch, NULL, shut_down)
{
    start_with_every_other_block_in_use();
    machine.device.moods.busy = 16;
    machine_resize(&machine, 32 * MIB, 10);
    machine_expect(&machine, 32 * MIB);
}

/* While the device is busy with an unplug, the memory stays usable. */
TEST_WITH(test_busy_unplug, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 3;
    machine_resize(&machine, 0, 1);
    machine_expect(&machine, 64 * MIB);
    machine_hold_page(&machine);
    machine_run(&machine, 100);
    machine_expect(&machine, 2 * MIB);
    machine_expect_page(&machine);
    machine_run(&machine, 0);
    machine_expect(&machine, 0);
}

TEST_WITH(test_busy_unplug_all, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    paddr_t far = MACHINE_BASE;
    paddr_t run = page_alloc_run(20 * 512, PAGE_USER);
    paddr_t split = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    assert_true(run != PADDR_NONE && split != PADDR_NONE && far != PADDR_NONE);
    page_free_run(run, 20 * 512);
    machine_resize(&machine, 0, 1); /* leaves two blocks apart */
    page_free(split, PAGE_ORDER_MAX);
    page_free(machine.page, 0);
    machine.device.moods.busy = 5;
    machine_run(&machine, 1000);
    machine_expect(&machine, 0);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL] +
                             machine.device.count[VIRTIO_MEM_REQ_UNPLUG] >=
                         6,
                     true);
}

/* The host changes its mind during the back-off: the new wish is tried at once. */
TEST_WITH(test_busy_then_new_wish, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.busy = 9;
    machine_resize(&machine, 128 * MIB, 2550);
    assert_int_equal(machine.device.moods.busy, 0);
    machine_resize(&machine, 32 * MIB, 1);
    machine_expect(&machine, 32 * MIB);
}

/* A long migration at boot must not hold up `tide: ready` for ever. */
TEST_WITH(test_busy_for_ever_is_ready, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    fake_vmem_set_requested(&machine.device, 64 * MIB);
    machine.device.moods.busy = ~0u;
    machine_attach(&machine);
    machine_run(&machine, 100);
    assert_false(machine_status(&machine).is_ready);
    machine_run(&machine, 60000);
    assert_true(machine_status(&machine).is_ready);
    assert_true(machine.device.count[VIRTIO_MEM_REQ_PLUG] < 40);
    machine.device.moods.busy = 0;
    machine_run(&machine, 2560);
    machine_expect(&machine, 64 * MIB);
}

/* ---- NACK ---- */

/* Without a reason that can be seen in config space: as BUSY, and no spinning. */
TEST_WITH(test_nack_for_nothing, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
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
TEST_WITH(test_error_once, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.moods.error = 1;
    machine_resize(&machine, 128 * MIB, 100);
    machine_expect(&machine, 128 * MIB);
    machine.device.moods.error = 1;
    machine_resize(&machine, 32 * MIB, 100);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_STATE], 2);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* Several of one batch count once: five are no reason for a reset. */
TEST_WITH(test_errors_of_a_batch, NULL, shut_down)
{
    start_with_every_other_block_in_use();
    machine.device.moods.error = 5;
    machine_resize(&machine, 32 * MIB, 1000);
    machine_expect(&machine, 32 * MIB);
    assert_int_equal(machine_status(&machine).resets, 0);
    assert_int_equal(machine_status(&machine).replies[VIRTIO_MEM_RESP_ERROR], 5);
}

/* ERROR after a part was done, with odd counts: bisection finds the part. */
TEST_WITH(test_error_after_part, NULL, shut_down)
{
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
TEST_WITH(test_error_for_ever, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_hold_page(&machine);
    machine.device.moods.error = ~0u;
    machine_resize(&machine, 128 * MIB, 60000);
    machine_expect_broken(&machine, "it keeps answering ERROR, and 3 resets did not help");
    assert_int_equal(machine_status(&machine).resets, 3);
    assert_true(fake_vmem_requests(&machine.device) < 30);
    machine_expect_page(&machine);
}

/* Firecracker says ERROR where the wish has shrunk under way. */
static void shrink_wish_to_8m(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)request;
    device->before_request = NULL;
    fake_vmem_set_requested(device, 8 * MIB);
}

TEST_WITH(test_error_is_firecrackers_nack, NULL, shut_down)
{
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

TEST_WITH(test_nack_on_unplug, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_STRATOVIRT);
    machine.device.is_strict = false;
    machine.device.before_request = grow_wish_to_64m;
    machine_resize(&machine, 16 * MIB, 1);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_status(&machine).replies[VIRTIO_MEM_RESP_NACK], 1);
}

/* ---- mm refuses ---- */

/* No page table for the new memory: the blocks go back, and it is tried again. */
TEST_WITH(test_no_page_tables_to_plug, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false;
    fake_fail_map_after(0);
    machine_resize(&machine, 128 * MIB, 500);
    assert_true(machine_status(&machine).is_ready);
    machine_run(&machine, 5000);
    machine_expect(&machine, 128 * MIB);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* Nor at the second try: the device gets the blocks back (M14), and a second later is asked anew.
 */
static void fail_at_state(struct fake_vmem *device, const struct fake_vmem_request *request)
{
    (void)device;
    if (request->type == VIRTIO_MEM_REQ_STATE)
        fake_fail_map_after(0);
}

TEST_WITH(test_what_cannot_be_used_goes_back, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.is_strict = false; /* giving back goes below the requested size */
    machine.device.before_request = fail_at_state;
    fake_fail_map_after(0);
    machine_resize(&machine, 128 * MIB, 500);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 1);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 2);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_ONLINE_MEMORY);
    machine_run(&machine, 1000);
    machine_expect(&machine, 128 * MIB);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 3);
}

/* UNPLUG ALL takes all offline or nothing: the second piece cannot be, so the first comes back. */
TEST_WITH(test_no_page_tables_to_unplug_all, NULL, shut_down)
{
    static paddr_t pages[3];
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 6 * MIB, 1);
    for (unsigned i = 0; i < 3; i++)
        pages[i] = page_alloc(PAGE_ORDER_MAX, PAGE_USER);
    page_free(pages[1], PAGE_ORDER_MAX);
    machine_resize(&machine, 4 * MIB, 1);
    page_free(pages[0], PAGE_ORDER_MAX);
    page_free(pages[2], PAGE_ORDER_MAX);
    fake_fail_unmap_after(1);
    machine_resize(&machine, 0, 500);
    machine_expect(&machine, 4 * MIB);
    assert_int_equal(fake_vmem_requests(&machine.device), 2);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_OFFLINE_MEMORY);
    machine_run(&machine, 499);
    machine_expect(&machine, 4 * MIB);
    machine_run(&machine, 1);
    machine_expect(&machine, 0);
}

TEST_WITH(test_no_page_tables_to_unplug, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    fake_fail_unmap_after(0);
    machine_resize(&machine, 32 * MIB, 500);
    machine_expect(&machine, 64 * MIB);
    machine_run(&machine, 2000);
    machine_expect(&machine, 32 * MIB);
}

/* What mm could not do is no reason to put off another size. */
TEST_WITH(test_new_size_while_mm_refuses, NULL, shut_down)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    fake_fail_unmap_after(0);
    machine_resize(&machine, 32 * MIB, 500);
    machine_expect(&machine, 64 * MIB);
    machine_resize(&machine, 128 * MIB, 0);
    machine_expect(&machine, 128 * MIB);
    fake_fail_unmap_after(0);
    machine_resize(&machine, 64 * MIB, 0);
    machine_expect(&machine, 128 * MIB);
    machine_resize(&machine, 32 * MIB, 0);
    machine_expect(&machine, 32 * MIB);
}

/* ---- boot RAM that is too small for the region ---- */

#define HUGE_BLOCK (128 * MIB)
#define HUGE_NR    2048

/* It grows as far as boot RAM carries it, says so once and is quiet; and goes on when some is
 * freed. */
TEST_WITH(test_no_room_in_boot_ram, NULL, shut_down)
{
    static paddr_t hogs[64 * MIB / PAGE_BYTES];
    u64 nr_hogs = 0;
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, HUGE_BLOCK, HUGE_NR);
    machine_attach(&machine);
    while ((hogs[nr_hogs] = page_alloc_table()) != PADDR_NONE)
        nr_hogs++;
    for (unsigned i = 0; i < 200; i++)
        page_free(hogs[--nr_hogs], 0);
    machine_resize(&machine, HUGE_NR * HUGE_BLOCK, 100000);
    u64 plugged = machine.device.plugged_bytes;
    assert_in_range(plugged, 32 * GIB, 200 * GIB);
    machine_expect(&machine, plugged);
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 0);
    u64 nr_plugs = machine.device.count[VIRTIO_MEM_REQ_PLUG];
    assert_true(nr_plugs <= 16);
    assert_int_equal(machine_status(&machine).wait, VMEM_WAIT_ROOM);
    assert_int_equal(machine_said("blocks are missing, boot RAM has no room"), 1);
    assert_int_equal(machine_said("warning"), 1);
    for (unsigned i = 0; i < 100; i++)
        page_free(hogs[--nr_hogs], 0);
    machine_run(&machine, 2000);
    assert_true(machine.device.plugged_bytes > plugged);
    machine_resize(&machine, 0, 1000);
    machine_expect(&machine, 0);
    while (nr_hogs > 0)
        page_free(hogs[--nr_hogs], 0);
    machine_resize(&machine, HUGE_NR * HUGE_BLOCK, 1000);
    machine_expect(&machine, HUGE_NR * HUGE_BLOCK);
    assert_int_equal(machine_said("warning"), 1);
}
