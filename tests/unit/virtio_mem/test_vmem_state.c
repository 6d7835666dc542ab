/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * STATE requests: adopting what an earlier life left plugged
 * (virtio_mem.init=state), comparing the book with the device, and devices that
 * lie about either.
 */
#include "tests/fakes/fake_vmem_machine.h"
#include "tests/unit/unit.h"

static struct machine machine;

static void shut_down(void)
{
    machine_shutdown(&machine);
}

/* ---- adopting ---- */

static void plug_at_random(u64 nr_blocks)
{
    for (u64 i = 0; i < nr_blocks;) {
        u64 run = min_u64(1 + (u64)rand() % 9, nr_blocks - i);
        if (rand() % 2 == 0)
            fake_vmem_plug(&machine.device, i, run);
        i += run;
    }
}

/* init=state: any pattern is found, whatever its counts, and goes on being used. */
TEST_WITH(test_adopts, NULL, shut_down)
{
    srand(26);
    for (unsigned round = 0; round < 100; round++) {
        u64 nr_blocks = 1 + (u64)rand() % 200;
        machine_boot_region(&machine, FAKE_VMEM_CLOUD_HYPERVISOR, MACHINE_BASE, MACHINE_BLOCK,
                            nr_blocks);
        machine.init = VMEM_INIT_STATE;
        plug_at_random(nr_blocks);
        machine.device.requested_bytes = machine.device.plugged_bytes;
        fake_vmem_update(&machine.device);
        machine_attach(&machine);
        machine_run(&machine, 100);
        machine_expect(&machine, machine.device.requested_bytes);
        for (u64 i = 0; i < nr_blocks; i++)
            assert_int_equal(vmem_block_is_plugged(machine.driver, i), machine.device.plugged[i]);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_PLUG], 0);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG], 0);
        assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_UNPLUG_ALL], 0);
        machine_resize(&machine, 0, 10);
        machine_expect(&machine, 0);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* The case that another driver gets wrong: 6 blocks, of which halves of halves lose one. */
TEST_WITH(test_adopts_each_pattern_of_six, NULL, shut_down)
{
    for (unsigned pattern = 1; pattern < 64; pattern++) {
        machine_boot_region(&machine, FAKE_VMEM_CLOUD_HYPERVISOR, MACHINE_BASE, MACHINE_BLOCK, 6);
        machine.init = VMEM_INIT_STATE;
        for (unsigned i = 0; i < 6; i++) {
            if (pattern >> i & 1)
                fake_vmem_plug(&machine.device, i, 1);
        }
        machine.device.requested_bytes = machine.device.plugged_bytes;
        fake_vmem_update(&machine.device);
        machine_attach(&machine);
        machine_run(&machine, 100);
        machine_expect(&machine, machine.device.requested_bytes);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* 100,000 blocks in one piece take two STATE requests each side, not thousands. */
TEST_WITH(test_adopts_large, NULL, shut_down)
{
    machine_boot_region(&machine, FAKE_VMEM_CLOUD_HYPERVISOR, MACHINE_BASE, 64 * KIB, 200000);
    machine.init = VMEM_INIT_STATE;
    fake_vmem_plug(&machine.device, 0, 100000);
    machine.device.requested_bytes = 100000 * 64 * KIB;
    fake_vmem_update(&machine.device);
    machine_attach(&machine);
    machine_run(&machine, 100);
    machine_expect(&machine, 100000 * 64 * KIB);
    assert_true(machine.device.count[VIRTIO_MEM_REQ_STATE] < 50);
}

/* Adopting more than is requested: what is too much goes back. */
TEST_WITH(test_adopts_and_shrinks, NULL, shut_down)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.init = VMEM_INIT_STATE;
    machine.device.usable_bytes = GIB;
    fake_vmem_plug(&machine.device, 0, 64);
    fake_vmem_set_requested(&machine.device, 32 * MIB);
    machine.device.moods.busy = 1;
    machine_attach(&machine);
    machine_run(&machine, 100);
    machine_expect(&machine, 32 * MIB);
}

TEST_WITH(test_state_lies, NULL, shut_down)
{
    static const struct {
        size_t mood;
        unsigned times;
        const char *reason;
    } cases[] = {
        {offsetof(struct fake_vmem_moods, bad_state), ~0u, "its answer is not valid"},
        {offsetof(struct fake_vmem_moods, always_mixed), ~0u, "block 0 alone is in a mixed state"},
        {offsetof(struct fake_vmem_moods, false_state), ~0u, "plugged_size is"},
        {offsetof(struct fake_vmem_moods, bad_state), 1, NULL},
        {offsetof(struct fake_vmem_moods, false_state), 1, NULL},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        machine_boot(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
        machine.init = VMEM_INIT_STATE;
        fake_vmem_plug(&machine.device, 0, 16);
        machine.device.requested_bytes = 32 * MIB;
        fake_vmem_update(&machine.device);
        machine.device.is_strict = false;
        *(unsigned *)(void *)((char *)&machine.device.moods + cases[i].mood) = cases[i].times;
        machine_attach(&machine);
        machine_run(&machine, 60000);
        const char *reason = machine_status(&machine).broken_reason;
        if (cases[i].reason)
            assert_non_null(strstr(reason, cases[i].reason));
        else
            machine_expect(&machine, 32 * MIB);
        machine_shutdown(&machine);
    }
    machine_boot(&machine, FAKE_VMEM_QEMU);
}

/* ---- verify ---- */

TEST_WITH(test_verify_agrees, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 64 * MIB, 1);
    assert_int_equal(vmem_verify(machine.driver), OK);
    assert_int_equal(vmem_verify(machine.driver), E_BUSY);
    machine_run(&machine, 1);
    assert_int_equal(machine_said("vmem0: verify blocks=512 corrected=0 requests=2\n"), 1);
    assert_int_equal(machine_said("settled"), 2); /* no new line: nothing was resized */
}

/* The device has more plugged than the book says: found, and given back. */
TEST_WITH(test_verify_finds_plugged, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 64 * MIB, 1);
    fake_vmem_plug(&machine.device, 101, 5);
    machine_run(&machine, 1000); /* the slow look sees the plugged_size */
    machine_run(&machine, 100);
    machine_expect(&machine, 64 * MIB);
    assert_int_equal(machine_said("plugged_size is 77594624, expected 67108864"), 1);
    assert_int_equal(machine_status(&machine).resets, 0);
}

/* The device has taken idle blocks away: they are let go and plugged again. */
TEST_WITH(test_verify_finds_unplugged, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 64 * MIB, 1);
    fake_vmem_plug(&machine.device, 101, 1); /* so that plugged_size alone tells nothing */
    machine.device.plugged[7] = 0;
    machine.device.is_thief = true;
    machine.device.plugged_bytes -= MACHINE_BLOCK;
    fake_vmem_update(&machine.device);
    assert_int_equal(vmem_verify(machine.driver), OK);
    machine_run(&machine, 100);
    machine.device.is_thief = false;
    fake_vmem_check(&machine.device);
    machine_expect(&machine, 64 * MIB);
}

/* In a run with a page in use the block that was taken is found, and the page keeps its own. */
TEST_WITH(test_verify_spares_pages, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 66 * MIB, 1); /* 33 blocks, an odd count */
    machine_hold_page(&machine);
    u64 held = (machine.page - MACHINE_BASE) / MACHINE_BLOCK;
    for (u64 stolen = 0; stolen < 33; stolen++) {
        if (stolen == held)
            continue;
        machine.device.is_thief = true;
        machine.device.plugged[stolen] = 0;
        machine.device.plugged_bytes -= MACHINE_BLOCK;
        fake_vmem_update(&machine.device);
        assert_int_equal(vmem_verify(machine.driver), OK);
        machine_run(&machine, 100);
        machine.device.is_thief = false;
        fake_vmem_check(&machine.device);
        machine_expect(&machine, 66 * MIB);
    }
    assert_int_equal(machine_said("corrected=1 "), 32);
    machine_expect_page(&machine);
}

/* And blocks with pages in use: nothing can be saved but the rest of the kernel. */
TEST_WITH(test_verify_finds_used_unplugged, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 64 * MIB, 1);
    paddr_t page = page_alloc(0, PAGE_USER);
    machine.device.plugged[(page - MACHINE_BASE) / MACHINE_BLOCK] = 0;
    machine.device.plugged_bytes -= MACHINE_BLOCK;
    machine.device.is_thief = true;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 2000);
    assert_non_null(strstr(machine_status(&machine).broken_reason, "pages there are in use"));
    page_free(page, 0);
}

/* plugged_size lies, and STATE does not: not a device to be trusted. */
TEST_WITH(test_plugged_size_lies, NULL, shut_down)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 64 * MIB, 1);
    machine.device.plugged_lie = 4 * MIB;
    fake_vmem_update(&machine.device);
    machine_run(&machine, 2000);
    assert_int_equal(machine_status(&machine).state, VMEM_STATE_BROKEN);
    assert_int_equal(machine_said("plugged_size is 71303168, but by its own STATE answers 67108864 "
                                  "bytes are plugged"),
                     1);
    assert_int_equal(fake_mapped_bytes(), 64 * MIB);
}
