/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the balloon driver, by sequences of events. Each byte is an event: a target, a
 * device that holds its answers or answers some, that asks for statistics or hints, lies in a used
 * entry or needs a reset, a guest in need, memory that was used, time, sleep, detach and attach.
 * fake_balloon.c checks each request. At the end nothing is held back and nothing wanted: the
 * balloon is empty, unless the device lied or is broken, and every page is the allocator's again.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "tests/fakes/fake_balloon.h"
#include "tests/fakes/fake_host.h"
#include "tests/fuzz/fuzz.h"

#define ACTIONS_MAX 48
#define FALSE_ID    64 /* no queue is so long: the driver must see it */

static struct fake_balloon balloon;
static struct fuzz_input input;
static bool has_lied; /* a packed ring may be out of step then, and an answer never be seen */

static struct vmem_balloon_status status_of(void)
{
    struct vmem_balloon_status status;
    vmem_balloon_get_status(balloon.driver, &status);
    return status;
}

static void attach(void)
{
    balloon.max_run = 256 * (1 + fuzz_take(&input, 1) % 32);
    if (fake_balloon_try_attach(&balloon) != VMEM_OK)
        balloon.driver = NULL;
}

/* What a queue holds is used, or a buffer that nobody has made available. */
static void use_queue(u8 how)
{
    u16 index = how % FAKE_QUEUES;
    struct fake_queue *queue = &balloon.transport.queues[index];
    if (!queue->enabled)
        return;
    if (how >= 128) {
        has_lied = true;
        fake_ring_push_raw(&queue->ring, FALSE_ID, how, 1);
        fake_transport_interrupt(&balloon.transport, VIRTIO_EVENT_QUEUE);
    } else if (queue->nr_unanswered != 0) {
        fake_balloon_ask_for_stats(&balloon);
    } else {
        fake_transport_process(&balloon.transport, index);
    }
}

static void act_on_driver(u8 what)
{
    switch (what % 8) {
    case 0:
        (void)!vmem_balloon_reclaim(balloon.driver, fuzz_take(&input, 1) * 64 * KIB);
        break;
    case 1:
        vmem_balloon_report_idle(balloon.driver);
        break;
    case 2:
        if (status_of().state == VMEM_BALLOON_QUIESCED)
            vmem_balloon_resume(balloon.driver);
        else
            (void)!vmem_balloon_quiesce(balloon.driver);
        break;
    case 3:
        fake_transport_power_off(&balloon.transport);
        vmem_balloon_resume(balloon.driver);
        break;
    case 4:
        vmem_balloon_detach(balloon.driver);
        balloon.driver = NULL;
        break;
    case 5:
        fake_transport_fail(&balloon.transport);
        break;
    case 6:
        fake_balloon_hint(&balloon, (u32)fuzz_take(&input, 1));
        break;
    default:
        fake_balloon_run(&balloon, fuzz_take(&input, 1) * 16);
        break;
    }
}

static void act(void)
{
    u8 what = (u8)fuzz_take(&input, 1);
    switch (what % 4) {
    case 0:
        fake_balloon_want(&balloon, (u32)fuzz_take(&input, 2));
        break;
    case 1:
        balloon.transport.hold = !balloon.transport.hold;
        break;
    case 2:
        use_queue((u8)fuzz_take(&input, 1));
        break;
    default:
        if (balloon.driver)
            act_on_driver(what / 4);
        else
            attach();
        break;
    }
    if (balloon.driver)
        fake_balloon_run(&balloon, 1);
}

static void finish(void)
{
    balloon.transport.hold = false;
    if (balloon.driver) {
        if (status_of().state == VMEM_BALLOON_QUIESCED)
            vmem_balloon_resume(balloon.driver);
        for (u16 i = 0; i < FAKE_QUEUES; i++) {
            if (balloon.transport.queues[i].enabled)
                fake_transport_process(&balloon.transport, i);
        }
        fake_balloon_want(&balloon, 0);
        fake_balloon_run(&balloon, 5000);
        if (status_of().state != VMEM_BALLOON_BROKEN && !has_lied)
            fake_balloon_expect(&balloon, 0);
    }
    fake_balloon_stop(&balloon);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t bytes)
{
    static const u64 rings[] = {
        0, VIRTIO_FEATURE(VIRTIO_F_RING_PACKED), VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX),
        VIRTIO_FEATURE(VIRTIO_F_RING_PACKED) | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX)};
    setenv("FAKE_HOST_SEED", "1", 1); /* an input is always the same run */
    input = (struct fuzz_input){data, bytes, 0};
    has_lied = false;
    u8 flags = (u8)fuzz_take(&input, 1);
    fake_balloon_start(&balloon, (flags & FAKE_BALLOON_FEATURES) | rings[flags >> 6]);
    /* Without MUST_TELL_HOST pages come back in need before the device has read of them. */
    balloon.is_early = true;
    attach();
    for (unsigned i = 0; i < ACTIONS_MAX && !fuzz_ended(&input); i++)
        act();
    finish();
    return 0;
}
