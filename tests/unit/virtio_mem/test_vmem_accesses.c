/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often the driver touches a register of the device, each of which is an exit of the virtual
 * machine: for a resize, while pages are moved, and when nothing happens. The counts are exact; one
 * more needs a reason. Where nobody reads the settled line, the size alone is looked at.
 */
#include "drivers/virtio/core/virtio_spec.h"
#include "drivers/virtio/include/vmem/error.h"
#include "tests/fakes/fake_story.h"

#define GENERATION    2 /* before and after */
#define WORDS(nr)     (2 * (nr))
#define NOTIFY        1
#define DEVICE_STATUS 1

/* requested_size; the usable region's, plugged and requested size. */
#define LOOK_REQUESTED (GENERATION + WORDS(1))
#define LOOK_SIZES     (GENERATION + WORDS(3))
#define RESIZE         (LOOK_REQUESTED + NOTIFY)

static struct machine machine;

static void be_quiet(void)
{
    fake_host_want(VMEM_LOG_WARNING);
}

static uint64_t accesses_since(uint64_t before)
{
    return machine.device.transport.nr_accesses - before;
}

/* Let time pass: the accesses, and the interrupts. */
static void expect_run(uint64_t ms, uint64_t nr_accesses, uint64_t nr_interrupts)
{
    const struct fake_transport *transport = &machine.device.transport;
    uint64_t accesses = transport->nr_accesses;
    uint64_t interrupts = transport->nr_interrupts;
    machine_run(&machine, ms);
    assert_int_equal(accesses_since(accesses), nr_accesses);
    assert_int_equal(transport->nr_interrupts - interrupts, nr_interrupts);
}

static void expect_resize(uint64_t bytes, uint64_t nr_accesses, uint64_t nr_interrupts)
{
    const struct fake_transport *transport = &machine.device.transport;
    uint64_t interrupts = transport->nr_interrupts;
    fake_vmem_set_requested(&machine.device, bytes);
    expect_run(0, nr_accesses, nr_interrupts - (transport->nr_interrupts - interrupts));
    machine_expect(&machine, bytes);
}

/* The host's interrupt, the new size, a notification: its answer is there when it returns. Up,
 * whatever is usable; down; and to zero, which one UNPLUG does. */
TEST_WITH(test_a_resize, NULL, machine_end)
{
    static const uint64_t features[] = {
        0, VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX), VIRTIO_FEATURE(VIRTIO_F_RING_PACKED),
        VIRTIO_FEATURE(VIRTIO_F_RING_PACKED) | VIRTIO_FEATURE(VIRTIO_F_EVENT_IDX)};
    for (unsigned i = 0; i < ARRAY_SIZE(features) * 2; i++) {
        machine_boot(&machine, FAKE_VMEM_QEMU);
        be_quiet();
        machine.device.transport.offered |= features[i / 2];
        machine.options.irq_mode = i % 2 != 0 ? VMEM_IRQ_INTX : VMEM_IRQ_MSIX;
        machine_attach(&machine);
        machine_run(&machine, 10);
        expect_resize(2 * MIB, RESIZE, 1);
        expect_resize(GIB, RESIZE, 1);
        expect_resize(64 * MIB, RESIZE, 1);
        expect_resize(512 * MIB, RESIZE, 1);
        expect_resize(0, RESIZE, 1);
        machine_end();
    }
}

/* The settled line says what is usable now: all sizes are read for it, at once. */
TEST_WITH(test_a_resize_with_its_line, NULL, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    expect_resize(GIB, LOOK_SIZES + NOTIFY, 1);
    assert_int_equal(machine_status(&machine).config.usable_bytes, machine.device.usable_bytes);
    expect_resize(512 * MIB, LOOK_SIZES + NOTIFY, 1);
}

/* An answer that takes its time comes with an interrupt, and nothing is looked at for it. */
TEST_WITH(test_a_late_answer, be_quiet, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine.device.transport.hold = true;
    fake_vmem_set_requested(&machine.device, 128 * MIB);
    expect_run(0, RESIZE, 0);
    assert_int_equal(fake_transport_process(&machine.device.transport, 0), 1);
    expect_run(0, 0, 0);
    machine_expect(&machine, 128 * MIB);
    assert_int_equal(machine.device.transport.nr_interrupts, 1 + 1 + 1);
}

/* Once within a second of a resize all sizes are confirmed; then, every three seconds, only the
 * size that the host could have set while an interrupt got lost. The usable region had grown, and
 * the generation has not moved since the look at the requested size: the sizes are read twice. */
TEST_WITH(test_at_rest, be_quiet, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    expect_run(998, 0, 0); /* one has passed */
    expect_run(1, DEVICE_STATUS + LOOK_SIZES + WORDS(3) + 1, 0);
    for (unsigned i = 0; i < 3; i++) {
        expect_run(2999, 0, 0);
        expect_run(1, DEVICE_STATUS + LOOK_REQUESTED, 0);
    }
}

/* A config interrupt without a new requested size: the device may want a reset, or more of the
 * region may be usable. Other interrupts say nothing. */
TEST_WITH(test_unexplained_interrupts, be_quiet, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    machine_run(&machine, 1000);
    fake_transport_interrupt(&machine.device.transport, VIRTIO_EVENT_CONFIG);
    expect_run(0, LOOK_REQUESTED + DEVICE_STATUS + LOOK_SIZES, 0);
    for (unsigned i = 0; i < 100; i++)
        fake_transport_interrupt(&machine.device.transport, VIRTIO_EVENT_QUEUE);
    expect_run(0, 0, 0);
}

/* What was plugged lies above a hole: before the hole is filled by several requests, the driver
 * looks whether a longer run has become usable. */
TEST_WITH(test_more_is_usable, be_quiet, machine_end)
{
    machine_start_with_64m(&machine, FAKE_VMEM_QEMU);
    story_percent = 50;
    story_scatter(&machine, 32);
    machine_resize(&machine, 32 * MIB, 1000);
    uint64_t before = machine.device.transport.nr_accesses;
    machine_resize(&machine, 300 * MIB, 0);
    assert_int_equal(accesses_since(before),
                     LOOK_REQUESTED + DEVICE_STATUS + LOOK_SIZES + WORDS(3) + 1 + NOTIFY);
}

/* Pages move step by step. The device is touched only where blocks go, and where the host says that
 * it wants something else. */
TEST_WITH(test_while_pages_move, be_quiet, machine_end)
{
    machine_start(&machine, FAKE_VMEM_QEMU);
    machine_resize(&machine, 512 * MIB, 1);
    story_percent = 42;
    story_scatter(&machine, 256);
    machine.memory.knobs.pages_per_step = 1;
    uint64_t moves = machine.memory.nr_moves;
    uint64_t notifies = machine.device.transport.nr_notifies;
    uint64_t before = machine.device.transport.nr_accesses;
    machine_resize(&machine, 256 * MIB, 0);
    machine_expect(&machine, 256 * MIB);
    assert_true(machine.memory.nr_moves - moves > 200);
    assert_int_equal(accesses_since(before),
                     LOOK_REQUESTED + machine.device.transport.nr_notifies - notifies);
    assert_in_range(machine.device.transport.nr_notifies - notifies, 2, 10);
}

/* Without interrupts the device is asked every 10 ms, however often the driver is called. */
TEST_WITH(test_polling, be_quiet, machine_end)
{
    machine_boot(&machine, FAKE_VMEM_QEMU);
    machine.options.irq_mode = VMEM_IRQ_POLL;
    machine_attach(&machine);
    machine_run(&machine, 10);
    machine_resize(&machine, 64 * MIB, 10);
    machine_expect(&machine, 64 * MIB);
    machine_run(&machine, 1000);
    uint64_t before = machine.device.transport.nr_accesses;
    for (unsigned i = 0; i < 1000; i++) {
        fake_host_advance_ms(i % 10 == 0);
        machine_turn(&machine);
    }
    assert_int_equal(accesses_since(before), 10);
}
