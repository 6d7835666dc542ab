/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the driver's state machine, by sequences of events. Each byte is an event: a
 * requested size, a device that does not answer so many times, or answers wrongly, a config that is
 * not right for a while, time, pages that are held, moved, refused and freed, memory that the host
 * or mm lacks, verify, sleep, detach and attach. Unlike fuzz_vmem.c the device obeys the
 * specification but for what an event says, so that long plans get far. fake_machine.c checks each
 * turn. At the end nothing is wrong any more and nothing requested: the device is at 0 and lets go,
 * unless it is broken.
 */
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_machine.h"
#include "tests/fuzz/fuzz.h"

#define ACTIONS_MAX  48
#define NR_BLOCKS    64 /* small ones: each turn looks at every page */
#define BLOCK_BYTES  (128 * KIB)
#define BLOCK_PAGES  (BLOCK_BYTES / FAKE_MEMORY_PAGE_BYTES)
#define HELD_MAX     64
#define PAGES_MAX    100
#define CALM_MS      (600 * 1000)
#define DETACHES_MAX 100

static struct machine machine;
static struct fuzz_input input;
static unsigned held[HELD_MAX];
static unsigned nr_held;
static bool is_quiesced;
static bool is_gone;
static bool is_leaving; /* it waits for the device */

static unsigned *const moods[] = {
    &machine.device.moods.silent,    &machine.device.moods.lost,
    &machine.device.moods.busy,      &machine.device.moods.nack,
    &machine.device.moods.error,     &machine.device.moods.error_half,
    &machine.device.moods.false_ack, &machine.device.moods.bad_type,
    &machine.device.moods.nothing,   &machine.device.moods.needs_reset,
    &machine.device.moods.bad_state, &machine.device.moods.false_state,
    &machine.device.moods.long_used, &machine.device.moods.always_mixed,
};

static u64 blocks(void)
{
    return fuzz_take(&input, 1) % (NR_BLOCKS + 1) * BLOCK_BYTES;
}

static void attach(u8 flags)
{
    machine.options.init = flags & 1 ? VMEM_INIT_STATE : VMEM_INIT_UNPLUG_ALL;
    is_quiesced = is_gone = is_leaving = false;
    if (machine_try_attach(&machine) != VMEM_OK)
        machine.driver = NULL;
}

static void detach(void)
{
    if (is_quiesced) /* nothing else may come next */
        vmem_resume(machine.driver, vmem_host_now_ms());
    is_quiesced = false;
    int status = vmem_detach(machine.driver);
    is_leaving = status == VMEM_E_AGAIN;
    if (status == VMEM_OK)
        machine.driver = NULL;
}

static void quiesce_or_resume(void)
{
    if (is_quiesced)
        vmem_resume(machine.driver, vmem_host_now_ms());
    else if (vmem_quiesce(machine.driver) != VMEM_OK)
        return;
    is_quiesced = !is_quiesced;
}

static void use_pages(u8 how)
{
    if (how & 1 && nr_held < HELD_MAX) {
        bool is_movable = (how & 2) != 0; /* as a whole, so it lies in one block */
        u64 nr_pages = 1 + fuzz_take(&input, 1) % (is_movable ? BLOCK_PAGES : PAGES_MAX);
        unsigned run = is_movable
                           ? fake_memory_hold(&machine.memory, fuzz_take(&input, 1) % NR_BLOCKS,
                                              nr_pages, FAKE_MOVABLE)
                           : fake_memory_alloc(&machine.memory, nr_pages, FAKE_FIXED);
        if (run != FAKE_MEMORY_NO_RUN)
            held[nr_held++] = run;
    } else if (nr_held > 0) {
        unsigned which = (unsigned)fuzz_take(&input, 1) % nr_held;
        fake_memory_free(&machine.memory, held[which]);
        held[which] = held[--nr_held];
    }
}

static void turn_knob(u8 how)
{
    struct fake_memory_knobs *knobs = &machine.memory.knobs;
    switch (how % 6) {
    case 0:
        knobs->refuses = !knobs->refuses;
        break;
    case 1:
        knobs->races = how / 6 % 4;
        break;
    case 2:
        knobs->online_fails_after = how / 6 % 8;
        break;
    case 3:
        knobs->offline_fails_after = how / 6 % 8;
        break;
    case 4:
        knobs->online_limit = blocks();
        break;
    default:
        knobs->pages_per_step = 1 + fuzz_take(&input, 1);
        break;
    }
}

static void change_config(u8 how)
{
    struct fake_vmem *device = &machine.device;
    switch (how % 4) {
    case 0:
        device->plugged_excess = how & 4 ? (i64)BLOCK_BYTES : 0;
        break;
    case 1:
        device->node_id ^= 1;
        break;
    case 2:
        device->host_bytes = blocks();
        break;
    default:
        break;
    }
    fake_vmem_update(device);
    fake_transport_raise_config(&device->transport);
}

static void act_on_driver(u8 what)
{
    switch (what % 8) {
    case 5:
        if (!is_quiesced)
            (void)vmem_verify(machine.driver);
        break;
    case 6:
        if (what / 8 % 8 == 0)
            detach();
        else if (what / 8 % 8 == 1) {
            vmem_gone(machine.driver, "it was pulled out");
            is_gone = true;
        } else
            quiesce_or_resume();
        break;
    default:
        machine_run(&machine, fuzz_take(&input, 2) << what / 8 % 4);
        break;
    }
}

static void act(void)
{
    u8 what = (u8)fuzz_take(&input, 1);
    switch (what % 8) {
    case 0:
        fake_vmem_set_requested(&machine.device, blocks());
        break;
    case 1:
        *moods[what / 8 % ARRAY_SIZE(moods)] = 1 + (unsigned)fuzz_take(&input, 1) % 4;
        /* Blocks of a false ACK are used until the driver has seen that it was false. */
        machine.device.is_thief |= machine.device.moods.false_ack != 0;
        break;
    case 2:
        use_pages(what / 8);
        break;
    case 3:
        turn_knob(what / 8);
        break;
    case 4:
        change_config(what / 8);
        break;
    default:
        if (machine.driver)
            act_on_driver(what);
        else
            attach(what / 8);
        break;
    }
    if (machine.driver)
        machine_run(&machine, 1);
}

/* Nothing is wrong any more, and nothing wanted. */
static void calm(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(moods); i++)
        *moods[i] = 0;
    machine.memory.knobs = (struct fake_memory_knobs){.online_fails_after = FAKE_MEMORY_NEVER,
                                                      .offline_fails_after = FAKE_MEMORY_NEVER,
                                                      .online_limit = ~(u64)0,
                                                      .refused_run = FAKE_MEMORY_NO_RUN,
                                                      .pages_per_step = BLOCK_PAGES};
    machine.device.plugged_excess = 0;
    machine.device.node_id = 0;
    machine.device.host_bytes = ~(u64)0;
    fake_vmem_set_requested(&machine.device, 0);
    fake_memory_free_all(&machine.memory);
}

static void finish(void)
{
    calm();
    if (!machine.driver)
        return;
    if (is_quiesced)
        quiesce_or_resume();
    machine_run(&machine, CALM_MS);
    struct vmem_status status = machine_status(&machine);
    FUZZ_CHECK(!is_gone || status.state == VMEM_STATE_BROKEN);
    if (status.state != VMEM_STATE_BROKEN && !is_leaving) {
        FUZZ_CHECK(status.state == VMEM_STATE_TRACKING && status.is_settled);
        machine_expect(&machine, 0);
    }
    for (unsigned tries = 0; machine.driver; tries++) {
        FUZZ_CHECK(tries < DETACHES_MAX);
        machine_run(&machine, 1000);
        detach();
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    setenv("FAKE_HOST_SEED", "1", 1); /* an input is always the same run */
    input = (struct fuzz_input){data, bytes, 0};
    u8 flags = (u8)fuzz_take(&input, 1);
    machine_boot_region(&machine, flags % FAKE_VMEM_MANNERS, MACHINE_BASE, BLOCK_BYTES, NR_BLOCKS);
    machine.device.is_strict = false;
    nr_held = 0;
    if (flags & 0x10)
        fake_vmem_plug(&machine.device, 0, 32);
    attach(flags >> 5);
    for (unsigned i = 0; i < ACTIONS_MAX && !fuzz_ended(&input); i++)
        act();
    finish();
    machine_end();
    return 0;
}
