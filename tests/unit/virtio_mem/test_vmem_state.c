/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * STATE requests: adopting what an earlier driver left plugged (VMEM_INIT_STATE), comparing the
 * block map with the device, and devices that are wrong about either.
 */
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

/* ---- adopting ---- */

static void boot_to_adopt(uint64_t block_bytes, uint64_t nr_blocks)
{
    machine_boot_region(&machine, FAKE_VMEM_CLOUD_HYPERVISOR, MACHINE_BASE, block_bytes, nr_blocks);
    machine.options.init = VMEM_INIT_STATE;
}

/* The plugged size is the requested one: all blocks are found, and nothing else is requested. */
static void adopt(void)
{
    uint64_t bytes = machine.device.plugged_bytes;
    const struct story_row rows[] = {
        {0, STATE(TRACKING)},
        {100, PLUGGED(bytes), SETTLED,
         COUNTS(IS(PLUG, 0), IS(UNPLUG, 0), IS(UNPLUG_ALL, 0), FROM_TO(STATE, 0, 512))},
    };
    story_request_unseen(&machine, bytes);
    machine_attach(&machine);
    PLAY(rows);
    for (uint64_t i = 0; i < machine.device.nr_blocks; i++)
        assert_int_equal(vmem_block_is_plugged(machine.driver, i), machine.device.plugged[i]);
    assert_int_equal(fake_host_said("verify "), 0); /* nobody has asked for it */
}

static void plug_at_random(uint64_t nr_blocks)
{
    for (uint64_t i = 0; i < nr_blocks;) {
        uint64_t run = min_u64(1 + (uint64_t)rand() % 9, nr_blocks - i);
        if (rand() % 2 == 0)
            fake_vmem_plug(&machine.device, i, run);
        i += run;
    }
}

/* Any pattern is found, whatever its counts, and goes on being used. */
TEST_WITH(test_adopts, NULL, machine_end)
{
    static const struct story_row rows[] = {{0, HOST(request, 0), PLUGGED(0)}};
    srand(26);
    for (unsigned round = 0; round < 100; round++) {
        uint64_t nr_blocks = 1 + (uint64_t)rand() % 200;
        boot_to_adopt(MACHINE_BLOCK, nr_blocks);
        plug_at_random(nr_blocks);
        adopt();
        PLAY(rows);
        machine_end();
    }
}

/* The case that another driver gets wrong: 6 blocks, of which halves of halves lose one. */
TEST_WITH(test_adopts_each_pattern_of_six, NULL, machine_end)
{
    for (unsigned pattern = 1; pattern < 64; pattern++) {
        boot_to_adopt(MACHINE_BLOCK, 6);
        for (unsigned i = 0; i < 6; i++) {
            if (pattern >> i & 1)
                fake_vmem_plug(&machine.device, i, 1);
        }
        adopt();
        machine_end();
    }
}

/* 100,000 blocks in one piece take two STATE requests each side, not thousands. */
TEST_WITH(test_adopts_large, NULL, machine_end)
{
    boot_to_adopt(64 * KIB, 200000);
    fake_vmem_plug(&machine.device, 0, 100000);
    adopt();
    assert_in_range(machine.device.count[VIRTIO_MEM_REQ_STATE], 2, 49);
}

/* One block at the bottom: nine halves down to it, and behind it twice as many at each request. */
TEST_WITH(test_adopts_the_lowest, NULL, machine_end)
{
    boot_to_adopt(MACHINE_BLOCK, 512);
    fake_vmem_plug(&machine.device, 0, 1);
    adopt();
    assert_int_equal(machine.device.count[VIRTIO_MEM_REQ_STATE], 1 + 9 + 9);
}

/* Adopting more than is requested: what is too much goes back. */
TEST_WITH(test_adopts_and_shrinks, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, ANSWER(busy, 1)},
        {100, PLUGGED(32 * MIB), SETTLED, COUNTS(IS(UNPLUG_ALL, 0))},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.options.init = VMEM_INIT_STATE;
    machine.device.usable_bytes = GIB;
    fake_vmem_plug(&machine.device, 0, 64);
    fake_vmem_set_requested(&machine.device, 32 * MIB);
    machine_attach(&machine);
    PLAY(rows);
}

TEST_WITH(test_false_state_answers, NULL, machine_end)
{
    static const struct story_row broken[] = {{60000, IS_BROKEN}};
    static const struct story_row adopted[] = {{60000, PLUGGED(32 * MIB), SETTLED}};
    static const struct {
        size_t mood;
        unsigned times;
        const struct story_row *rows;
    } cases[] = {
        {MOOD(bad_state), ~0u, broken},   {MOOD(always_mixed), ~0u, broken},
        {MOOD(false_state), ~0u, broken}, {MOOD(bad_state), 1, adopted},
        {MOOD(false_state), 1, adopted},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        boot_to_adopt(MACHINE_BLOCK, MACHINE_NR);
        fake_vmem_plug(&machine.device, 0, 16);
        story_request_unseen(&machine, 32 * MIB);
        machine.device.is_strict = false;
        memcpy((char *)&machine.device.moods + cases[i].mood, &cases[i].times, sizeof(unsigned));
        machine_attach(&machine);
        story_play(__func__, &machine, cases[i].rows, 1);
        machine_end();
    }
}

/* ---- verify ---- */

STORY(test_verify_agrees, machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR)) = {
    {0, GUEST(verify, VMEM_OK), HOST(verify, STATUS(VMEM_E_BUSY)), STATE(TRACKING)},
    {1, SETTLED, STATE(TRACKING), COUNTS(IS(STATE, 2), IS(SETTLED_LINES, 2), IS(WARNINGS, 0))},
    {1, GUEST(verify, VMEM_OK), COUNTS(IS(STATE, 4))},
};

/* The device has more plugged than the map says: found by the slow look, and given back. */
STORY(test_verify_finds_plugged, machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR)) = {
    {0, HOST(plug_five, 0)},
    {1100, PLUGGED(64 * MIB),
     COUNTS(FROM_TO(WARNINGS, 1, 3), IS(UNPLUG, 1), IS(RESETS, 0), IS(SETTLED_LINES, 3))},
};

/* Now and then is not too often, if all was right between. */
TEST_WITH(test_verify_finds_plugged_again_and_again, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, HOST(request, 66 * MIB)},
        {1, HOST(plug_five, 0)},
        {5000, PLUGGED(66 * MIB), SETTLED, COUNTS(MORE(WARNINGS, 2))},
        {5000, HOST(request, 64 * MIB)},
        {10000, PLUGGED(64 * MIB), SETTLED},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    for (unsigned i = 0; i < 10; i++)
        PLAY(rows);
}

/* What the host now requests was plugged behind the driver's back: settled without a request, and
 * said. */
STORY(test_settled_without_a_request,
      machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR)) = {
    {0, HOST(plug_five, 0)},
    {0, HOST(request, 74 * MIB)},
    {1, PLUGGED(74 * MIB), SETTLED, COUNTS(IS(SETTLED_LINES, 3), IS(PLUG, 1))},
};

/* The device has taken idle blocks away: they are let go and plugged again. */
static void verify_after_theft(uint64_t block)
{
    const struct story_row rows[] = {
        {0, HOST(steal, block)},
        {0, GUEST(verify, VMEM_OK)},
        {100, STATE(TRACKING), SETTLED},
    };
    uint64_t bytes = machine.device.plugged_bytes;
    PLAY(rows);
    machine.device.is_thief = false;
    fake_vmem_check(&machine.device);
    machine_expect(&machine, bytes);
}

/* As many blocks came as went, so that plugged_size alone tells nothing. */
TEST_WITH(test_verify_finds_unplugged, NULL, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    story_plug(&machine, 101);
    story_steal(&machine, 7);
    assert_int_equal(vmem_verify(machine.driver), VMEM_OK);
    machine_run(&machine, 100);
    machine.device.is_thief = false;
    fake_vmem_check(&machine.device);
    machine_expect(&machine, 64 * MIB);
}

/* In a run with a page in use the block that was taken is found, and the page keeps its own. */
TEST_WITH(test_verify_spares_pages, NULL, machine_end)
{
    machine_start(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine_resize(&machine, 66 * MIB, 1); /* 33 blocks, an odd count */
    machine.held = fake_memory_hold(&machine.memory, 10, 1, FAKE_FIXED);
    for (uint64_t stolen = 0; stolen < 33; stolen++) {
        if (stolen != 10)
            verify_after_theft(stolen);
    }
    assert_int_equal(fake_host_said("corrected=1 "), 32);
    machine_expect_page(&machine);
}

/* And blocks with pages in use: nothing can be saved but the rest of the kernel. */
TEST_WITH(test_verify_finds_used_unplugged, NULL, machine_end)
{
    static const struct story_row rows[] = {
        {0, GUEST(hold, 7)},
        {0, HOST(steal, 7)},
        {2000, IS_BROKEN},
    };
    machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    PLAY(rows);
    assert_int_equal(fake_memory_used_blocks(&machine.memory), 1);
    assert_true(
        vmem_block_is_plugged(machine.driver, 7)); /* it is the allocator's, whatever it is */
    assert_int_equal(fake_host_said("asking again"), 0);
}

/* plugged_size is false, and STATE is not: the device is not to be trusted. */
STORY(test_false_plugged_size, machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR)) = {
    {0, HOST(misstate_plugged, 4 * MIB)},
    {2000, IS_BROKEN, PLUGGED(64 * MIB)},
};
