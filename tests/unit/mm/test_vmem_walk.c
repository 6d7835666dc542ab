/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A seeded random walk: the host resizes, the guest allocates and frees, the
 * device has its moods and resets, rings, manners and blocks differ. At every step
 * nothing is mapped that is not plugged and no page is given out twice;
 * whenever the trouble ends, plugged is what the host asked for, or exactly the
 * blocks that pages in use keep.
 *
 * VMEM_WALK_SEED and VMEM_WALK_STEPS in the environment repeat or extend it.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "extras/check/page_check.h"
#include "include/status.h"
#include "mm/page.h"
#include "tests/fakes/fake_machine.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define STEPS     50000
#define NR_BLOCKS 192
#define PAGES_MAX 400
#define PB_FRAMES ((u64)512) /* frames */

/* A walk in each manner, then with blocks that only StratoVirt has: no power of two. */
static const u64 block_sizes[] = {
    MACHINE_BLOCK, MACHINE_BLOCK, MACHINE_BLOCK,     MACHINE_BLOCK,
    3 * MIB,       12 * KIB,      2 * MIB + 4 * KIB,
};

struct allocation {
    paddr_t paddr;
    u64 nr_frames;
};

static struct machine machine;
static struct allocation allocations[PAGES_MAX];
static unsigned nr_allocations;
static u64 block_bytes;
static u64 block_frames;
static u8 frame_used[NR_BLOCKS * 2 * PB_FRAMES]; /* the model: frames of the region in use */
static unsigned troubles;                        /* queued since the last calm */
static u64 nr_calms;
static u64 seed;

static u64 draw(u64 below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % below;
}

static bool is_in_region(paddr_t paddr)
{
    return paddr >= machine.device.base && paddr < machine.device.base + NR_BLOCKS * block_bytes;
}

/* ---- the guest ---- */

static void mark(const struct allocation *allocation, bool used)
{
    if (!is_in_region(allocation->paddr))
        return;
    u64 first = (allocation->paddr - machine.device.base) / PAGE_BYTES;
    for (u64 i = first; i < first + allocation->nr_frames; i++) {
        assert_int_equal(frame_used[i], !used);
        assert_true(machine.device.plugged[i / block_frames]);
        frame_used[i] = used;
    }
}

static void allocate(void)
{
    if (nr_allocations == PAGES_MAX)
        return;
    struct allocation *allocation = &allocations[nr_allocations];
    allocation->nr_frames = draw(4) == 0 ? 1 + draw(3 * PB_FRAMES) : (u64)1 << draw(10);
    allocation->paddr = page_alloc_run(allocation->nr_frames, PAGE_USER);
    if (allocation->paddr == PADDR_NONE)
        return;
    assert_true(!is_in_region(allocation->paddr) ||
                fake_is_mapped(allocation->paddr, allocation->nr_frames * PAGE_BYTES));
    mark(allocation, true);
    nr_allocations++;
}

static void free_one(unsigned index)
{
    struct allocation allocation = allocations[index];
    allocations[index] = allocations[--nr_allocations];
    mark(&allocation, false);
    page_free_run(allocation.paddr, allocation.nr_frames);
}

static void free_some(void)
{
    u64 nr = draw(8) == 0 ? nr_allocations : draw(4);
    while (nr-- > 0 && nr_allocations > 0)
        free_one((unsigned)draw(nr_allocations));
}

/* ---- the host and the device ---- */

static void trouble(void)
{
    struct fake_vmem_moods *moods = &machine.device.moods;
    unsigned *const all[] = {
        &moods->silent,   &moods->lost,    &moods->error,       &moods->error_half,
        &moods->bad_type, &moods->nothing, &moods->needs_reset, &moods->bad_state,
    };
    if (troubles == 3) /* more in a row is a device that is broken: test_vmem_trouble.c */
        return;
    troubles++;
    u64 which = draw(ARRAY_SIZE(all) + 1);
    if (which == ARRAY_SIZE(all))
        fake_transport_fail(&machine.device.transport);
    else
        (*all[which])++;
}

static void refuse(void)
{
    machine.device.moods.busy += (unsigned)draw(5);
    machine.device.moods.nack += (unsigned)draw(3);
}

static void resize(void)
{
    u64 blocks = draw(5) == 0 ? 0 : draw(NR_BLOCKS + 1);
    fake_vmem_set_requested(&machine.device, blocks * block_bytes);
}

static void hold_answers(void)
{
    struct fake_transport *transport = &machine.device.transport;
    transport->hold = !transport->hold;
    if (!transport->hold && transport->queues[0].enabled)
        (void)fake_transport_process(transport, 0);
}

/* Let go of the device and take it again, in one of the two ways, with another ring. */
static void start_again(void)
{
    static const u64 ring_features[] = {
        0,
        VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX),
        VIRTIO_FEATURE(VIRTIO_F_RING_PACKED),
        VIRTIO_FEATURE(VIRTIO_F_RING_PACKED) | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX),
    };
    if (machine.driver) {
        int status;
        if (machine.device.manner == FAKE_VMEM_STRATOVIRT) /* which else keeps what is requested */
            fake_vmem_set_requested(&machine.device, 0);
        while ((status = vmem_detach(machine.driver)) == E_AGAIN)
            machine_run(&machine, 100);
        assert_int_equal(status, OK);
        assert_int_equal(machine.device.plugged_bytes, 0);
        if (draw(2) == 0)
            fake_vmem_plug(&machine.device, draw(NR_BLOCKS / 2), draw(NR_BLOCKS / 2));
    }
    machine.options.init = draw(2) == 0 ? VMEM_INIT_STATE : VMEM_INIT_UNPLUG_ALL;
    machine.device.transport.offered = VIRTIO_FEATURE(VIRTIO_F_VERSION_1) |
                                       VIRTIO_FEATURE(VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE) |
                                       ring_features[draw(ARRAY_SIZE(ring_features))];
    machine.options.irq_mode = draw(8) == 0 ? VMEM_IRQ_POLL : VMEM_IRQ_AUTO;
    machine_attach(&machine);
    /* The usable region may not hold what is plugged from before: the host's next requested size
     * grows it. */
    machine.device.usable_bytes = NR_BLOCKS * block_bytes;
    fake_vmem_update(&machine.device);
}

/* ---- the judge ---- */

static u64 blocks_in_use(void)
{
    u64 blocks = 0;
    for (u64 i = 0; i < NR_BLOCKS; i++)
        blocks += memchr(frame_used + i * block_frames, 1, block_frames) != NULL;
    return blocks;
}

/* The trouble ends: the driver gets there, within the time that its limits allow. */
static void calm(void)
{
    struct fake_transport *transport = &machine.device.transport;
    memset(&machine.device.moods, 0, sizeof(machine.device.moods));
    transport->hold = false;
    if (transport->queues[0].enabled)
        (void)fake_transport_process(transport, 0);
    machine.options.irq_mode == VMEM_IRQ_POLL ? machine_run(&machine, 10)
                                              : machine_run(&machine, 0);
    struct vmem_status status = machine_status(&machine);
    if (!status.is_settled &&
        (status.wait == VMEM_WAIT_NONE || status.state != VMEM_STATE_TRACKING))
        machine_run(&machine, 70000);
    machine_run(&machine, 15000);
    if (machine.device.usable_bytes < machine.device.requested_bytes) /* Firecracker */
        machine_resize(&machine, machine.device.requested_bytes, 15000);
    u64 expected = max_u64(machine.device.requested_bytes, blocks_in_use() * block_bytes);
    if (machine_status(&machine).state == VMEM_STATE_BROKEN)
        fail_msg("broken: %s", machine_status(&machine).broken_reason);
    machine_expect(&machine, expected);
    page_check();
    troubles = 0;
    nr_calms++;
}

static void verify(void)
{
    if (vmem_verify(machine.driver) != OK)
        assert_false(machine_status(&machine).is_settled);
}

static void let_time_pass(void)
{
    machine_run(&machine, draw(3) == 0 ? draw(3000) : draw(30));
}

static void step(void)
{
    static void (*const acts[])(void) = {
        resize,       resize,    resize,        allocate,      allocate, allocate,
        allocate,     free_some, free_some,     free_some,     trouble,  refuse,
        hold_answers, verify,    let_time_pass, let_time_pass,
    };
    acts[draw(ARRAY_SIZE(acts))]();
    (void)vmem_service(machine.driver, platform_now_ms());
    fake_vmem_check(&machine.device);
}

static u64 from_environment(const char *name, u64 otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static void walk(unsigned number, u64 nr_steps)
{
    enum fake_vmem_manner manner = number < FAKE_VMEM_MANNERS ? number : FAKE_VMEM_STRATOVIRT;
    seed = from_environment("VMEM_WALK_SEED", 1) + number;
    block_bytes = block_sizes[number];
    block_frames = block_bytes / PAGE_BYTES;
    memset(frame_used, 0, sizeof(frame_used));
    nr_allocations = 0;
    troubles = 0;
    machine_boot_region(&machine, manner, MACHINE_BASE, block_bytes, NR_BLOCKS);
    machine.device.is_strict = false;
    start_again();
    for (u64 i = 0; i < nr_steps; i++) {
        step();
        if (draw(50) == 0)
            calm();
        if (draw(200) == 0) {
            calm();
            while (nr_allocations > 0)
                free_one(0);
            start_again();
        }
        if (draw(20) == 0)
            fake_console_clear();
    }
    calm();
    machine_end();
}

TEST(test_walk)
{
    u64 nr_steps = from_environment("VMEM_WALK_STEPS", STEPS);
    for (unsigned number = 0; number < ARRAY_SIZE(block_sizes); number++)
        walk(number, nr_steps / ARRAY_SIZE(block_sizes));
    assert_true(nr_calms >= nr_steps / 200);
}
