/* SPDX-License-Identifier: BSD-2-Clause */
/* The MMIO transport end to end, under the core and the rings, on a fake device. */
#include "tests/unit/unit.h"

#include "drivers/virtio/core/virtio_spec.h"
#include "extras/mmio/mmio.h"
#include "include/status.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/fakes/fake_rig.h"
#include "tests/fakes/fake_virtio_mmio.h"

#define BIT(name) VIRTIO_FEATURE(VIRTIO_F_##name)

static const char *const no_names[24];
static const struct mmio_address address = {FAKE_VIRTIO_MMIO_BASE, FAKE_VIRTIO_MMIO_BYTES,
                                            FAKE_VIRTIO_MMIO_LINE};
static struct fake_virtio_mmio *mmio;
static struct vmem_virtio *device;
static struct virtqueue *queue;

static void set_up(void)
{
    fake_host_start();
    mmio = fake_virtio_mmio_start();
    device = NULL;
    queue = NULL;
}

static void tear_down(void)
{
    if (device) {
        assert_int_equal(vmem_virtio_reset(device), OK);
        vmem_queue_destroy(queue);
        transport_destroy_mmio(device);
    }
    fake_mmio_reset();
    assert_int_equal(fake_host_allocated(), 0);
    fake_host_stop();
    fake_shutdown();
}

static void attach(enum vmem_irq_mode wanted)
{
    assert_int_equal(transport_create_mmio(&address, wanted != VMEM_IRQ_POLL, &device), OK);
    device->name = "dev0";
    assert_int_equal(fake_rig_bring_up(device, wanted, &queue), OK);
}

TEST_WITH(test_end_to_end, set_up, tear_down)
{
    static const u64 features[] = {BIT(RING_PACKED), BIT(EVENT_IDX), BIT(NOTIFICATION_DATA)};

    for (unsigned i = 0; i < 1u << ARRAY_SIZE(features); i++) {
        tear_down();
        set_up();
        for (unsigned j = 0; j < ARRAY_SIZE(features); j++)
            mmio->offered |= (i >> j & 1) != 0 ? features[j] : 0;
        attach(VMEM_IRQ_AUTO);
        assert_true(mmio->accepted == mmio->offered);
        assert_int_equal(mmio->status, 0x0f);
        assert_int_equal(mmio->size, 64);
        for (unsigned j = 0; j < 200; j++) {
            mmio->is_late = j % 2 != 0;
            if (mmio->is_late)
                fake_rig_late_trip(queue, fake_virtio_mmio_answer);
            else
                fake_rig_round_trip(queue);
            assert_int_equal(vmem_virtio_take_events(device),
                             mmio->is_late ? VIRTIO_EVENT_QUEUE : 0);
        }
        assert_int_equal(device->nr_interrupts, 100);
        assert_int_equal(mmio->isr, 0);
    }
}

/* F3: a bit that this transport does not carry. */
TEST_WITH(test_pci_only_feature, set_up, tear_down)
{
    mmio->offered |= BIT(NOTIF_CONFIG_DATA);
    attach(VMEM_IRQ_AUTO);
    assert_true(mmio->accepted == BIT(VERSION_1));
}

TEST_WITH(test_location_and_type, set_up, tear_down)
{
    assert_int_equal(transport_create_mmio(&address, true, &device), OK);
    assert_string_equal(device->location, "mmio 0xfeb00e00");
    assert_int_equal(device->device_type, VIRTIO_ID_MEM);
    assert_int_equal(device->ops->config_bytes(device), 0x100);
}

TEST_WITH(test_config_space, set_up, tear_down)
{
    u8 snapshot[56];

    assert_int_equal(transport_create_mmio(&address, true, &device), OK);
    for (unsigned i = 0; i < sizeof(mmio->config); i++)
        mmio->config[i] = (u8)(i * 3);
    mmio->generation = 0x12345678;
    assert_int_equal(vmem_virtio_read_config(device, snapshot, 0, sizeof(snapshot)), OK);
    assert_memory_equal(snapshot, mmio->config, sizeof(snapshot));
    assert_int_equal(device->ops->read_config(device, 4), 0x15120f0c);
    device->ops->write_config(device, 4, 0x12345678);
    assert_int_equal(device->ops->read_config(device, 4), 0x12345678);
    assert_int_equal(device->ops->config_generation(device), 0x12345678);
}

TEST_WITH(test_not_a_device, set_up, tear_down)
{
    static const struct {
        u32 magic;
        u32 version;
        u32 id;
        const char *line;
    } cases[] = {
        {0xffffffff, 2, 24, "the magic value is 0xffffffff, expected 0x74726976"},
        {0x74726976, 1, 24, "register version 1, expected 2"}, /* legacy */
        {0x74726976, 3, 24, "register version 3, expected 2"},
        {0x74726976, 2, 0, ""}, /* a placeholder is no fault */
    };
    struct vmem_virtio *none;

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        mmio->magic = cases[i].magic;
        mmio->version = cases[i].version;
        mmio->id = cases[i].id;
        fake_host_clear_lines();
        assert_int_equal(transport_create_mmio(&address, true, &none), E_NODEV);
        assert_has(fake_host_lines(), cases[i].line);
        assert_int_equal(fake_host_lines()[0] != '\0', cases[i].line[0] != '\0');
    }
}

TEST_WITH(test_addresses_that_cannot_be, set_up, tear_down)
{
    static const struct mmio_address addresses[] = {
        {0, 0x200, 5},
        {FAKE_VIRTIO_MMIO_BASE + 2, 0x200, 5},
        {FAKE_VIRTIO_MMIO_BASE, 0xff, 5},
        {FAKE_VIRTIO_MMIO_BASE, 0, 5},
        {~(u64)0 - 0xff, 0x200, 5},
        {(u64)1 << 46, 0x200, 5},
        {FAKE_VIRTIO_MMIO_BASE, ~(u64)0, 5},
    };
    struct vmem_virtio *none;

    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++)
        assert_int_equal(transport_create_mmio(&addresses[i], true, &none), E_RANGE);
}

/* Threat 10 */
TEST_WITH(test_queue_sizes, set_up, tear_down)
{
    static const struct {
        u32 max;
        int status;
    } cases[] = {{0, E_NODEV}, {48, E_INVAL}, {0x10000, E_INVAL}, {0x10040, E_INVAL}, {64, OK}};

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        mmio->size_max = cases[i].max;
        assert_int_equal(transport_create_mmio(&address, true, &device), OK);
        assert_int_equal(vmem_virtio_negotiate(device, 0, 0, no_names), OK);
        assert_int_equal(vmem_queue_create(device, 0, 128, &queue), cases[i].status);
    }
    mmio->ready = 1;
    struct virtqueue *second;
    assert_int_equal(vmem_queue_create(device, 0, 128, &second), E_BUSY);
}

/* 64-bit addresses as two halves, both of them. */
TEST_WITH(test_queue_addresses, set_up, tear_down)
{
    struct virtqueue_layout layout = {.size = 64,
                                      .descriptors = 0x123456789000,
                                      .driver_area = 0xabcdef012340,
                                      .device_area = 0xfedcba987640};

    assert_int_equal(transport_create_mmio(&address, true, &device), OK);
    mmio->accepted = BIT(RING_PACKED); /* no memory is there: the fake looks at none then */
    assert_int_equal(device->ops->queue_enable(device, 0, &layout), OK);
    assert_true(mmio->areas[0] == layout.descriptors);
    assert_true(mmio->areas[1] == layout.driver_area);
    assert_true(mmio->areas[2] == layout.device_area);
    assert_int_equal(mmio->ready, 1);
}

TEST_WITH(test_interrupts, set_up, tear_down)
{
    static const struct {
        enum vmem_irq_mode wanted;
        enum vmem_irq_mode mode;
        bool warned;
    } cases[] = {{VMEM_IRQ_AUTO, VMEM_IRQ_INTX, false},
                 {VMEM_IRQ_INTX, VMEM_IRQ_INTX, false},
                 {VMEM_IRQ_MSIX, VMEM_IRQ_INTX, true},
                 {VMEM_IRQ_POLL, VMEM_IRQ_POLL, false}};

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        tear_down();
        set_up();
        attach(cases[i].wanted);
        assert_int_equal(device->irq_mode, cases[i].mode);
        assert_int_equal(strstr(fake_host_lines(), "cannot be had") != NULL, cases[i].warned);
        mmio->is_late = true;
        fake_rig_late_trip(queue, fake_virtio_mmio_answer);
        assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE);
        fake_virtio_mmio_interrupt(VIRTIO_EVENT_CONFIG);
        assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_CONFIG);
        fake_virtio_mmio_interrupt(0xffffffff);
        assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_CONFIG | VIRTIO_EVENT_QUEUE);
        mmio->isr = 0;
        assert_int_equal(vmem_virtio_take_events(device), 0);
        assert_int_equal(device->nr_interrupts, cases[i].mode == VMEM_IRQ_POLL ? 0 : 3);
    }
}

TEST_WITH(test_line_that_is_not_there, set_up, tear_down)
{
    struct mmio_address far = address;

    far.irq_line = 1000;
    assert_int_equal(transport_create_mmio(&far, true, &device), OK);
    assert_int_equal(device->ops->irq_enable(device, VMEM_IRQ_AUTO), OK);
    assert_int_equal(device->irq_mode, VMEM_IRQ_POLL);
}

static void other_handler(void *context)
{
    (void)context;
}

/* Threat 11: the line is given up as well, so that the platform can mask it. */
TEST_WITH(test_storm, set_up, tear_down)
{
    attach(VMEM_IRQ_AUTO);
    while (platform_irq_attach_line(3, other_handler, NULL) == OK)
        ;
    /* Many, but spread over time: no storm. */
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned j = 0; j < 100; j++)
            fake_virtio_mmio_interrupt(VIRTIO_EVENT_CONFIG);
        fake_host_advance_ms(10);
    }
    assert_int_equal(device->irq_mode, VMEM_IRQ_INTX);
    assert_int_equal(device->nr_interrupts, 10000);
    mmio->isr_stuck = true;
    for (unsigned i = 0; i < 10000; i++)
        fake_virtio_mmio_interrupt(VIRTIO_EVENT_CONFIG);
    assert_int_equal(device->irq_mode, VMEM_IRQ_POLL);
    assert_int_equal(device->nr_interrupts, 10000 + 4097);
    assert_has(fake_host_lines(), "the device is polled from now on");
    mmio->isr_stuck = false;
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_CONFIG);
    assert_int_equal(vmem_virtio_take_events(device), 0);
    assert_int_equal(platform_irq_attach_line(3, other_handler, NULL), OK);
    mmio->is_late = true;
    fake_rig_late_trip(queue, fake_virtio_mmio_answer);
    assert_int_equal(vmem_virtio_take_events(device), VIRTIO_EVENT_QUEUE);
    assert_int_equal(device->nr_interrupts, 10000 + 4097);
}
