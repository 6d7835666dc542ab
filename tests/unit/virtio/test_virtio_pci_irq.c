/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a PCI device's events reach the driver: two vectors, one, the line,
 * polling; and interrupts that should not be.
 */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "include/status.h"
#include "kernel/transports.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_rig.h"
#include "tests/fakes/fake_virtio_pci.h"
#include "tests/fakes/fake_virtio_pci_setup.h"

#define LINE 11

struct irq_case {
    const char *name;
    unsigned nr_vectors; /* of the function */
    u16 vectors_usable;  /* by the device: P24 */
    unsigned nr_refused; /* messages, by the platform; ~0u: it has none */
    u8 pin;
    u8 line;
    enum vmem_irq_mode wanted;
    enum vmem_irq_mode mode;
    u16 queue_vector;
};

static const struct irq_case irq_cases[] = {
    {"two vectors", 2, 4, 0, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_MSIX, 1},
    {"P22: more than needed", 4, 4, 0, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_MSIX, 1},
    {"P22: one vector", 1, 4, 0, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_MSIX, 0},
    {"P24: the second one fails", 2, 1, 0, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_MSIX, 0},
    {"P24: all fail", 2, 0, 0, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_INTX, 0xffff},
    {"no MSI-X", 0, 4, 0, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_INTX, 0xffff},
    {"no local APIC", 2, 4, ~0u, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_INTX, 0xffff},
    {"no pin", 0, 4, 0, 0, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_POLL, 0xffff},
    {"no line", 0, 4, 0, 1, 0xff, VMEM_IRQ_AUTO, VMEM_IRQ_POLL, 0xffff},
    {"nothing works", 2, 0, ~0u, 1, 0xff, VMEM_IRQ_AUTO, VMEM_IRQ_POLL, 0xffff},
    {"INTx asked for", 2, 4, 0, 1, LINE, VMEM_IRQ_INTX, VMEM_IRQ_INTX, 0xffff},
    {"polling asked for", 2, 4, 0, 1, LINE, VMEM_IRQ_POLL, VMEM_IRQ_POLL, 0xffff},
    {"MSI-X asked for", 2, 4, 0, 1, LINE, VMEM_IRQ_MSIX, VMEM_IRQ_MSIX, 1},
    {"MSI-X asked for in vain", 0, 4, 0, 1, LINE, VMEM_IRQ_MSIX, VMEM_IRQ_INTX, 0xffff},
    {"INTx asked for in vain", 2, 4, 0, 0, LINE, VMEM_IRQ_INTX, VMEM_IRQ_POLL, 0xffff},
    {"the first message is refused", 2, 4, 1, 1, LINE, VMEM_IRQ_AUTO, VMEM_IRQ_INTX, 0xffff},
};

static void answer(void)
{
    fake_virtio_pci_answer(&fake);
}

static void late_trip(void)
{
    fake.is_late = true;
    fake_rig_late_trip(queue, answer);
}

/* The events of a config change and of a used buffer reach the driver, in whatever mode. An answer
 * that is there when the notification returns makes none. */
static void check_events(void)
{
    fake_rig_round_trip(queue);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    late_trip();
    u32 events = vmem_virtio_take_events(device);
    assert_int_not_equal(events & VIRTIO_EVENT_QUEUE, 0);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    fake_virtio_pci_interrupt(&fake, 2);
    assert_int_not_equal(vmem_virtio_take_events(device) & VIRTIO_EVENT_CONFIG, 0);
    fake_virtio_pci_interrupt(&fake, 3); /* P25 */
    assert_int_not_equal(vmem_virtio_take_events(device) & VIRTIO_EVENT_CONFIG, 0);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    u64 nr_expected = device->irq_mode == VMEM_IRQ_POLL ? 0 : 3;
    assert_int_equal(device->nr_interrupts, nr_expected);
    assert_int_equal(fake_host_wakes(), nr_expected);
    assert_int_equal(is_woken, nr_expected != 0);
}

TEST_WITH(test_irq_modes, set_up, tear_down)
{
    for (unsigned i = 0; i < ARRAY_SIZE(irq_cases); i++) {
        const struct irq_case *test = &irq_cases[i];
        print_message("  %s\n", test->name);
        tear_down();
        boot(test->nr_vectors);
        fake.vectors_usable = test->vectors_usable;
        fake_fail_irq_messages(test->nr_refused);
        fake_pci_set(fake.function, PCI_INTERRUPT_LINE, 1, test->line);
        fake_pci_set(fake.function, PCI_INTERRUPT_LINE + 1, 1, test->pin);
        assert_int_equal(attach(test->wanted), OK);
        assert_int_equal(device->irq_mode, test->mode);
        assert_int_equal(fake.queues[0].vector, test->queue_vector);
        bool intx_off = (fake_pci_get(fake.function, PCI_COMMAND, 2) & 0x400) != 0;
        assert_int_equal(intx_off, test->mode != VMEM_IRQ_INTX);
        check_events();
        bool in_vain = test->wanted != VMEM_IRQ_AUTO && test->wanted != test->mode;
        assert_int_equal(strstr(fake_host_lines(), "cannot be had") != NULL, in_vain);
    }
}

/* A reset makes the device forget its vectors; enabling again starts over and leaks no handler. */
static void enable_again(enum vmem_irq_mode mode)
{
    assert_int_equal(attach(mode), OK);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
        vmem_queue_destroy(queue);
        queue = NULL;
        assert_int_equal(fake.config_vector, 0xffff);
        assert_int_equal(device->ops->irq_enable(device, mode), OK);
        assert_int_equal(device->irq_mode, mode);
        assert_int_equal(vmem_queue_create(device, 0, 128, &queue), OK);
        vmem_virtio_driver_ok(device);
    }
    late_trip();
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE);
}

TEST_WITH(test_irq_enable_again, set_up, tear_down)
{
    enable_again(VMEM_IRQ_MSIX);
    tear_down();
    set_up();
    enable_again(VMEM_IRQ_INTX);
}

/* Another device's interrupt on a shared line, and one before DRIVER_OK: nothing happens. */
TEST_WITH(test_spurious_interrupts, set_up, tear_down)
{
    tear_down();
    boot(0);
    create();
    fake_raise_line(LINE); /* not ours yet */
    assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
    assert_int_equal(device->ops->irq_enable(device, VMEM_IRQ_AUTO), OK);
    for (unsigned i = 0; i < 100; i++)
        fake_raise_line(LINE);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    assert_int_equal(fake.nr_isr_reads, 100);
    fake_virtio_pci_interrupt(&fake, 2);
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_CONFIG);
    device->ops->irq_disable(device);
    fake_raise_line(LINE);
    assert_int_equal(fake.nr_isr_reads, 101);
}

/* Threat 11: an ISR of all ones says no more than both events. */
TEST_WITH(test_isr_all_ones, set_up, tear_down)
{
    tear_down();
    boot(0);
    assert_int_equal(attach(VMEM_IRQ_AUTO), OK);
    fake_virtio_pci_interrupt(&fake, 0xff);
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE | VIRTIO_EVENT_CONFIG);
    fake_virtio_pci_interrupt(&fake, 0xfc); /* reserved bits */
    assert_int_equal(vmem_virtio_take_events(device), 0);
}

/* Threat 11: a storm is cut off, said once, and the device is polled from then on. */
static void storm(unsigned nr_vectors)
{
    tear_down();
    boot(nr_vectors);
    assert_int_equal(attach(VMEM_IRQ_AUTO), OK);
    enum vmem_irq_mode before = device->irq_mode;
    for (unsigned i = 0; i < 100; i++) {
        /* Many, but spread over time: no storm. */
        for (unsigned j = 0; j < 100; j++)
            fake_virtio_pci_interrupt(&fake, 2);
        fake_host_advance_ms(10);
    }
    assert_int_equal(device->irq_mode, before);
    fake.isr_stuck = true;
    for (unsigned i = 0; i < 10000; i++)
        fake_virtio_pci_interrupt(&fake, 2);
    assert_int_equal(device->irq_mode, VMEM_IRQ_POLL);
    assert_int_equal(device->nr_interrupts, 10000 + 4097);
    const char *warning = strstr(fake_host_lines(), "more than 4096 interrupts in 100 ms");
    assert_non_null(warning);
    assert_null(strstr(warning + 1, "more than 4096 interrupts"));
    fake_host_advance_ms(1000);
    fake_virtio_pci_interrupt(&fake,
                              1); /* by the other vector, where there is one: it counts no more */
    assert_int_equal(device->nr_interrupts, 10000 + 4097);
    assert_int_equal(vmem_virtio_take_events(device) & VIRTIO_EVENT_CONFIG, VIRTIO_EVENT_CONFIG);
    assert_true((fake_pci_get(fake.function, PCI_COMMAND, 2) & 0x400) != 0);
    fake.isr_stuck = false;
    (void)vmem_virtio_take_events(device);
    /* From now on the driver polls. */
    late_trip();
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE);
    fake_virtio_pci_interrupt(&fake, 2);
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_CONFIG);
}

TEST_WITH(test_storm, set_up, tear_down)
{
    storm(0);
    storm(1);
    storm(2);
}
