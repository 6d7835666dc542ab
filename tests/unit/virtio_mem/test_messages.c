/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words of the virtio-mem driver, each asserted here and nowhere else: the line that each event
 * writes, the reasons why a device is given up, and the texts of the API. Stories elsewhere assert
 * states, wait reasons and counts.
 */
#include <stdio.h>

#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

static struct machine machine;

/* ---- lines ---- */

struct message {
    const char *line; /* all of it, once among those of the story */
    void (*start)(void);
    struct story_row rows[2]; /* an empty one is none */
};

#define ROWS(...)   \
    {               \
        __VA_ARGS__ \
    }

static void play(const struct message *messages, size_t nr_messages)
{
    for (size_t i = 0; i < nr_messages; i++) {
        const struct message *message = &messages[i];
        char line[512];
        message->start();
        story_play(message->line, &machine, message->rows, ARRAY_SIZE(message->rows));
        snprintf(line, sizeof(line), "%s\n", message->line);
        if (fake_host_said(line) != 1)
            fail_msg("'%s' is %u times in: %s", message->line, fake_host_said(line),
                     fake_host_lines());
        machine_end();
    }
}

static void start_with_64m(void)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
}

static void start_lenient(void)
{
    start_with_64m();
    machine.device.is_strict = false;
}

static void start_cloud_hypervisor(void)
{
    machine_start_with_64m(&machine, FAKE_VMEM_CLOUD_HYPERVISOR);
    machine.device.is_strict = false;
    machine.device.is_thief = true; /* found after the blocks are online */
}

static void start_and_debug(void)
{
    start_with_64m();
    fake_host_want(VMEM_LOG_DEBUG);
}

static void boot_plugged(enum fake_vmem_manner manner, enum vmem_init init)
{
    machine_boot(&machine, manner);
    machine.device.is_strict = false;
    machine.options.init = init;
    fake_vmem_plug(&machine.device, 0, 16);
    story_request_unseen(&machine, 32 * MIB);
    machine_attach(&machine);
}

static void boot_to_give_back(void)
{
    boot_plugged(FAKE_VMEM_STRATOVIRT, VMEM_INIT_UNPLUG_ALL);
}

static void boot_to_adopt(void)
{
    boot_plugged(FAKE_VMEM_CLOUD_HYPERVISOR, VMEM_INIT_STATE);
}

static void boot_limited(void)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.options.memory_limit = 32 * MIB;
    machine_attach(&machine);
}

static void boot_odd(void)
{
    machine_boot_region(&machine, FAKE_VMEM_QEMU, MACHINE_BASE, 3 * MIB, 100);
    machine_attach(&machine);
}

/* What tools read (docs/messages.md: the stable lines). */
TEST_WITH(test_stable_lines, NULL, machine_end)
{
    static const struct message messages[] = {
        {"info: vmem0: region=0x100000000+0x40000000 block=0x200000 node=0 requested=0 plugged=0 "
         "usable=0",
         start_with_64m, ROWS({0, SETTLED})},
        {"info: vmem0: settled requested=0 plugged=0 usable=0 requests=0", start_with_64m,
         ROWS({0, SETTLED})},
        {"info: vmem0: settled requested=134217728 plugged=134217728 usable=402653184 requests=1",
         start_with_64m, ROWS({0, HOST(request, 128 * MIB), SETTLED})},
        {"info: vmem0: verify blocks=160 corrected=0 requests=2", start_with_64m,
         ROWS({0, GUEST(verify, VMEM_OK)})},
        {"info: vmem0: verify blocks=512 corrected=480 requests=2", start_cloud_hypervisor,
         ROWS({0, HOST(plug_five, 0)}, {1100, SETTLED})},
    };
    play(messages, ARRAY_SIZE(messages));
}

TEST_WITH(test_lines_of_a_resize, NULL, machine_end)
{
    static const struct message messages[] = {
        {"debug: vmem0: PLUG 32 blocks from 32", start_and_debug,
         ROWS({0, HOST(request, 128 * MIB)})},
        {"debug: vmem0: PLUG 32 blocks from 32: ACK (type 0, 10 bytes)", start_and_debug,
         ROWS({0, HOST(request, 128 * MIB)})},
        {"warning: vmem0: requested=16777216 plugged=67108864: 24 blocks stay plugged while pages "
         "in them are in use: blocks fixed=32 movable=0",
         start_with_64m, ROWS({0, GUEST(hold_each, 32), HOST(request, 16 * MIB)})},
        {"warning: vmem0: requested=134217728 plugged=104857600: 14 blocks are missing, boot RAM "
         "has no room for the page tables and metadata of more",
         start_with_64m, ROWS({0, GUEST(online_limit, 100 * MIB), HOST(request, 128 * MIB)})},
        {"warning: vmem0: requested=67108864 plugged=33554432: 16 blocks are missing, the memory "
         "limit is reached",
         boot_limited, ROWS({0, HOST(request, 64 * MIB)})},
        {"warning: vmem0: block_size 0x300000 is not a power of two, as virtio 1.4 demands: blocks "
         "are counted from addr 0x100000000",
         boot_odd, ROWS({0, SETTLED})},
        {"warning: vmem0: cannot bring 32 blocks from 32 online: nomem", start_lenient,
         ROWS({0, GUEST(online_fails_after, 0), HOST(request, 128 * MIB)})},
        {"warning: vmem0: cannot take 16 blocks from 16 offline: nomem", start_with_64m,
         ROWS({0, GUEST(offline_fails_after, 0), HOST(request, 32 * MIB)})},
    };
    play(messages, ARRAY_SIZE(messages));
}

TEST_WITH(test_lines_of_trouble, NULL, machine_end)
{
    static const struct message messages[] = {
        {"warning: vmem0: waiting, the host gives no more memory: requested=134217728 "
         "plugged=67108864",
         start_with_64m, ROWS({0, ANSWER(busy, ~0u), HOST(request, 128 * MIB)}, {10000, READY})},
        {"warning: vmem0: waiting, the device is busy: requested=33554432 plugged=67108864",
         start_with_64m, ROWS({0, ANSWER(busy, ~0u), HOST(request, 32 * MIB)}, {10000, READY})},
        {"warning: vmem0: plugged_size is 77594624, expected 67108864: asking for each block",
         start_cloud_hypervisor, ROWS({0, HOST(plug_five, 0)}, {1100, SETTLED})},
        {"warning: vmem0: blocks 32 to 511 are not as they should be: asking again",
         start_cloud_hypervisor, ROWS({0, HOST(plug_five, 0)}, {1100, SETTLED})},
        {"warning: vmem0: resetting the device: it asks for a reset (DEVICE_NEEDS_RESET); 32 "
         "blocks stay online, 0 are in doubt",
         start_with_64m, ROWS({0, HOST(needs_reset, 0)})},
        {"warning: vmem0: resetting the device: it did not answer in time; 32 blocks stay online, "
         "32 are in doubt",
         start_with_64m, ROWS({0, ANSWER(silent, 1), HOST(request, 128 * MIB)}, {60000, READY})},
        {"warning: vmem0: resetting the device: it keeps answering ERROR; 32 blocks stay online, "
         "32 "
         "are in doubt",
         start_with_64m, ROWS({0, ANSWER(error, 3), HOST(request, 128 * MIB)}, {1000, READY})},
        {"info: vmem0: awake: 32 blocks stayed online, 0 are in doubt", start_with_64m,
         ROWS({0, GUEST(sleep, 0)})},
        {"info: vmem0: 0x2000000 bytes are plugged from before: giving them back",
         boot_to_give_back, ROWS({1000, READY})},
        {"info: vmem0: the device refuses UNPLUG ALL (NACK): adopting what is plugged",
         boot_to_give_back, ROWS({1000, READY})},
        {"info: vmem0: 0x2000000 bytes are plugged from before: adopting them", boot_to_adopt,
         ROWS({1000, READY})},
    };
    play(messages, ARRAY_SIZE(messages));
}

/* ---- why a device is given up ---- */

#define GIVEN_UP "error: vmem0: the device is no longer used: "

TEST_WITH(test_broken_reasons, NULL, machine_end)
{
    static const struct message messages[] = {
        {GIVEN_UP "it keeps answering ERROR, and 3 resets did not help", start_with_64m,
         ROWS({0, ANSWER(error, ~0u), HOST(request, 128 * MIB)}, {60000, IS_BROKEN})},
        {GIVEN_UP "it did not answer in time, and 3 resets did not help", start_with_64m,
         ROWS({0, ANSWER(silent, ~0u), HOST(request, 128 * MIB)}, {1000000, IS_BROKEN})},
        {GIVEN_UP "its answer is not valid, and 3 resets did not help", start_with_64m,
         ROWS({0, ANSWER(bad_type, ~0u), HOST(request, 128 * MIB)}, {10000, IS_BROKEN})},
        {GIVEN_UP "its answer is not valid, and 3 resets did not help", start_with_64m,
         ROWS({0, ANSWER(nothing, ~0u), HOST(request, 128 * MIB)}, {10000, IS_BROKEN})},
        {GIVEN_UP "it asks for a reset (DEVICE_NEEDS_RESET), and 3 resets did not help",
         start_with_64m,
         ROWS({0, ANSWER(needs_reset, ~0u), HOST(request, 128 * MIB)}, {10000, IS_BROKEN})},
        {GIVEN_UP "queue 0: used length 11, expected at most 10", start_with_64m,
         ROWS({0, ANSWER(long_used, 1), HOST(request, 128 * MIB), IS_BROKEN})},
        {GIVEN_UP "addr changed from 0x100000000 to 0x140000000, which only a system reset may do",
         start_with_64m,
         ROWS({0, GUEST(move_region, GIB), HOST(needs_reset, 0)}, {1000, IS_BROKEN})},
        {GIVEN_UP "its config space cannot be read: timeout", start_with_64m,
         ROWS({0, HOST(config_runs, 1)}, {62000, IS_BROKEN})},
        {GIVEN_UP "it says that blocks 7 to 7 are not all plugged, and pages there are in use",
         start_cloud_hypervisor, ROWS({0, GUEST(hold, 7), HOST(steal, 7)}, {2000, IS_BROKEN})},
        {GIVEN_UP "plugged_size is 71303168, but by its own STATE answers 67108864 bytes are "
                  "plugged",
         start_cloud_hypervisor, ROWS({0, HOST(misstate_plugged, 4 * MIB)}, {2000, IS_BROKEN})},
        {GIVEN_UP "it acknowledges what it does not do: plugged_size is 67108864, expected "
                  "134217728, and was wrong 3 times before",
         start_cloud_hypervisor,
         ROWS({0, ANSWER(false_ack, ~0u), HOST(request, 128 * MIB)}, {600000, IS_BROKEN})},
        {GIVEN_UP "it says that block 0 alone is in a mixed state", boot_to_adopt,
         ROWS({0, ANSWER(always_mixed, ~0u)}, {60000, IS_BROKEN})},
        {GIVEN_UP "it was pulled out", start_with_64m, ROWS({0, HOST(pull_out, 0), IS_BROKEN})},
    };
    play(messages, ARRAY_SIZE(messages));
}

/* A fault of the transport that shows at a restart, and in part at attach. */
TEST_WITH(test_reasons_of_a_restart, NULL, machine_end)
{
    static const struct {
        const char *reason;
        struct fake_faults faults;
    } cases[] = {
        {"it refused the features", {.refuse_features_ok = true}},
        {"its queue cannot be set up: unsupported", {.queue_enable_status = VMEM_E_UNSUPPORTED}},
        {"it has no way to interrupt, nor can it be polled: nomem",
         {.irq_enable_status = VMEM_E_NOMEM}},
        {"after a reset", {.reset_reads = ~0u}},
        {"vanished", {.vanished = true}},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start_with_64m();
        machine.device.transport.faults = cases[i].faults;
        fake_transport_fail(&machine.device.transport);
        machine_run(&machine, 5000);
        struct vmem_status status = machine_status(&machine);
        assert_int_equal(status.state, VMEM_STATE_BROKEN);
        assert_has(status.broken_reason, cases[i].reason);
        assert_int_equal(fake_host_said(status.broken_reason), 1);
        machine_end();
    }
}

TEST_WITH(test_queue_too_small, NULL, machine_end)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.queue_size_max = 1;
    machine_attach(&machine);
    machine_resize(&machine, 64 * MIB, 10);
    assert_string_equal(machine_status(&machine).broken_reason,
                        "its queue has no room for one request: inval");
}

/* Values of the config that were good and are so no longer; test_vmem_config.c has the others. */
TEST_WITH(test_config_goes_bad, NULL, machine_end)
{
    static const struct {
        size_t offset;
        uint64_t value;
        const char *reason;
    } cases[] = {
        {offsetof(struct virtio_mem_config_abi, block_size), 4 * MIB, "block_size changed"},
        {offsetof(struct virtio_mem_config_abi, addr), 8 * GIB, "addr changed"},
        {offsetof(struct virtio_mem_config_abi, region_size), 2 * GIB, "region_size changed"},
        {offsetof(struct virtio_mem_config_abi, usable_region_size), GIB + 1, "not a multiple"},
        {offsetof(struct virtio_mem_config_abi, plugged_size), 2 * GIB, "is above region_size"},
        {offsetof(struct virtio_mem_config_abi, requested_size), ~(uint64_t)0 << 21, "is above"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        start_with_64m();
        memcpy(machine.device.transport.config + cases[i].offset, &cases[i].value, sizeof(u64));
        fake_transport_raise_config(&machine.device.transport);
        if (cases[i].offset < offsetof(struct virtio_mem_config_abi, usable_region_size))
            assert_int_equal(vmem_verify(machine.driver),
                             VMEM_OK); /* read when blocks are in doubt */
        machine_run(&machine, 10);
        assert_has(machine_status(&machine).broken_reason, cases[i].reason);
        machine_end();
    }
}

/* ---- attach ---- */

static void expect_refused(const char *reason)
{
    fake_host_clear_lines();
    assert_true(machine_try_attach(&machine) < 0);
    assert_has(fake_host_lines(), reason);
}

TEST_WITH(test_refused_devices, NULL, machine_end)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    struct fake_transport *transport = &machine.device.transport;
    transport->config_bytes = 48;
    expect_refused("config space has 48 bytes, expected 56 or more");
    transport->config_bytes = 56;
    transport->faults.generation_runs = true;
    expect_refused("its config space changed during each of");
    transport->faults.generation_runs = false;
    transport->nr_queues = 0;
    expect_refused("its queue cannot be set up");
    transport->nr_queues = 1;
    transport->faults.irq_enable_status = VMEM_E_NOMEM;
    expect_refused("it has no way to interrupt");
    transport->faults.irq_enable_status = VMEM_OK;
    transport->faults.refuse_features_ok = true;
    expect_refused("FEATURES_OK");
    transport->faults.refuse_features_ok = false;
    transport->offered = 0;
    expect_refused("VERSION_1");
    transport->offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1);
    transport->faults.reset_reads = ~0u;
    expect_refused("after a reset");
}

TEST_WITH(test_refused_regions, NULL, machine_end)
{
    static const struct {
        uint64_t base, block_bytes;
        const char *reason;
    } cases[] = {
        {MACHINE_BASE, 3 * MIB + 2 * KIB, "block_size 0x300800 is not a multiple of 4096"},
        {MACHINE_BASE, 0, "block_size 0x0"},
        {MACHINE_BASE + MIB, 2 * MIB, "addr 0x100100000 is not a multiple"},
        {0, 2 * MIB, "addr is 0"},
        {(uint64_t)1 << 46, 2 * MIB, "ends above"},
        {~(uint64_t)0 << 23, 2 * MIB, "ends above"},
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        machine.device.base = cases[i].base;
        machine.device.block_bytes = cases[i].block_bytes;
        machine.device.nr_blocks = 4;
        fake_vmem_update(&machine.device);
        expect_refused(cases[i].reason);
    }
    machine.device.base = MACHINE_BASE;
    machine.device.block_bytes = MACHINE_BLOCK;
    fake_vmem_update(&machine.device);
    machine.memory.knobs.add_region_error = VMEM_E_EXIST;
    expect_refused("region 0x100000000 + 0x800000 cannot be used: it overlaps memory or a region "
                   "that is there already");
    machine.memory.knobs.add_region_error = VMEM_E_RANGE;
    expect_refused("region 0x100000000 + 0x800000 cannot be used: range");
}

/* The allocations of an attach, in order; each is missing once. */
TEST_WITH(test_no_memory, NULL, machine_end)
{
    static const char *const reasons[] = {
        "error: vmem0: there is no memory for the driver's own data",
        "error: vmem0: there is no memory for the driver's own data",
        GIVEN_UP "its queue cannot be set up: nomem",
        GIVEN_UP "its queue cannot be set up: nomem",
        GIVEN_UP "there is no memory for the map of its 0x40000000 bytes in 0x200000 blocks",
    };
    machine_boot(&machine, FAKE_VMEM_QEMU);
    for (unsigned i = 0; i < ARRAY_SIZE(reasons); i++) {
        fake_host_fail_after(i, false);
        expect_refused(reasons[i]);
    }
}

/* ---- texts of the API ---- */

TEST(test_wait_texts)
{
    static const char *const texts[] = {
        [VMEM_WAIT_NONE] = "nothing",
        [VMEM_WAIT_DEVICE_BUSY] = "the device is busy",
        [VMEM_WAIT_HOST_MEMORY] = "the host gives no more memory",
        [VMEM_WAIT_DEVICE_NACK] = "the device refuses the request (NACK)",
        [VMEM_WAIT_DEVICE_ERROR] = "the device answered ERROR",
        [VMEM_WAIT_DEVICE_RESET] = "the device was reset",
        [VMEM_WAIT_CONFIG_UNSTEADY] = "the config space does not hold still",
        [VMEM_WAIT_ONLINE_MEMORY] = "mm has no memory to bring blocks online",
        [VMEM_WAIT_OFFLINE_MEMORY] = "mm has no memory to take blocks offline",
        [VMEM_WAIT_ROOM] = "boot RAM has no room for the page tables and metadata of more",
        [VMEM_WAIT_MEMORY_LIMIT] = "the memory limit is reached",
        [VMEM_WAIT_USABLE_REGION] = "no unplugged block is left in the usable region",
        [VMEM_WAIT_PAGES_IN_USE] = "pages in use keep blocks plugged",
        [VMEM_WAIT_MIGRATION_REFUSED] = "an owner does not let its pages be moved",
        [VMEM_WAIT_MIGRATION_ROOM] = "no memory is left to move pages to",
    };
    assert_int_equal(ARRAY_SIZE(texts), VMEM_NR_WAIT_REASONS);
    for (unsigned i = 0; i < VMEM_NR_WAIT_REASONS; i++)
        assert_string_equal(vmem_wait_text((enum vmem_wait_reason)i), texts[i]);
}

TEST(test_state_names)
{
    static const char *const names[] = {
        [VMEM_STATE_STARTING] = "starting",   [VMEM_STATE_RELEASING] = "releasing",
        [VMEM_STATE_PROBING] = "probing",     [VMEM_STATE_TRACKING] = "tracking",
        [VMEM_STATE_MIGRATING] = "migrating", [VMEM_STATE_QUIESCED] = "quiesced",
        [VMEM_STATE_BROKEN] = "broken",
    };
    assert_int_equal(ARRAY_SIZE(names), VMEM_NR_STATES);
    for (unsigned i = 0; i < VMEM_NR_STATES; i++)
        assert_string_equal(vmem_state_name((enum vmem_state)i), names[i]);
}

TEST_WITH(test_addresses, NULL, machine_end)
{
    char text[96];
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 4 * MIB, 1);
    assert_true(vmem_describe_address(machine.driver, MACHINE_BASE + 3 * MIB, text, sizeof(text)));
    assert_string_equal(text, "vmem0 block 1 at 0x100200000, plugged");
    assert_true(vmem_describe_address(machine.driver, MACHINE_BASE + 4 * MIB, text, sizeof(text)));
    assert_string_equal(text, "vmem0 block 2 at 0x100400000, unplugged");
    machine.device.moods.silent = 1;
    machine_resize(&machine, 6 * MIB, 1);
    assert_true(vmem_describe_address(machine.driver, MACHINE_BASE + 4 * MIB, text, sizeof(text)));
    assert_string_equal(text, "vmem0 block 2 at 0x100400000, asked for, or in doubt");
    assert_false(vmem_describe_address(machine.driver, MACHINE_BASE - 1, text, sizeof(text)));
    assert_false(vmem_describe_address(machine.driver, MACHINE_BASE + GIB, text, sizeof(text)));
}

/* The allocator's words are passed on while pages keep blocks plugged, and only then. */
TEST_WITH(test_pinned, NULL, machine_end)
{
    char text[96];
    start_with_64m();
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_string_equal(text, "");
    story_hold_each(&machine, 3);
    machine_resize(&machine, 0, 1);
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_string_equal(text, "blocks fixed=3 movable=0");
    story_free_all(&machine, 0);
    machine_run(&machine, 0);
    vmem_describe_pinned(machine.driver, text, sizeof(text));
    assert_string_equal(text, "");
}
